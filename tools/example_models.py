"""Write the models of the documentation's examples into the package: ``python -m tools.example_models``."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.workplace import EXAMPLES, make_example

HOME = Path(__file__).resolve().parent.parent / "src/onnxhub/builtin/examples"


def main() -> None:
    """Make them anew."""
    for name in EXAMPLES:
        shutil.rmtree(HOME / name, ignore_errors=True)
        make_example(HOME / name, name)


if __name__ == "__main__":
    main()
