"""Other sources of onnxhub: those of a revision, laid out under .cache, which programs import instead of the checkout's."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / ".cache" / "sources"
SHORT = 10
"""Digits of a commit in a source's name."""


@dataclass(frozen=True)
class Source:
    """A tree of source files, and what it is called in a table."""

    name: str
    path: Path
    """The folder that has ``onnxhub`` in it, for PYTHONPATH."""


CHECKOUT = Source("this checkout", REPOSITORY / "src")


def find_source(asked: str, repository: Path = REPOSITORY, folder: Path = FOLDER) -> Source:
    """Return the source of a folder that has ``onnxhub`` in it, or of a revision.

    Raises:
        RuntimeError: it is neither; with what git says.
    """
    path = Path(asked).resolve()
    if (path / "onnxhub" / "__init__.py").is_file():
        return Source(asked, path)
    return extract_source(asked, repository, folder)


def extract_source(revision: str, repository: Path = REPOSITORY, folder: Path = FOLDER) -> Source:
    """Write ``src`` as it is at a revision into a folder of its own, unless it is there, and return it.

    Raises:
        RuntimeError: there is no such revision, or it has no ``src/onnxhub``; with what git says.
    """
    # The last argument ends the options, so that a revision that begins with a dash is not taken for one.
    commit = (
        _run_git(repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )
    target = folder / commit
    if not target.exists():
        archive = _run_git(repository, "archive", "--format=tar", commit, "src/onnxhub")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as fresh, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(fresh, filter="data")
            Path(fresh, "src").rename(target)
    name = revision if commit.startswith(revision) else f"{revision} ({commit[:SHORT]})"
    return Source(name, target)


def _run_git(repository: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)} failed:\n{done.stderr.decode(errors='replace').strip()}")
    return done.stdout
