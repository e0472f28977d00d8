"""Which ONNX files a model is made of: one, or an encoder with its decoders."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from onnxhub.backend.variants import choose_file
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from onnxhub.backend.hub import Repository
    from onnxhub.backend.variants import Choice

__all__ = ["MODEL", "choose_parts"]

MODEL: Final = "model"
"""The part of a model that is one file."""
_ENCODER_DECODERS: Final = frozenset({
    "ORTModelForSeq2SeqLM", "ORTModelForSpeechSeq2Seq", "ORTModelForVision2Seq", "ORTModelForPix2Struct",
})  # fmt: skip
"""optimum's classes over several sessions."""


def choose_parts(
    repository: Repository, ort_class: str, *, dtype: str, file: str | None, gpu: bool
) -> dict[str, Choice]:
    """The file of each part, by the names that optimum and transformers.js give them.

    A decoder that is merged (it takes past keys and values, or none) is preferred to two decoders.

    Raises:
        InvalidOptionError: ``file`` names one file of a model that has several.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: see ``choose_file``.
    """

    def choose(base: str) -> Choice:
        return choose_file(repository.model_id, repository.files, dtype=dtype, gpu=gpu, base=base)

    if ort_class not in _ENCODER_DECODERS:
        return {MODEL: choose_file(repository.model_id, repository.files, dtype=dtype, file=file, gpu=gpu)}
    if file is not None:
        raise InvalidOptionError("file", file, "None: the model is an encoder with its decoders; dtype chooses them")
    stems = [PurePosixPath(name).stem for name in repository.files if name.endswith(".onnx")]
    encoder = {"encoder": choose("encoder_model")}
    if any(stem.startswith("decoder_model_merged") for stem in stems):
        return {**encoder, "decoder": choose("decoder_model_merged")}
    if not any(stem.startswith("decoder_with_past_model") for stem in stems):
        return {**encoder, "decoder": choose("decoder_model")}
    return {**encoder, "decoder": choose("decoder_model"), "decoder_with_past": choose("decoder_with_past_model")}
