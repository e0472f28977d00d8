"""Which ONNX files a model is made of: one, or an encoder with its decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub._backend.files.variants import choose_file, is_of
from onnxhub.errors import InvalidOptionError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.repository.repository import Repository

__all__ = ["MODEL", "choose_parts", "has_parts"]

MODEL: Final = "model"
"""The part of a model that is one file."""
_ENCODER_DECODERS: Final = frozenset({
    "ORTModelForSeq2SeqLM", "ORTModelForSpeechSeq2Seq", "ORTModelForVision2Seq", "ORTModelForPix2Struct",
})  # fmt: skip
"""optimum's classes over several sessions."""
_BASES: Final[Mapping[str, tuple[str, ...]]] = {
    "encoder": ("encoder_model", "encoder"),
    "decoder_merged": ("decoder_model_merged", "decoder_merged"),
    "decoder": ("decoder_model", "decoder"),
    "decoder_with_past": ("decoder_with_past_model", "decoder_with_past"),
}
"""Kind of file -> its name before the suffix: as optimum and transformers.js give it, and as others do."""
_MERGED: Final = {"encoder": "encoder", "decoder": "decoder_merged"}
_PLAIN: Final = {"encoder": "encoder", "decoder": "decoder"}
_SPLIT: Final = {**_PLAIN, "decoder_with_past": "decoder_with_past"}
"""Part -> the kind of its file."""


def choose_parts(
    repository: Repository, ort_class: str, *, dtype: str, file: str | Mapping[str, str] | None, gpu: bool
) -> dict[str, Choice]:
    """The file of each part, all of the dtype that was asked for, or those that are named by their parts.

    A decoder that is merged (it takes past keys and values, or none) is preferred to two decoders, unless these alone
    are there in that dtype.

    Raises:
        InvalidOptionError: ``file`` names one file of a model that has several, or parts that it does not have.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: see ``choose_file``.
    """
    several = ort_class in _ENCODER_DECODERS
    if file is not None:
        named = _named_parts(file, several=several)
        return {part: choose_file(repository.model_id, repository.files, file=path) for part, path in named.items()}
    if not several:
        return {MODEL: choose_file(repository.model_id, repository.files, dtype=dtype, gpu=gpu)}
    found: list[dict[str, Choice]] = []
    missing: VariantNotFoundError | None = None
    for layout in _layouts(repository):
        try:
            found.append(_choose_layout(repository, layout, dtype, gpu=gpu))
        except VariantNotFoundError as error:
            missing = missing or error
    if not found and missing is not None:
        raise missing
    # With "auto", each part has the best that its own files offer; among the layouts, the best of the decoders counts.
    wanted = ("fp16", "fp32") if gpu else ("fp32",)
    best = (one for name in wanted for one in found if one["decoder"].dtype == name)
    return next(best, found[0])


def has_parts(files: Iterable[str]) -> bool:
    """Whether there are an encoder and a decoder among the ONNX files."""
    files = tuple(files)
    decoders = ("decoder_merged", "decoder")
    return _has(files, "encoder") and any(_has(files, kind) for kind in decoders)


def _named_parts(file: str | Mapping[str, str], *, several: bool) -> Mapping[str, str]:
    """Part -> path, in the order in which the parts are opened; one path is that of a model in one file."""
    named = {MODEL: file} if isinstance(file, str) else file
    known = tuple(_SPLIT) if several else (MODEL,)
    if not set(named) <= set(known) or not set(named) >= set(_PLAIN if several else known):
        one = "the path of an ONNX file: the model is one file"
        parts = "None, for dtype to choose, or the paths of {'encoder': ..., 'decoder': ...} (and 'decoder_with_past')"
        raise InvalidOptionError(
            "file", file, f"{parts}: the model is an encoder with its decoders" if several else one
        )
    return {part: named[part] for part in known if part in named}


def _layouts(repository: Repository) -> list[Mapping[str, str]]:
    """The ways in which the decoder is laid out in the repository, the best first; if none, the simplest."""
    files = tuple(repository.files)
    layouts: list[Mapping[str, str]] = [_MERGED] if _has(files, "decoder_merged") else []
    if _has(files, "decoder_with_past"):
        layouts.append(_SPLIT)
    elif _has(files, "decoder") or not layouts:
        layouts.append(_PLAIN)
    return layouts


def _has(files: Iterable[str], kind: str) -> bool:
    return any(_base_of(name) in _BASES[kind] for name in files)


def _base_of(file: str) -> str:
    """The name that an ONNX file has before its suffix, where it is one of a part: the longest, for one begins another."""
    names = (base for bases in _BASES.values() for base in bases if is_of(file, base))
    return max(names, key=len, default="")


def _choose_layout(repository: Repository, layout: Mapping[str, str], dtype: str, *, gpu: bool) -> dict[str, Choice]:
    chosen = {}
    for part, kind in layout.items():
        by_base = {base: [name for name in repository.files if _base_of(name) == base] for base in _BASES[kind]}
        # Where there is no such file at all, the error is about the usual name, and lists all that there are.
        base, files = next(((base, files) for base, files in by_base.items() if files), (_BASES[kind][0], None))
        chosen[part] = choose_file(repository.model_id, files or repository.files, dtype=dtype, gpu=gpu, base=base)
    return chosen
