"""Which file systems note the time of every change, so that a file whose times are the same has the same bytes.

Not those in memory (a write through a mapping changes no time on ``tmpfs``), nor those of other machines and of programs
(NFS, SMB, 9p, FUSE), which tell times that they have heard some time ago.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

__all__ = ["notes_changes"]

_SOUND: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs"})
_NEVER_WRITTEN: Final = frozenset({"squashfs", "erofs", "iso9660", "cramfs", "romfs"})
_MOUNTS: Final = Path("/proc/self/mountinfo")
_known: dict[int, bool] = {}
"""Device -> whether its files do."""


def notes_changes(path: Path, device: int) -> bool:
    """Whether the file system of a file, whose ``st_dev`` is given, notes each change; asked once for each device.

    Where the system does not tell which one it is (it is not Linux), it is taken at its word.
    """
    if sys.platform != "linux" or not _MOUNTS.exists():
        return True
    try:
        if device not in _known:
            _known[device] = _sound(_mount_of(path), _mounts())
        return _known[device]
    except OSError:  # the file is gone, or may not be read
        return False


def _mount_of(path: Path | str) -> int:
    """The number of the mount that a file is on; its ``st_dev`` would not do with btrfs and overlays."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with Path("/proc/self/fdinfo", str(descriptor)).open(encoding="utf-8") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith("mnt_id:")), -1)
    finally:
        os.close(descriptor)


def _mounts() -> dict[int, tuple[str, str]]:
    """Number -> type, and the options of the file system itself."""
    found: dict[int, tuple[str, str]] = {}
    with _MOUNTS.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            mount, _, system = line.partition(" - ")
            kind, _, options = system.split(" ", 2)
            found[int(mount.split(" ", 1)[0])] = (kind, options.strip())
    return found


def _sound(number: int, mounts: dict[int, tuple[str, str]]) -> bool:
    kind, options = mounts.get(number, ("", ""))
    if kind != "overlay":
        return kind in _SOUND or kind in _NEVER_WRITTEN
    # What is written lies in a folder of another file system; a container does not see it, but then it is the host's disk.
    upper = next((part[len("upperdir=") :] for part in options.split(",") if part.startswith("upperdir=")), "")
    if not upper or not os.path.isdir(upper):
        return True
    return _sound(_mount_of(upper), mounts)
