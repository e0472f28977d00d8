"""Repositories without an ONNX file, where there is nothing to convert them with."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub.errors import MissingDependencyError, NoOnnxFileError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path


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
