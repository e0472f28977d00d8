"""Which ONNX files a model is made of: one, or an encoder with its decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub.backend.variants import choose_file, is_of
from onnxhub.errors import InvalidOptionError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub.backend.hub import Repository
    from onnxhub.backend.variants import Choice

__all__ = ["MODEL", "choose_parts"]

MODEL: Final = "model"
"""The part of a model that is one file."""
_ENCODER_DECODERS: Final = frozenset({
    "ORTModelForSeq2SeqLM", "ORTModelForSpeechSeq2Seq", "ORTModelForVision2Seq", "ORTModelForPix2Struct",
})  # fmt: skip
"""optimum's classes over several sessions."""
_ENCODER: Final = {"encoder": "encoder_model"}
_MERGED: Final = {**_ENCODER, "decoder": "decoder_model_merged"}
_PLAIN: Final = {**_ENCODER, "decoder": "decoder_model"}
_SPLIT: Final = {**_PLAIN, "decoder_with_past": "decoder_with_past_model"}
"""Part -> its file's name before the suffix, as optimum and transformers.js give it."""


def choose_parts(
    repository: Repository, ort_class: str, *, dtype: str, file: str | None, gpu: bool
) -> dict[str, Choice]:
    """The file of each part, all of the dtype that was asked for.

    A decoder that is merged (it takes past keys and values, or none) is preferred to two decoders, unless these alone
    are there in that dtype.

    Raises:
        InvalidOptionError: ``file`` names one file of a model that has several.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: see ``choose_file``.
    """
    if ort_class not in _ENCODER_DECODERS:
        return {MODEL: choose_file(repository.model_id, repository.files, dtype=dtype, file=file, gpu=gpu)}
    if file is not None:
        raise InvalidOptionError("file", file, "None: the model is an encoder with its decoders; dtype chooses them")
    found: list[dict[str, Choice]] = []
    missing: VariantNotFoundError | None = None
    for layout in _layouts(repository):
        try:
            found.append(_chosen(repository, layout, dtype, gpu=gpu))
        except VariantNotFoundError as error:
            missing = missing or error
    if not found and missing is not None:
        raise missing
    # With "auto", each part has the best that its own files offer; among the layouts, the best of the decoders counts.
    wanted = ("fp16", "fp32") if gpu else ("fp32",)
    best = (one for name in wanted for one in found if one["decoder"].dtype == name)
    return next(best, found[0])


def _layouts(repository: Repository) -> list[Mapping[str, str]]:
    """The ways in which the decoder is laid out in the repository, the best first; if none, the simplest."""

    def has(base: str) -> bool:
        return any(is_of(name, base) for name in repository.files)

    layouts: list[Mapping[str, str]] = [_MERGED] if has("decoder_model_merged") else []
    if has("decoder_with_past_model"):
        layouts.append(_SPLIT)
    elif has("decoder_model") or not layouts:
        layouts.append(_PLAIN)
    return layouts


def _chosen(repository: Repository, layout: Mapping[str, str], dtype: str, *, gpu: bool) -> dict[str, Choice]:
    return {
        part: choose_file(repository.model_id, repository.files, dtype=dtype, gpu=gpu, base=base)
        for part, base in layout.items()
    }
