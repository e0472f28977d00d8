"""A finished entry of the store: what it holds, whether it is as it was made, and what to do when it is cleared away."""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import PurePosixPath
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from onnxhub._backend.kept.digests import sha256
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["MANIFEST", "Entry", "note", "retry_if_cleared"]

_log = logging.getLogger("onnxhub")

P = ParamSpec("P")
T = TypeVar("T")

MANIFEST: Final = "manifest.json"
TRIES: Final = 5
"""Times that something is done because the entries that it found were cleared away."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished entry."""

    folder: Path
    made_of: Mapping[str, object]
    """What it was made from and with, for people to read."""
    files: Mapping[str, tuple[int, str]]
    """Path -> size in bytes, SHA-256."""

    def check(self) -> None:
        """Compare every file with the manifest.

        Raises:
            IntegrityError: one is missing, or not as it was written; its path is in the error.
        """
        for error in self.damage():
            raise error

    def damage(self, *, anew: bool = False) -> Iterator[IntegrityError]:
        """An error for each file that is missing, or not as it was written; ``anew`` reads those that are remembered, too."""
        for name, (size, digest) in self.files.items():
            path = self.folder / name
            try:
                sound = self._is_own(name) and path.stat().st_size == size and sha256(path, anew=anew) == digest
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                yield IntegrityError(str(path), "it is missing")
            else:
                if not sound:
                    yield IntegrityError(str(path), "it is not as it was written")

    def _is_own(self, name: str) -> bool:
        """Tell whether a file is in the entry itself: a copy from somebody else may have links in it, or pipes."""
        folders = [self.folder / part for part in PurePosixPath(name).parents][:-1]
        return S_ISREG((self.folder / name).lstat().st_mode) and not any(map(os.path.islink, folders))

    @property
    def is_gone(self) -> bool:
        """Whether somebody has cleared it away."""
        return not os.path.isfile(self.folder / MANIFEST)  # where Path.is_file would raise for a closed folder


_found: ContextVar[list[Entry] | None] = ContextVar("_found", default=None)
"""What ``retry_if_cleared`` watches over."""


def retry_if_cleared(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate what finds entries and opens their files: where they were cleared away in between, it is done once more.

    Raises:
        IntegrityError: they were cleared away each time.
    """

    @wraps(work)
    def retry(*args: P.args, **options: P.kwargs) -> T:
        gone: Entry | None = None
        for _ in range(TRIES):
            found: list[Entry] = []
            token = _found.set(found)
            try:
                return work(*args, **options)
            except (FileNotFoundError, IntegrityError) as error:
                gone = next((entry for entry in found if entry.is_gone), None)
                if gone is None:
                    raise
                _log.info("%s was cleared away just now, and is made anew: %s", gone.folder, error)
            finally:
                _found.reset(token)
        raise IntegrityError(
            str(gone and gone.folder), "it is cleared away whenever it has been made; load the model again"
        )

    return retry


def note(entry: Entry) -> Entry:
    """Watch over an entry that was found or made just now."""
    found = _found.get()
    if found is not None:
        found.append(entry)
    return entry
