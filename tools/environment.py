"""Make a virtual environment, or take the one that is there if it is whole: what the Makefile begins each with.

Run as::

    python tools/environment.py FOLDER

The first lines run on any Python 3.7 and later, so that one that is too old is told so before pip is asked for anything.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

OLDEST = (3, 11)
"""The oldest Python that onnxhub runs on; pyproject.toml says the same."""


def main(folder: str) -> None:
    """Leave a whole environment of this Python in the folder; what is half made, or of another Python, is made anew."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        newest = "make demo PYTHON=python3.12"
        sys.exit(f"onnxhub needs Python 3.11 or later, and {sys.executable} is {version}. Name another: {newest}")
    path = Path(folder)
    if is_whole(path):
        return
    try:
        venv.create(path, clear=True, with_pip=True)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{sys.executable} cannot make a virtual environment ({error}). On Debian and Ubuntu the package "
            f"python3-venv is missing: apt install python3-venv"
        )


def is_whole(path: Path) -> bool:
    """Tell whether the folder is an environment of this Python, with a pip that starts."""
    python = path / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    asked = [str(python), "-c", "import pip, sys; print(sys.version)"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return said.strip() == sys.version.strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
