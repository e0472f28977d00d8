"""Repositories without an ONNX file, where there is nothing to convert them with."""

from __future__ import annotations

import importlib.metadata
import shutil
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._backend.kept.building import make
from onnxhub._backend.making import export as exporting
from onnxhub._backend.making import exporters
from onnxhub._backend.making.staging import files_to_export
from onnxhub._backend.repository.repository import open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import MissingDependencyError, NoOnnxFileError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

CLASSIFIER = "ORTModelForSequenceClassification"


@pytest.fixture
def without_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The light install, wherever this runs."""
    found = importlib.metadata.version

    def version(name: str) -> str:
        if name.startswith("optimum"):
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with PyTorch's weights alone."""
    made = tiny.make_model(tmp_path / "model")
    (made / "model.onnx").rename(made / "model.safetensors")
    return made


@pytest.mark.parametrize("export", ["auto", True])
def test_the_error_has_two_ways_out(export: bool | str, folder: Path, without_optimum: None) -> None:
    """To install optimum, or to convert without installing anything; in one line."""
    with pytest.raises(MissingDependencyError) as raised:
        onnxhub.load("text-classification", folder, export=export)
    message = str(raised.value)
    assert "needs optimum, which is not installed: pip install 'onnxhub[optimum]'" in message
    assert f"uvx --from 'onnxhub[optimum,cli]' onnxhub export {folder} -o FOLDER" in message
    assert "\n" not in message


def test_never_is_never(folder: Path) -> None:
    """``export=False`` says what the repository has, and what would convert it."""
    with pytest.raises(NoOnnxFileError, match=r"it has: .*model\.safetensors.*; export='auto' converts"):
        onnxhub.load("text-classification", folder, export=False)


def test_a_model_with_an_onnx_file_needs_no_optimum(tmp_path: Path, without_optimum: None) -> None:
    """Weights beside it are of no interest."""
    folder = tiny.make_model(tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert onnxhub.load("text-classification", folder).info.reason == "the repository's only ONNX model"


def test_inspection_says_that_nothing_can_convert(folder: Path, without_optimum: None) -> None:
    """What ``load`` would raise is the finding's error, with the same way out."""
    found = inspect_repository(open_repository(folder), get_task("text-classification"))
    assert isinstance(found.error, MissingDependencyError)
    assert str(found.error) == found.choice


@pytest.mark.parametrize("installed", [True, False])
def test_inspection_knows_a_conversion_that_is_kept(
    installed: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what ``load`` would take, whether or not there is something to convert with."""
    versions = dict.fromkeys(exporters.OPTIMUM.packages, "1.0")
    monkeypatch.setattr(exporters, "find_version", lambda package: versions[package])
    (folder / "model.safetensors").write_text(f"kept, {installed}")  # what is kept is found by the files
    repository = open_repository(folder)
    assert "would be converted, once" in inspect_repository(repository, get_task("text-classification")).choice
    files = files_to_export(repository, allow_pickle=False)
    key = exporting._origin(repository, files, CLASSIFIER).key
    model = tiny.make_model(tmp_path / "converted") / "model.onnx"
    make("exported", key, {"with": versions}, lambda made: shutil.copy(model, made / "model.onnx"))
    if not installed:
        monkeypatch.setattr(exporters, "find_version", lambda _: None)
    found = inspect_repository(repository, get_task("text-classification"))
    assert (found.error, found.choice[:44]) == (None, "converted from PyTorch's weights by optimum ")
    assert [(file.file, file.dtype, file.chosen) for file in found.files] == [("model.onnx", "fp32", True)]
