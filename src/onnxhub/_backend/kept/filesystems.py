"""File systems that record the time of every change, so that a file whose times are the same has the same bytes.

File systems in memory do not (a write through a mapping changes no time on ``tmpfs``), nor do those of other machines and
of programs (NFS, SMB, 9p, FUSE), which answer with times from a cache.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

__all__ = ["notes_changes", "real_path", "remove_tree"]

_RELIABLE: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs"})
_NEVER_WRITTEN: Final = frozenset({"squashfs", "erofs", "iso9660", "cramfs", "romfs"})
_MOUNTS: Final = Path("/proc/self/mountinfo")
_known: dict[int, bool] = {}
"""Device -> whether its file system records every change."""


def real_path(path: Path) -> Path:
    """Return the path with all links resolved; a loop of links, which Path.resolve refuses, is returned as it is."""
    return Path(os.path.realpath(path))


def remove_tree(folder: Path) -> None:
    """Delete a folder, as far as that is possible; an interrupt meanwhile is raised as it came.

    ``shutil.rmtree`` of Python 3.11 closes a descriptor a second time if it is interrupted just after it has closed it. The
    OSError of that would replace the interrupt.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        interrupt = error.__context__
        if interrupt is not None and not isinstance(interrupt, OSError):
            raise interrupt from None


def notes_changes(path: Path, device: int) -> bool:
    """Tell whether the file system of a file, whose ``st_dev`` is given, records every change; asked once per device.

    Outside of Linux, where file systems cannot be told apart, all are trusted.
    """
    if sys.platform != "linux" or not _MOUNTS.exists():
        return True
    try:
        if device not in _known:
            _known[device] = _is_reliable(_find_mount(path), _read_mounts())
        return _known[device]
    except OSError:  # the file is gone, or may not be read
        return False


def _find_mount(path: Path | str) -> int:
    """Return the id of the mount that a file is on; btrfs and overlays have other numbers in ``st_dev``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with Path("/proc/self/fdinfo", str(descriptor)).open(encoding="utf-8") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith("mnt_id:")), -1)
    finally:
        os.close(descriptor)


def _read_mounts() -> dict[int, tuple[str, str]]:
    """Return for each mount id the file system's type and its own options."""
    mounts: dict[int, tuple[str, str]] = {}
    with _MOUNTS.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            mount, _, system = line.partition(" - ")
            kind, _, options = system.split(" ", 2)
            mounts[int(mount.split(" ", 1)[0])] = (kind, options.strip())
    return mounts


def _is_reliable(mount: int, mounts: dict[int, tuple[str, str]]) -> bool:
    kind, options = mounts.get(mount, ("", ""))
    if kind != "overlay":
        return kind in _RELIABLE or kind in _NEVER_WRITTEN
    # An overlay writes to a folder of another file system. In a container that folder is not visible: it is the host's disk.
    upper = next((part[len("upperdir=") :] for part in options.split(",") if part.startswith("upperdir=")), "")
    if not upper or not os.path.isdir(upper):
        return True
    return _is_reliable(_find_mount(upper), mounts)
