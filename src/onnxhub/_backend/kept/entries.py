"""A complete entry of the store: its files, whether they are intact, and a retry for when it was removed before use."""

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

__all__ = ["MANIFEST", "Entry", "retry_if_cleared", "track"]

_log = logging.getLogger("onnxhub")

P = ParamSpec("P")
T = TypeVar("T")

MANIFEST: Final = "manifest.json"
TRIES: Final = 5
"""How often work is tried whose entries were removed before it had opened them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete entry."""

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
        for error in self.find_damage():
            raise error

    def find_damage(self, *, reread: bool = False) -> Iterator[IntegrityError]:
        """Yield an error for each file that is missing or was changed.

        Args:
            reread: Whether to read files whose digests are remembered, too.
        """
        for name, (size, digest) in self.files.items():
            path = self.folder / name
            try:
                intact = self._is_own(name) and path.stat().st_size == size and sha256(path, reread=reread) == digest
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                yield IntegrityError(str(path), "it is missing")
            else:
                if not intact:
                    yield IntegrityError(str(path), "it is not as it was written")

    def _is_own(self, name: str) -> bool:
        """Tell whether a file is in the entry itself: a copy from somebody else may have links in it, or pipes."""
        folders = [self.folder / part for part in PurePosixPath(name).parents][:-1]
        return S_ISREG((self.folder / name).lstat().st_mode) and not any(map(os.path.islink, folders))

    @property
    def is_gone(self) -> bool:
        """Whether it was removed."""
        return not os.path.isfile(self.folder / MANIFEST)  # Path.is_file would raise where permission is denied


_tracked: ContextVar[list[Entry] | None] = ContextVar("_tracked", default=None)
"""The entries that were found or made within the innermost ``retry_if_cleared``."""


def retry_if_cleared(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that finds entries and opens their files: it is called again if they were removed in between.

    Raises:
        IntegrityError: they were removed each time.
    """

    @wraps(work)
    def retry(*args: P.args, **options: P.kwargs) -> T:
        gone: Entry | None = None
        for _ in range(TRIES):
            entries: list[Entry] = []
            token = _tracked.set(entries)
            try:
                return work(*args, **options)
            except (FileNotFoundError, IntegrityError) as error:
                gone = next((entry for entry in entries if entry.is_gone), None)
                if gone is None:
                    raise
                _log.info("%s was cleared away just now, and is made anew: %s", gone.folder, error)
            finally:
                _tracked.reset(token)
        raise IntegrityError(
            str(gone and gone.folder), "it is cleared away whenever it has been made; load the model again"
        )

    return retry


def track(entry: Entry) -> Entry:
    """Let ``retry_if_cleared`` know of an entry that was found or made just now, and return it."""
    entries = _tracked.get()
    if entries is not None:
        entries.append(entry)
    return entry
