"""What was measured is kept, a file a section, so that one can be measured again without the others."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.plots import Axis, Bars, Lines
from benchmarks.report import Section, Table, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def keep(folder: Path, name: str, section: Section) -> None:
    """Write a section's results."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(asdict(section), indent=1), encoding="utf-8")


def kept(folder: Path, name: str) -> Section | None:
    """Return a section's results; None if it was never measured."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    values = json.loads(path.read_bytes())
    return Section(**{**values, "machine": tuple(values["machine"]), "tables": [*map(_table, values["tables"])]})


def _table(values: Mapping[str, Any]) -> Table:
    targets = [Target(**target) for target in values["targets"]]
    return Table(**{**values, "targets": targets, "plots": [*map(_plot, values["plots"])]})


def _plot(values: Mapping[str, Any]) -> Lines | Bars:
    if "series" not in values:
        return Bars(**values)
    return Lines(**{**values, "x": Axis(**values["x"]), "y": Axis(**values["y"])})
