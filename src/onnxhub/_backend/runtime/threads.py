"""Counts the cores that this process may use: ONNX Runtime itself counts those of the host."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["count_usable_cores"]

CGROUP = Path("/sys/fs/cgroup")
CPUS = Path("/sys/devices/system/cpu")
PROCESS = Path("/proc/self/cgroup")


def count_usable_cores(cgroup: Path = CGROUP, cpus: Path = CPUS, process: Path = PROCESS) -> int:
    """Count the physical cores that this process may run on, up to the quota of its container."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    return max(1, math.ceil(min(_count_physical(allowed, cpus), _read_quota(cgroup, process))))


def _count_physical(allowed: set[int], cpus: Path) -> int:
    """Count allowed CPUs, with siblings of a core counted once."""
    cores = {_read(cpus / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in allowed}
    return len(cores)


def _read_quota(cgroup: Path, process: Path) -> float:
    """Return the CPUs that the control groups grant (versions 2 and 1); infinite without a limit."""
    own = next((line[4:] for line in _read(process).splitlines() if line.startswith("0::/")), "")
    groups = [cgroup / own, *(cgroup / own).parents]
    nested = [
        _parse_quota(*(_read(group / "cpu.max") or "max").split()) for group in groups if group.is_relative_to(cgroup)
    ]
    legacy = _parse_quota(_read(cgroup / "cpu/cpu.cfs_quota_us"), _read(cgroup / "cpu/cpu.cfs_period_us"))
    return min(legacy, *nested)


def _parse_quota(quota: str, period: str = "") -> float:
    if not quota.isdecimal() or not period.isdecimal() or period == "0":
        return math.inf
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
