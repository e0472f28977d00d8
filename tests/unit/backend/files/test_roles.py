"""Which files a model of several roles is made of, such as an encoder with its decoders."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from onnxhub._backend.files.roles import choose_roles
from onnxhub._backend.repository.repository import Repository
from onnxhub.errors import (
    AmbiguousFileError,
    InvalidOptionError,
    MissingDependencyError,
    TaskMismatchError,
    VariantNotFoundError,
)

ENCODER = ("encoder_model", "encoder_model_quantized")
SPLIT = ("decoder_model", "decoder_with_past_model")


def chosen(
    *stems: str,
    dtype: str = "auto",
    gpu: bool = False,
    folder: str = "onnx/",
    ort_class: str = "ORTModelForSeq2SeqLM",
    file: dict[str, str] | str | None = None,
) -> dict[str, str]:
    """Role -> the stem of its file, in a repository of these files."""
    files = dict.fromkeys([f"{folder}{stem}.onnx" for stem in stems], 1)
    repository = Repository("org/name", Path("nowhere"), files, "folder")
    found = choose_roles(repository, ort_class, dtype=dtype, file=file, gpu=gpu)
    return {role: choice.file.removeprefix(folder).removesuffix(".onnx") for role, choice in found.items()}


def test_a_merged_decoder_is_preferred_to_two() -> None:
    """It does what both do."""
    assert chosen(*ENCODER, *SPLIT, "decoder_model_merged") == {
        "encoder": "encoder_model",
        "decoder": "decoder_model_merged",
    }


def test_decoders_come_as_they_are() -> None:
    """Two, or one that does not keep what it has computed; in the root as well."""
    parts = {"encoder": "encoder_model", "decoder": "decoder_model"}
    assert chosen(*ENCODER, *SPLIT, folder="") == parts | {"decoder_with_past": "decoder_with_past_model"}
    assert chosen(*ENCODER, "decoder_model") == parts


def test_a_merged_decoder_of_one_dtype_hides_no_unmerged_one_of_another() -> None:
    """The layout is chosen among those that are there in the dtype that was asked for."""
    files = (*ENCODER, "decoder_model_merged", "decoder_model_quantized", "decoder_with_past_model_quantized")
    assert chosen(*files, dtype="q8") == {
        "encoder": "encoder_model_quantized",
        "decoder": "decoder_model_quantized",
        "decoder_with_past": "decoder_with_past_model_quantized",
    }
    assert chosen(*files, dtype="fp32")["decoder"] == "decoder_model_merged"
    assert chosen(*files)["decoder"] == "decoder_model_merged"
    assert chosen(*ENCODER, "decoder_model_merged_quantized", *SPLIT)["decoder"] == "decoder_model"
    assert chosen(*ENCODER, "decoder_model_merged_quantized", *SPLIT, dtype="q8")["decoder"].endswith(
        "merged_quantized"
    )
    assert chosen(*ENCODER, "decoder_model_merged", "decoder_model_fp16", gpu=True)["decoder"] == "decoder_model_fp16"


def test_a_merged_decoder_is_no_variant_of_the_plain_one() -> None:
    """Its name begins with that of the other."""
    assert chosen("encoder_model", "decoder_model_quantized", "decoder_model_merged_q4")["decoder"].endswith(
        "merged_q4"
    )
    with pytest.raises(VariantNotFoundError) as raised:
        chosen(*ENCODER, "decoder_model", "decoder_model_merged_quantized", dtype="q4")
    assert raised.value.variants == ("onnx/encoder_model.onnx (fp32)", "onnx/encoder_model_quantized.onnx (q8)")


def test_all_parts_have_the_dtype_that_was_asked_for() -> None:
    """If one has not, the error lists what there is of it; "auto" takes the best of each."""
    files = ("encoder_model", "encoder_model_q4", "decoder_model_merged_q4f16")
    with pytest.raises(VariantNotFoundError) as raised:
        chosen(*files, dtype="q4")
    assert raised.value.variants == ("onnx/decoder_model_merged_q4f16.onnx (q4f16)",)
    assert chosen(*files) == {"encoder": "encoder_model", "decoder": "decoder_model_merged_q4f16"}
    with pytest.raises(VariantNotFoundError):  # two decoders of which one is missing are no layout
        chosen(*ENCODER, "decoder_model_quantized", "decoder_with_past_model", dtype="q8")


def test_what_is_not_there_or_there_twice_is_an_error() -> None:
    """With the candidates."""
    with pytest.raises(VariantNotFoundError, match="decoder_model in its root or onnx/"):
        chosen("encoder_model")
    with pytest.raises(AmbiguousFileError):
        chosen("encoder_model", "decoder_model_merged_q4", "decoder_model_merged_q8")
    with pytest.raises(InvalidOptionError, match="dtype"):
        chosen(*ENCODER, *SPLIT, dtype="q9")


CAUSAL = "ORTModelForCausalLM"
VISION = "ORTModelForVision2Seq"
CUSTOM = "ORTModelForCustomTasks"
IMAGES = ("vision_encoder", "embed_tokens", "decoder_model_merged")


@pytest.mark.parametrize("ort_class", [CAUSAL, CUSTOM])
def test_a_decoder_alone_is_a_model(ort_class: str) -> None:
    """A merged one, one that keeps nothing, or two; in the dtype that was asked for."""
    merged = ("decoder_model_merged", "decoder_model_merged_quantized")
    assert chosen(*merged, ort_class=ort_class) == {"model": "decoder_model_merged"}
    assert chosen(*merged, dtype="q8", ort_class=ort_class) == {"model": "decoder_model_merged_quantized"}
    assert chosen(*merged, *SPLIT, ort_class=ort_class) == {"model": "decoder_model_merged"}
    assert chosen(*SPLIT, ort_class=ort_class) == {
        "decoder": "decoder_model", "decoder_with_past": "decoder_with_past_model",
    }  # fmt: skip
    assert chosen("decoder_model", ort_class=ort_class) == {"model": "decoder_model"}
    with pytest.raises(VariantNotFoundError, match="dtype='q4'"):
        chosen(*merged, dtype="q4", ort_class=ort_class)


@pytest.mark.parametrize("ort_class", [CAUSAL, CUSTOM])
def test_a_model_in_one_file_goes_before_all_others(ort_class: str) -> None:
    """Whatever lies beside it, also where only the others have the dtype."""
    assert chosen("model", "decoder_model_merged", ort_class=ort_class) == {"model": "model"}
    with pytest.raises(VariantNotFoundError):
        chosen("model", "decoder_model_merged_quantized", dtype="q8", ort_class=ort_class)


@pytest.mark.parametrize("beside", ["encoder_model", "vision_encoder", "embed_tokens", "audio_encoder", "text_encoder"])
def test_a_decoder_of_what_another_file_gives_is_no_model_by_itself(beside: str) -> None:
    """It reads what the other computes, so that running it alone as a language model would be wrong."""
    with pytest.raises(VariantNotFoundError, match="parts of a larger one"):
        chosen(beside, "decoder_model_merged", ort_class=CAUSAL)


@pytest.mark.parametrize("ort_class", [VISION, CUSTOM])
def test_a_model_of_images_and_words_has_three_roles(ort_class: str) -> None:
    """The file that takes the image first; with an encoder beside them, all four belong to it."""
    roles = dict(zip(("vision_encoder", "embed_tokens", "decoder"), IMAGES, strict=True))
    found = chosen(*IMAGES, "vision_encoder_q4", ort_class=ort_class)
    assert list(found.items()) == list(roles.items())
    four = chosen(*reversed(IMAGES), "encoder_model", ort_class=ort_class)
    assert list(four) == ["vision_encoder", "embed_tokens", "encoder", "decoder"]
    assert chosen("encoder_model", *SPLIT, ort_class=ort_class)["encoder"] == "encoder_model"


def test_a_model_of_masks_has_two_roles() -> None:
    """As SAM's, for which optimum has no class: as a custom model alone."""
    files = ("vision_encoder", "prompt_encoder_mask_decoder", "prompt_encoder_mask_decoder_fp16")
    assert list(chosen(*files, ort_class=CUSTOM).items()) == [(stem, stem) for stem in files[:2]]
    with pytest.raises(VariantNotFoundError, match="parts of a larger one"):
        chosen(*files, ort_class="ORTModelForFeatureExtraction")


