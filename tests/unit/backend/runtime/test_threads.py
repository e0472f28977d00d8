"""How many threads a session gets, from trees that look like a host's or a container's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import onnxhub
from onnxhub._backend.runtime.scheduling import Schedule, choose_schedule
from onnxhub._backend.runtime.threads import count_usable_cores

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str) -> None:
    """One file of a fake tree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may run on CPUs 0 to 7."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "1600000 100000\n"}, 8),
        ({"cpu.max": "200000 0\n"}, 8),
        ({"cpu.max": "nonsense\n"}, 8),
        ({"cpu.max": ""}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, 8),
    ],
)
def test_the_quota_of_a_control_group(files: dict[str, str], expected: int, tmp_path: Path, eight: None) -> None:
    """Versions 2 and 1, with a limit, without one, and with nonsense."""
    for name, text in files.items():
        write(tmp_path / "cgroup" / name, text)
    assert count_usable_cores(tmp_path / "cgroup", tmp_path / "none", tmp_path / "no process") == expected


@pytest.mark.parametrize(
    ("process", "expected"),
    [("0::/\n", 8), ("0::/system.slice/app.service\n", 2), ("0::/system.slice\n", 6), ("12:cpu:/other\n", 8)],
)
def test_the_quota_of_nested_control_groups(process: str, expected: int, tmp_path: Path, eight: None) -> None:
    """The tightest of the process's own group and of those around it."""
    write(tmp_path / "cgroup/system.slice/cpu.max", "600000 100000\n")
    write(tmp_path / "cgroup/system.slice/app.service/cpu.max", "200000 100000\n")
    write(tmp_path / "process", process)
    assert count_usable_cores(tmp_path / "cgroup", tmp_path / "none", tmp_path / "process") == expected


@pytest.mark.parametrize(
    ("allowed", "expected"), [(range(8), 4), ((0, 4), 1), ((0, 1), 2), ((0, 1, 2, 3), 4), ((5,), 1)]
)
def test_siblings_of_one_core_count_once(
    allowed: tuple[int, ...], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four physical cores of two hardware threads each, and every affinity."""
    for cpu in range(8):
        write(tmp_path / f"cpu{cpu}/topology/thread_siblings_list", f"{cpu % 4},{cpu % 4 + 4}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed), raising=False)
    assert count_usable_cores(tmp_path / "none", tmp_path) == expected


def test_quota_and_topology_together(tmp_path: Path, eight: None) -> None:
    """The smaller of the two counts."""
    for cpu in range(8):
        write(tmp_path / f"cpu{cpu}/topology/thread_siblings_list", f"{cpu % 4},{cpu % 4 + 4}\n")
    write(tmp_path / "cpu.max", "300000 100000\n")
    assert count_usable_cores(tmp_path, tmp_path) == 3


def test_a_system_without_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS and Windows have no affinity; their CPUs are counted."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert count_usable_cores(tmp_path, tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_usable_cores(tmp_path, tmp_path) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_gets_the_threads(threads: int, tiny_model) -> None:
    """What was asked for is set on the session."""
    model = onnxhub.load("text-classification", tiny_model(), threads=threads)
    assert model.session.get_session_options().intra_op_num_threads == threads


def test_no_memory_is_kept_for_shapes(tiny_model) -> None:
    """Texts make thousands of them; whoever has one shape alone can have it."""
    given = [None, {"enable_mem_pattern": True}]
    models = [onnxhub.load("text-classification", tiny_model(), session_options=options) for options in given]
    assert [model.session.get_session_options().enable_mem_pattern for model in models] == [False, True]


USUAL = {
    "size": 2**28, "operators": {"MatMul"}, "on_cpu": True, "cores": 4, "shares_weights": True, "allow_concurrent": True, "budget": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Schedule(lanes=1, budget=1024, batches_before_second_session=8)),
        ({"size": 2**20}, Schedule(lanes=4, budget=1024)),
        ({"size": 2**20, "shares_weights": False}, Schedule(lanes=4, budget=1024)),
        ({"size": 2**20, "operators": {"MatMulNBits"}}, Schedule(lanes=1, budget=1024)),
        ({"size": 2**20, "allow_concurrent": False}, Schedule(lanes=1, budget=1024)),
        ({"size": 2**20, "on_cpu": False}, Schedule(lanes=1, budget=16384)),
        ({"budget": 300}, Schedule(lanes=1, budget=300, batches_before_second_session=8)),
        (
            {"budget": 300, "operators": {"DynamicQuantizeLinear"}},
            Schedule(lanes=4, budget=1, batches_before_second_session=8),
        ),
        ({"operators": {"DynamicQuantizeLSTM"}}, Schedule(lanes=4, budget=1, batches_before_second_session=8)),
        (
            {"operators": {"DynamicQuantizeLSTM"}, "allow_concurrent": False},
            Schedule(lanes=1, budget=1, batches_before_second_session=8),
        ),
        (
            {"operators": {"DynamicQuantizeLSTM"}, "shares_weights": False},
            Schedule(lanes=1, budget=1, batches_before_second_session=8),
        ),
    ],
)
def test_the_schedule_of_a_model(given: dict[str, Any], expected: Schedule) -> None:
    """Threads and batches at once never use more than the cores; what was told is kept, but for dynamic quantisation."""
    assert choose_schedule(**{**USUAL, **given}) == expected
