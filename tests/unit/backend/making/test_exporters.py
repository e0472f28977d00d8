"""Which of the two ways to convert is taken, by what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._backend.making import exporters
from onnxhub._backend.making.exporters import NATIVE, OPTIMUM, find_exporter
from onnxhub._backend.repository.repository import open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import MissingDependencyError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

BOTH = {"optimum": "2.1.0", "optimum-onnx": "0.1.0", "torch": "2.13.0", "onnx": "1.23.2", "onnxscript": "0.7.2"}


def without(*packages: str) -> dict[str, str]:
    """What is installed, but for these."""
    return {package: version for package, version in BOTH.items() if package not in packages}


@pytest.mark.parametrize(
    ("found", "transformers", "expected"),
    [
        (BOTH, "4.57.6", OPTIMUM),
        (BOTH, "5.24.0", NATIVE),  # which optimum does not work with
        (BOTH, "5.25.1", NATIVE),
        (BOTH, "5.23.2", None),
        (BOTH, "5.24", NATIVE),
        (BOTH, "6.0.0", None),
        (BOTH, "unknown", OPTIMUM),
        (without("optimum", "optimum-onnx"), "5.24.0", NATIVE),
        (without("optimum", "optimum-onnx"), "4.57.6", None),
        (without("onnxscript"), "4.57.6", OPTIMUM),
        (without("onnxscript"), "5.24.0", None),
        (without("torch"), "4.57.6", None),
        ({}, "5.24.0", None),
    ],
)
def test_what_is_installed_decides(
    found: dict[str, str], transformers: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Optimum where it can work, transformers' own exporter where that is there, and nothing by halves."""
    versions = {**found, "transformers": transformers}
    monkeypatch.setattr(exporters, "find_version", versions.get)
    chosen = find_exporter()
    assert (chosen and chosen[0]) == expected
    if chosen is not None:
        assert chosen[1] == {package: versions[package] for package in chosen[0].packages}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with PyTorch's weights alone."""
    made = tiny.make_model(tmp_path / "model")
    (made / "model.onnx").rename(made / "model.safetensors")
    return made


def test_inspection_says_which_package_would_convert(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that ``load`` would take."""
    monkeypatch.setattr(exporters, "find_version", {**without("optimum"), "transformers": "5.24.0"}.get)
    assert (
        "(by the package transformers)"
        in inspect_repository(open_repository(folder), get_task("text-classification")).choice
    )


def test_beside_transformers_5_its_own_packages_are_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optimum would replace it by an older one."""
    versions = {**without("optimum", "onnxscript"), "transformers": "5.24.0"}
    for module in ("exporters", "export"):
        monkeypatch.setattr(f"onnxhub._backend.making.{module}.find_version", versions.get)
    with pytest.raises(MissingDependencyError, match=r"needs onnxscript, .* pip install 'onnxhub\[export\]'"):
        onnxhub.load("text-classification", folder)
