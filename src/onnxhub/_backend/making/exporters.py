"""The two ways to convert PyTorch's weights to ONNX, which need different versions of transformers.

optimum works with transformers 4 alone. transformers 5 has an exporter of its own, which is taken where optimum is not
installed, or cannot work; that of versions before 5.24 differs, and its graphs were not checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["EXPORTERS", "NATIVE", "OPTIMUM", "Exporter", "find_exporter", "find_version"]


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """One way to convert."""

    name: str
    program: str
    """The module that runs in a process of its own."""
    packages: tuple[str, ...]
    """Packages whose versions decide the result of a conversion; all of them must be installed."""
    extra: str
    """The extra of onnxhub that installs them."""
    transformers: tuple[tuple[int, int], tuple[int, int]]
    """The first version that it works with, and the first that it does not."""

    def find_versions(self) -> dict[str, str] | None:
        """Return the versions of its packages; None if one is missing, or transformers is of another version."""
        found = {package: version for package in self.packages if (version := find_version(package)) is not None}
        first, last = self.transformers
        fits = len(found) == len(self.packages) and first <= _parse_version(found["transformers"]) < last
        return found if fits else None


OPTIMUM: Final = Exporter(
    name="optimum",
    program="onnxhub._backend.making.programs.export",
    packages=("optimum", "optimum-onnx", "transformers", "torch"),
    extra="optimum",
    transformers=((0, 0), (5, 0)),
)
NATIVE: Final = Exporter(
    name="transformers",
    program="onnxhub._backend.making.programs.export_native",
    packages=("transformers", "onnx", "onnxscript", "torch"),
    extra="export",
    transformers=((5, 24), (6, 0)),
)
EXPORTERS: Final = (OPTIMUM, NATIVE)
"""The first that is installed is taken."""


def find_exporter() -> tuple[Exporter, dict[str, str]] | None:
    """Return the first exporter that is installed, and the versions of its packages; None if there is none."""
    for exporter in EXPORTERS:
        versions = exporter.find_versions()
        if versions is not None:
            return exporter, versions
    return None


def find_version(package: str) -> str | None:
    """Return the version of an installed package, without importing it; None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _parse_version(version: str) -> tuple[int, int]:
    first, second, *_ = [*map(int, re.findall(r"\d+", version)), 0, 0]
    return first, second
