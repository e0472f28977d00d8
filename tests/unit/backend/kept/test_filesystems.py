"""Which file systems note every change, so that a digest may be remembered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from onnxhub._backend.kept import filesystems

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:5 / /dev/shm rw shared:2 - tmpfs tmpfs rw,size=64k
23 21 0:6 / /mnt/nfs rw - nfs4 server:/export rw,vers=4.2
24 21 0:7 / /mnt/fuse rw - fuse.sshfs me@there:/ rw
25 21 0:8 / /mnt/image ro - squashfs /dev/loop0 ro
26 21 0:9 / /mnt/here rw - overlay overlay rw,lowerdir=/low,upperdir=UPPER,workdir=/work
27 21 0:9 / /mnt/container rw - overlay overlay rw,lowerdir=/low,upperdir=/no/such/folder,workdir=/work
28 21 0:10 / /mnt/new rw - somefs none rw
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize(
    ("number", "sound"),
    [(21, True), (22, False), (23, False), (24, False), (25, True), (26, False), (27, True), (28, False), (99, False)],
)
def test_a_file_system_is_known_by_its_mount(
    number: int, sound: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disks do, memory and other machines do not; an overlay is as what lies above in it; one that is not known is not trusted."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.replace("UPPER", str(tmp_path)), encoding="utf-8")
    monkeypatch.setattr(filesystems, "_MOUNTS", table)
    monkeypatch.setattr(filesystems, "_find_mount", lambda path: 22 if path == str(tmp_path) else number)
    monkeypatch.setattr(filesystems, "_known", {})
    assert filesystems.notes_changes(tmp_path / "file", 1) is sound


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_the_mount_of_a_file_is_one_of_the_table(tmp_path: Path) -> None:
    """The system numbers both alike."""
    assert filesystems._find_mount(tmp_path) in filesystems._read_mounts()


def test_where_nothing_is_told_times_are_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system of another kind."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(filesystems, "_known", {})
    assert filesystems.notes_changes(tmp_path, 1)


def test_a_file_that_is_gone_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no error here: who reads it, will say so."""
    monkeypatch.setattr(filesystems, "_known", {})
    assert filesystems.notes_changes(tmp_path / "none", 1) is (sys.platform != "linux")


@pytest.mark.parametrize("folder", ["here", "none"])
def test_a_folder_is_removed_as_far_as_that_is_possible(folder: str, tmp_path: Path) -> None:
    """With all that is in it; one that is not there is no error."""
    (tmp_path / "here" / "deep").mkdir(parents=True)
    (tmp_path / "here" / "deep" / "file").write_bytes(b"x")
    filesystems.remove_tree(tmp_path / folder)
    assert not (tmp_path / folder).exists()


def test_an_interrupt_while_a_folder_is_removed_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 closes a descriptor twice then, and its error would be raised in the place of the interrupt."""
    interrupt = KeyboardInterrupt()

    def rmtree(_: Path, ignore_errors: bool) -> None:
        try:
            raise interrupt
        finally:
            raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("shutil.rmtree", rmtree)
    with pytest.raises(KeyboardInterrupt) as raised:
        filesystems.remove_tree(tmp_path)
    assert raised.value is interrupt


def test_a_folder_that_cannot_be_closed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network file system that fails meanwhile."""

    def rmtree(_: Path, ignore_errors: bool) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("shutil.rmtree", rmtree)
    filesystems.remove_tree(tmp_path)
    assert tmp_path.is_dir()
