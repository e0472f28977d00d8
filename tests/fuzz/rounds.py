"""How long the fuzzers go on: once over fixed seeds in the suite, and more often, with other seeds, by `make fuzz`."""

from __future__ import annotations

import os

VARIABLE = "FUZZ_ROUNDS"


def rounds() -> int:
    """Give how many times as long as in the suite; to be asked on import, before tests change the environment.

    Raises:
        ValueError: the variable is no positive number.
    """
    value = int(os.environ.get(VARIABLE, "1"))
    if value < 1:
        raise ValueError(f"{VARIABLE} is {value}: it must be 1 or more")
    return value
