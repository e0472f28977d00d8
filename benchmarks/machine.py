"""What the figures were measured on."""

from __future__ import annotations

import json
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import run

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "huggingface_hub",
    "optimum",
    "optimum-onnx",
    "transformers",
    "sentence-transformers",
    "torch",
    "fastembed",
)
_VERSIONS = f"""
import json, platform
from importlib.metadata import PackageNotFoundError, version
found = {{"Python": platform.python_version()}}
for name in {PACKAGES}:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def describe(installs: Mapping[str, str]) -> list[str]:
    """Lines on the machine, and on each install's versions."""
    lines = [f"{_processor()}, {os.cpu_count()} cores, {_memory()}{platform.system()} {platform.machine()}"]
    for install, python in installs.items():
        versions = json.loads(run([python, "-c", _VERSIONS]).output)
        lines.append(f"{install} install: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    return lines


def _processor() -> str:
    name = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    return name[1] if name else platform.processor() or "unknown processor"


def _memory() -> str:
    total = re.search(r"MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    return f"{int(total[1]) / 2**20:.0f} GiB of memory, " if total else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
