"""Which files an encoder with its decoders is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxhub._backend.files.roles import choose_parts
from onnxhub._backend.repository.repository import Repository
from onnxhub.errors import AmbiguousFileError, InvalidOptionError, VariantNotFoundError

ENCODER = ("encoder_model", "encoder_model_quantized")
SPLIT = ("decoder_model", "decoder_with_past_model")


def chosen(*stems: str, dtype: str = "auto", gpu: bool = False, folder: str = "onnx/") -> dict[str, str]:
    """Part -> the stem of its file, in a repository of these files."""
    files = dict.fromkeys([f"{folder}{stem}.onnx" for stem in stems], 1)
    repository = Repository("org/name", Path("nowhere"), files, "folder")
    found = choose_parts(repository, "ORTModelForSeq2SeqLM", dtype=dtype, file=None, gpu=gpu)
    return {part: choice.file.removeprefix(folder).removesuffix(".onnx") for part, choice in found.items()}


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
