"""Public names: each is declared in the module that defines it, and belongs to ``onnxhub`` wherever it was imported from."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["PACKAGE", "publish"]

PACKAGE = "onnxhub"


def publish(namespace: dict[str, Any], *names: str) -> None:
    """Make classes and functions of a module names of ``onnxhub``; called as its last line, ``publish(globals(), ...)``.

    Pickles, tracebacks and warnings then name ``onnxhub.Classification``, which stays when a module moves. The names are
    put into the package, too, where ``typing.get_type_hints`` looks for what the annotations of a class mention.
    ``tools/faces.py`` collects these calls: there is no other list of public names to keep.

    Args:
        namespace: The module's ``globals()``.
        names: Of classes and functions that it defines.
    """
    package = vars(sys.modules[PACKAGE])
    for name in names:
        value = namespace[name]
        value.__module__ = PACKAGE
        package[name] = value
