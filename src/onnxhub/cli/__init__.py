"""The command line, ``onnxhub`` or ``python -m onnxhub``: one file a command, and what they share in ``_*.py``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and exit: 0, 1 (an error), 2 (wrong usage) or 130 (Ctrl-C)."""
    try:
        from onnxhub.cli._app import run
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit(f"onnxhub: the command line needs {error.name}, which is not installed: pip install 'onnxhub[cli]'")
    except KeyboardInterrupt:
        sys.exit(130)
    run()