def test_the_role_that_is_missing_is_named() -> None:
    """Of the layout that lacks the fewest."""
    with pytest.raises(VariantNotFoundError, match="for embed_tokens in its root or onnx/"):
        chosen("vision_encoder", "decoder_model_merged", ort_class=VISION)
    with pytest.raises(VariantNotFoundError, match="for vision_encoder in its root or onnx/"):
        chosen("embed_tokens", "decoder_model_merged", ort_class=VISION)


def test_speech_has_an_encoder_of_sound() -> None:
    """Either with tables of words of its own, or as any encoder with its decoders."""
    files = ("audio_encoder", "embed_tokens", "decoder_model_merged")
    assert list(chosen(*files, ort_class="ORTModelForSpeechSeq2Seq")) == ["audio_encoder", "embed_tokens", "decoder"]
    assert next(iter(chosen(*ENCODER, *SPLIT, ort_class="ORTModelForSpeechSeq2Seq"))) == "encoder"


def test_files_are_named_by_the_roles_of_one_layout() -> None:
    """In whatever order; a role that no layout has, or one too few, is refused with those that there are."""
    stems, paths = ("a", "b", "c"), ("onnx/a.onnx", "onnx/b.onnx", "onnx/c.onnx")
    named = dict(zip(("decoder", "embed_tokens", "vision_encoder"), paths, strict=True))
    for ort_class in (VISION, CUSTOM):
        found = chosen(*stems, ort_class=ort_class, file=named)
        assert list(found.items()) == [("vision_encoder", "c"), ("embed_tokens", "b"), ("decoder", "a")]
    assert chosen(*stems, ort_class=CUSTOM, file=paths[1]) == {"model": "b"}
    with pytest.raises(InvalidOptionError, match=r"'vision_encoder': ..., 'embed_tokens': ..., 'decoder': ..."):
        chosen(*stems, ort_class=VISION, file={"vision_encoder": paths[0], "decoder": paths[1]})
    with pytest.raises(InvalidOptionError, match=r"one file; or the paths of \{"):
        chosen(*stems, ort_class=CUSTOM, file={"vision": paths[0]})


