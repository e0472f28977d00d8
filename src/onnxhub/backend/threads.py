"""How many threads this process may use: ONNX Runtime itself looks at the host's cores only."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_cores"]

CGROUP = Path("/sys/fs/cgroup")
CPUS = Path("/sys/devices/system/cpu")


def usable_cores(cgroup: Path = CGROUP, cpus: Path = CPUS) -> int:
    """Physical cores that this process may run on, and no more than its container's quota pays for."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    return max(1, math.ceil(min(_physical(allowed, cpus), _quota(cgroup))))


def _physical(allowed: set[int], cpus: Path) -> int:
    """Allowed CPUs, siblings of one core counted once."""
    cores = {_read(cpus / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in allowed}
    return len(cores)


def _quota(cgroup: Path) -> float:
    """CPUs' worth of time that the control group grants (versions 2 and 1); infinite without a limit."""
    quota, _, period = (_read(cgroup / "cpu.max") or "max").partition(" ")
    if not period:
        quota = _read(cgroup / "cpu/cpu.cfs_quota_us") or "-1"
        period = _read(cgroup / "cpu/cpu.cfs_period_us")
    if not quota.isdecimal() or not period.isdecimal() or period == "0":
        return math.inf
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
