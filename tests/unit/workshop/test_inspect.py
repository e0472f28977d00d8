"""What is known of a model before its weights are fetched, and which file of which part would be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onnxhub._backend.files.roles import choose_roles
from onnxhub._backend.repository.repository import Repository, open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import InvalidOptionError, VariantNotFoundError
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path

SEQ2SEQ = "ORTModelForSeq2SeqLM"


def test_a_folder(tmp_path: Path) -> None:
    """Its facts, and each file with its size, external data included, and whether it would be taken."""
    make_model(tmp_path / "model", external_data="shards")
    make_model(tmp_path / "model", dtype="int8", file="model_int8.onnx")
    found = inspect_repository(open_repository(tmp_path / "model"), get_task("text-classification"))
    sizes = [path.stat().st_size for path in (tmp_path / "model").glob("model.onnx*")]
    assert len(sizes) == 4
    assert (found.architecture, found.max_length, found.revision) == ("BertForSequenceClassification", 64, None)
    assert [(one.file, one.dtype, one.chosen) for one in found.files] == [
        ("model.onnx", "fp32", True),
        ("model_int8.onnx", "int8", False),
    ]
    assert found.files[0].size == sum(sizes)


@pytest.mark.parametrize("places", [[2, 0, 1], [10, *range(10)]])
def test_labels_stand_in_the_order_of_the_outputs(places: list[int], tmp_path: Path) -> None:
    """And not in that of the file."""
    labels = {str(place): f"label {place}" for place in places}
    make_model(tmp_path / "model", config_extra={"id2label": labels})
    found = inspect_repository(open_repository(tmp_path / "model"), get_task("text-classification"))
    assert found.labels == tuple(f"label {place}" for place in sorted(places))


@pytest.mark.parametrize(
    ("declared", "labels"),
    [
        ({"label2id": {"b": 1, "a": 0}}, ("a", "b")),
        ({"id2label": {}, "label2id": {"a": "0", "b": "1"}}, ("a", "b")),
        ({"num_labels": 3}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"num_labels": -1}, ()),
        ({"num_labels": 10**9}, ()),
        ({}, ()),
    ],
)
def test_labels_are_named_as_a_load_names_them(
    declared: dict[str, object], labels: tuple[str, ...], tmp_path: Path
) -> None:
    """By `label2id` or `num_labels` where there is no `id2label`; none are made up where nothing says how many."""
    make_model(tmp_path / "model", config_extra={"id2label": None, "label2id": None, **declared})
    assert inspect_repository(open_repository(tmp_path / "model"), get_task("text-classification")).labels == labels


def test_what_load_would_raise(tmp_path: Path) -> None:
    """It is the choice, where there is none."""
    found = inspect_repository(
        open_repository(make_model(tmp_path / "model")), get_task("text-classification"), dtype="q4"
    )
    assert "has no ONNX file for dtype='q4'" in found.choice
    assert not any(one.chosen for one in found.files)


def holding(*names: str, folder: Path) -> Repository:
    """A repository with these files."""
    return Repository("org/name", folder, dict.fromkeys(names), "folder")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (("encoder_model", "decoder_model"), ("encoder_model", "decoder_model")),
        (
            ("encoder_model", "decoder_model", "decoder_with_past_model"),
            ("encoder_model", "decoder_model", "decoder_with_past_model"),
        ),
        (
            ("encoder_model", "decoder_model", "decoder_with_past_model", "decoder_model_merged"),
            ("encoder_model", "decoder_model_merged"),
        ),
        (("encoder", "decoder"), ("encoder", "decoder")),
        (("encoder", "decoder", "decoder_with_past"), ("encoder", "decoder", "decoder_with_past")),
        (("encoder", "decoder", "decoder_merged"), ("encoder", "decoder_merged")),
        (("encoder", "encoder_model", "decoder_model"), ("encoder_model", "decoder_model")),
    ],
)
def test_the_parts_of_an_encoder_with_decoders(files: tuple[str, ...], chosen: tuple[str, ...], tmp_path: Path) -> None:
    """The encoder first; one merged decoder rather than two."""
    repository = holding(*(f"{name}.onnx" for name in files), folder=tmp_path)
    parts = choose_roles(repository, SEQ2SEQ, dtype="auto", file=None, gpu=False)
    assert [choice.file for choice in parts.values()] == [f"{name}.onnx" for name in chosen]
    assert next(iter(parts)) == "encoder"


def test_one_file_is_no_encoder_with_decoders(tmp_path: Path) -> None:
    """`file` cannot name them all."""
    repository = holding("encoder_model.onnx", "decoder_model.onnx", folder=tmp_path)
    with pytest.raises(InvalidOptionError, match="the model is an encoder with its decoders"):
        choose_roles(repository, SEQ2SEQ, dtype="auto", file="encoder_model.onnx", gpu=False)


def test_parts_that_are_named(tmp_path: Path) -> None:
    """Each by its role, whatever its name; the encoder is opened first."""
    repository = holding("a.onnx", "b.onnx", "c.onnx", folder=tmp_path)
    named = {"decoder_with_past": "c.onnx", "decoder": "b.onnx", "encoder": "a.onnx"}
    parts = choose_roles(repository, SEQ2SEQ, dtype="auto", file=named, gpu=False)
    assert [(part, choice.file) for part, choice in parts.items()] == [
        ("encoder", "a.onnx"), ("decoder", "b.onnx"), ("decoder_with_past", "c.onnx"),
    ]  # fmt: skip
    for wrong in ({"encoder": "a.onnx"}, {**named, "vision": "a.onnx"}):
        with pytest.raises(InvalidOptionError, match=r"'encoder': ..., 'decoder': ..."):
            choose_roles(repository, SEQ2SEQ, dtype="auto", file=wrong, gpu=False)
    with pytest.raises(InvalidOptionError, match="the model is one file"):
        choose_roles(repository, "ORTModelForCausalLM", dtype="auto", file=named, gpu=False)


def test_a_part_of_one_name_is_not_a_variant_of_another(tmp_path: Path) -> None:
    """`decoder_with_past.onnx` is no decoder in the precision "with_past"."""
    repository = holding("encoder.onnx", "decoder.onnx", "decoder_int8.onnx", "encoder_int8.onnx", folder=tmp_path)
    parts = choose_roles(repository, SEQ2SEQ, dtype="int8", file=None, gpu=False)
    assert [choice.file for choice in parts.values()] == ["encoder_int8.onnx", "decoder_int8.onnx"]
    repository = holding("encoder.onnx", "decoder_with_past.onnx", folder=tmp_path)
    with pytest.raises(VariantNotFoundError, match="for decoder_model in"):
        choose_roles(repository, SEQ2SEQ, dtype="auto", file=None, gpu=False)


def test_a_variant_that_would_be_made_is_told(tmp_path: Path) -> None:
    """Without making it; one that would not be is told as its error."""
    repository = open_repository(make_model(tmp_path, file="onnx/model.onnx"))
    found = inspect_repository(repository, get_task("text-classification"), dtype="q8")
    assert found.choice == "onnx/model_quantized.onnx would be made of onnx/model.onnx (by the package onnx)"
    assert not any(one.chosen for one in found.files)
    assert "no ONNX file for dtype='q4'" in inspect_repository(repository, get_task("custom"), dtype="q4").choice
