"""Digests of files, computed once and remembered until the file is touched.

A digest is remembered under the file's device, inode, size and times. No program can set the time of the last change
(``ctime``), so a file whose bytes were changed is read again, whatever its size and modification time are.

This needs a file system that records the time of every change (``filesystems``). For a write through a memory mapping, the
change is recorded only if the page was clean: so dirty pages are written to the disk before a digest is remembered.
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

from onnxhub._backend.kept.assets import assets_dir, is_behind_link, read_sealed, sweep_small_files, write_sealed
from onnxhub._backend.kept.filesystems import notes_changes, real_path

__all__ = ["DIGEST", "compute_sha256", "digest_of", "forget", "has_digest", "matches", "remember_moved", "sha256"]

_log = logging.getLogger("onnxhub")

DIGEST: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The digests by which the Hub names files; see ``matches``."""
SHA256: Final = "sha256"
GIT_BLOB: Final = "git-blob"
"""git's name of a file that is not stored as LFS: SHA-1 of a header and the bytes."""
REMEMBERED: Final = 2**18
"""Bytes from which on looking a digest up is cheaper than computing it."""
_MEMO: Final = re.compile(r"[0-9a-f]+-[0-9a-f]+-(sha256|git-blob)\.json")
"""The names of files with remembered digests: device, inode, kind."""
TICK: Final = 0.02
"""Seconds within which two changes can get the same time; no kernel has a coarser clock."""
COARSE_TICK: Final = 2.0
"""The same on file systems that store whole seconds."""


def sha256(path: Path, *, reread: bool = False) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits; ``reread`` reads the file even if its digest is remembered."""
    return _look_up(path, SHA256, reread=reread)


def matches(path: Path, expected: str, *, reread: bool = False) -> bool:
    """Tell whether a file has the digest by which the Hub names it: SHA-256 of an LFS file, git's blob id of any other."""
    return _look_up(path, _choose_kind(expected), reread=reread) == expected


def has_digest(path: Path, expected: str) -> bool:
    """Tell whether a file has the digest, as ``matches`` does; nothing is looked up or remembered."""
    return _compute(path, _choose_kind(expected)) == expected


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file; nothing is looked up or remembered."""
    return _compute(path, SHA256)


def digest_of(value: object) -> str:
    """Return the SHA-256 of a value as JSON; objects that JSON cannot write count by their text."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def forget(*, every: bool = False) -> None:
    """Delete the digests of files that are gone or were touched, or of every file; nothing is deleted behind a link."""
    if is_behind_link("digests"):
        return
    sweep_small_files(assets_dir("digests"))
    for memo in assets_dir("digests").glob("*.json"):
        try:
            if _MEMO.fullmatch(memo.name) and (every or not _is_current(memo)):
                memo.unlink(missing_ok=True)
        except OSError as error:
            _log.debug("%s stays: %s", memo, error)


def _is_current(memo: Path) -> bool:
    """Tell whether the file of a remembered digest is there and untouched."""
    try:
        value = read_sealed(memo)
        return _state(Path(str(value.get("file")))) == value.get("state")
    except (OSError, ValueError):
        return False


def remember_moved(path: Path) -> None:
    """Record the new place of a file whose digest was remembered before it was moved; the file is not read."""
    try:
        real = real_path(path)
        state = _state(real)
    except OSError as error:  # another process has just deleted it
        _log.debug("the digest of %s is not kept: %s", path, error)
        return
    if state[2] >= REMEMBERED and notes_changes(real, state[0]):
        _recall(_memo_path(state, SHA256), real, state)


def _choose_kind(digest: str) -> str:
    return SHA256 if len(digest) == 64 else GIT_BLOB


def _look_up(path: Path, kind: str, *, reread: bool) -> str:
    """Return the remembered digest of a file, or compute and remember it."""
    real = real_path(path)
    state = _state(real)
    if state[2] < REMEMBERED or not notes_changes(real, state[0]):
        return _compute(real, kind)
    memo = _memo_path(state, kind)
    known = None if reread else _recall(memo, real, state)
    if known is not None:
        return known
    is_flushed = _flush(real)
    is_settled = _wait_for_tick(state)
    digest = _compute(real, kind)
    try:
        is_same = _state(real) == state
    except OSError:  # it was deleted meanwhile, as a damaged file is by the first process that finds it
        is_same = False
    if is_flushed and is_settled and is_same:
        _remember(memo, real, state, digest)
    return digest


def _memo_path(state: list[int], kind: str) -> Path:
    """Return where a digest is remembered: by the file's inode, so that it is still found when the file is moved."""
    return assets_dir("digests") / f"{state[0]:x}-{state[1]:x}-{kind}.json"


def _flush(path: Path) -> bool:
    """Write a file's dirty pages to the disk: a later change through a mapping then gets a time of its own."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        os.fsync(descriptor)
    except OSError as error:  # some file systems cannot, since they are never written
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


def _recall(memo: Path, path: Path, state: list[int]) -> str | None:
    try:
        value = read_sealed(memo)
    except (FileNotFoundError, PermissionError):  # there is none, or it is another user's, without read permission
        return None
    except (OSError, ValueError) as error:
        _log.warning("%s is damaged (%s): the digest is taken anew", memo, error)
        return None
    known = value.get("digest") if value.get("state") == state else None
    if not isinstance(known, str):
        return None
    # If the file was moved, `forget` would not find it. Path.exists would raise where permission is denied.
    if not os.path.exists(str(value.get("file"))):  # noqa: PTH110
        _remember(memo, path, state, known)
    return known


def _wait_for_tick(state: list[int]) -> bool:
    """Wait until another change would get another time; return False if that takes too long, or the clock was set back."""
    changed = state[4]
    tick = TICK if changed % 10**9 else COARSE_TICK
    ago = time.time() - changed / 1e9
    if tick == TICK and 0 <= ago < TICK:
        time.sleep(TICK)
        return True
    return ago >= tick


def _compute(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        if kind == SHA256:
            return hashlib.file_digest(file, "sha256").hexdigest()
        # git names files by SHA-1; it is no protection against somebody who can forge it.
        digest = hashlib.sha1(f"blob {os.fstat(file.fileno()).st_size}\0".encode(), usedforsecurity=False)
        while chunk := file.read(2**20):
            digest.update(chunk)
        return digest.hexdigest()