def write_graph(path: Path, number: float) -> None:
    """Write a graph ``y = x * number``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"]) for name in "xy")
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [1], [number])
    graph = helper.make_graph([helper.make_node("Mul", ["x", "factor"], ["y"])], "times", [x], [y], [factor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.mark.parametrize("task", ["image-to-text", "custom"])
def test_a_model_of_three_roles_loads_and_each_of_them_runs(task: str, tmp_path: Path) -> None:
    """The first by default, the others by their names."""
    for number, stem in enumerate(IMAGES, 2):
        write_graph(tmp_path / "onnx" / f"{stem}.onnx", number)
    model = onnxhub.load(task, tmp_path)
    assert isinstance(model, onnxhub.ArraysModel)
    assert list(model.sessions) == ["vision_encoder", "embed_tokens", "decoder"]
    np.testing.assert_array_equal(model({"x": [1.0, 2.0]})["y"], np.float32([2, 4]))
    np.testing.assert_array_equal(model({"x": [1.0, 2.0]}, part="decoder")["y"], np.float32([4, 8]))


@pytest.mark.parametrize("task", ["text-generation", "custom"])
def test_a_merged_decoder_loads_as_a_model_in_one_file(task: str, tmp_path: Path) -> None:
    """As older repositories of transformers.js have it."""
    write_graph(tmp_path / "onnx" / "decoder_model_merged.onnx", 3)
    model = onnxhub.load(task, tmp_path)
    assert isinstance(model, onnxhub.ArraysModel)
    assert model.info.file == "onnx/decoder_model_merged.onnx"
    np.testing.assert_array_equal(model({"x": [1.0]})["y"], np.float32([3]))


@pytest.mark.skipif(find_spec("torch") is None, reason="optimum imports torch")
def test_roles_that_optimum_has_no_place_for_are_refused_by_name(tmp_path: Path) -> None:
    """Its class takes an encoder and decoders; the sessions of others would be lost."""
    for stem in IMAGES:
        write_graph(tmp_path / f"{stem}.onnx", 1)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vision-encoder-decoder"}), encoding="utf-8")
    model = onnxhub.load("image-to-text", tmp_path)
    expected = TaskMismatchError if find_spec("optimum") else MissingDependencyError
    with pytest.raises(expected, match="optimum"):
        _ = model.ort_model
