"""Whether a file holds what it should: its digest, taken once, and remembered for as long as nobody touches the file.

A digest is remembered under the file's device, inode, size and times; of these, no program can set the time of the last
change (``ctime``). So a file whose bytes were changed is read anew, whatever its size and its date say.

That holds for file systems that note the time of every change (``filesystems``), and on these for a write through a mapping
only if the page was clean: so what is in memory is written to the disk before a digest is taken that shall be remembered.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import time
from pathlib import Path
from typing import Final

from onnxhub._backend.kept.assets import assets_dir, behind_a_link, read_sealed, sweep_unfinished, write_sealed
from onnxhub._backend.kept.filesystems import notes_changes

__all__ = ["DIGEST", "compute_sha256", "digest_of", "forget", "has_digest", "matches", "note_place", "sha256"]

_log = logging.getLogger("onnxhub")

DIGEST: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""What the Hub names files by; see ``matches``."""
SHA256: Final = "sha256"
GIT_BLOB: Final = "git-blob"
"""git's name of a file that is not large: SHA-1 of a header and the bytes."""
REMEMBERED: Final = 2**18
"""Bytes from which on it is cheaper to look a digest up than to take it."""
_MEMO: Final = re.compile(r"[0-9a-f]+-[0-9a-f]+-(sha256|git-blob)\.json")
"""The names of what is remembered."""
TICK: Final = 0.02
"""Seconds within which two changes can get the same time; no kernel's clock is coarser."""
COARSE_TICK: Final = 2.0
"""The same on file systems that keep whole seconds."""


def sha256(path: Path, *, anew: bool = False) -> str:
    """The SHA-256 of a file, as hexadecimal digits; ``anew`` asks the file, and no memory."""
    return _digest(path, SHA256, anew=anew)


def matches(path: Path, expected: str, *, anew: bool = False) -> bool:
    """Whether a file has the digest by which the Hub names it: SHA-256 of a large file, git's blob id of any other."""
    return _digest(path, SHA256 if len(expected) == 64 else GIT_BLOB, anew=anew) == expected


def has_digest(path: Path, expected: str) -> bool:
    """Tell whether a file that nobody else knows has the digest, as ``matches`` does; nothing is remembered."""
    return _taken(path, SHA256 if len(expected) == 64 else GIT_BLOB) == expected


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file that nobody else knows; nothing is remembered."""
    return _taken(path, SHA256)


def digest_of(value: object) -> str:
    """The SHA-256 of a value that JSON can write; what else is in it counts by its text."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def forget(*, every: bool = False) -> None:
    """Delete what is remembered of files that are gone or were touched since, or of every file; nothing behind a link."""
    if behind_a_link("digests"):
        return
    sweep_unfinished(assets_dir("digests"))
    for memo in assets_dir("digests").glob("*.json"):
        try:
            if _MEMO.fullmatch(memo.name) and (every or not _holds(memo)):
                memo.unlink(missing_ok=True)
        except OSError as error:
            _log.debug("%s stays: %s", memo, error)


def _holds(memo: Path) -> bool:
    try:
        value = read_sealed(memo)
        return _state(Path(str(value.get("file")))) == value.get("state")
    except (OSError, ValueError):
        return False


def note_place(path: Path) -> None:
    """Remember the digest of a file that was moved under the name that it has now; it is not read."""
    try:
        real = Path(os.path.realpath(path))
        state = _state(real)
    except OSError as error:  # it is gone again
        _log.debug("the digest of %s is not kept: %s", path, error)
        return
    if state[2] >= REMEMBERED and notes_changes(real, state[0]):
        _remembered(_memo(state, SHA256), real, state)


def _digest(path: Path, kind: str, *, anew: bool) -> str:
    real = Path(os.path.realpath(path))
    state = _state(real)
    if state[2] < REMEMBERED or not notes_changes(real, state[0]):
        return _taken(real, kind)
    memo = _memo(state, kind)
    known = None if anew else _remembered(memo, real, state)
    if known is not None:
        return known
    lasting = _written_out(real)
    settled = _settled(state)
    taken = _taken(real, kind)
    try:
        same = _state(real) == state
    except OSError:  # it was deleted meanwhile, as a damaged file is by whoever comes first
        same = False
    if lasting and settled and same:
        _remember(memo, real, state, taken)
    return taken


def _memo(state: list[int], kind: str) -> Path:
    """By the file's inode, so that one which is moved into place is known there."""
    return assets_dir("digests") / f"{state[0]:x}-{state[1]:x}-{kind}.json"


def _written_out(path: Path) -> bool:
    """Write what is in memory of a file to the disk: a later change through a mapping then gets a time of its own."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        os.fsync(descriptor)
    except OSError as error:  # some cannot, since they are never written
        return error.errno in {errno.EINVAL, errno.EROFS}
    finally:
        os.close(descriptor)
    return True


def _remember(memo: Path, path: Path, state: list[int], digest: str) -> None:
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(memo, {"file": str(path), "state": state, "digest": digest})
    except OSError as error:
        _log.debug("the digest of %s is not kept: %s", path, error)


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _remembered(memo: Path, path: Path, state: list[int]) -> str | None:
    try:
        value = read_sealed(memo)
    except (FileNotFoundError, PermissionError):  # none is there, or somebody else's, who lets nobody look
        return None
    except (OSError, ValueError) as error:
        _log.warning("%s is damaged (%s): the digest is taken anew", memo, error)
        return None
    known = value.get("digest") if value.get("state") == state else None
    if not isinstance(known, str):
        return None
    # Where it was moved since, `forget` would look for it in vain. Path.exists raises an error where nobody may look.
    if not os.path.exists(str(value.get("file"))):  # noqa: PTH110
        _remember(memo, path, state, known)
    return known


def _settled(state: list[int]) -> bool:
    """Wait until another change would get another time; False where that is too long, or the clock was set back."""
    changed = state[4]
    tick = TICK if changed % 10**9 else COARSE_TICK
    ago = time.time() - changed / 1e9
    if tick == TICK and 0 <= ago < TICK:
        time.sleep(TICK)
        return True
    return ago >= tick


def _taken(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        if kind == SHA256:
            return hashlib.file_digest(file, "sha256").hexdigest()
        # git's choice, not ours: it names files of the Hub, and is no protection against someone who can forge it.
        digest = hashlib.sha1(f"blob {os.fstat(file.fileno()).st_size}\0".encode(), usedforsecurity=False)
        while chunk := file.read(2**20):
            digest.update(chunk)
        return digest.hexdigest()
