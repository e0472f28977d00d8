"""Which ONNX files a model is made of, by their roles: one file, or several such as an encoder with its decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from onnxhub._backend.files.variants import choose_file, is_variant_of
from onnxhub.errors import InvalidOptionError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.repository.repository import Repository

    Layout: TypeAlias = Mapping[str, tuple[str, ...]]

__all__ = ["LAYOUTS", "MODEL", "ONE_FILE", "choose_layout", "choose_roles", "has_roles"]

MODEL: Final = "model"
"""The role of a file that is the whole model."""
_ENCODER: Final = {"encoder": ("encoder_model", "encoder")}
_DECODER: Final = {"decoder": ("decoder_model", "decoder")}
_WITH_PAST: Final = {"decoder_with_past": ("decoder_with_past_model", "decoder_with_past")}
_MERGED_NAMES: Final = ("decoder_model_merged", "decoder_merged")
_MERGED: Final = {"decoder": _MERGED_NAMES}
_VISION: Final = {"vision_encoder": ("vision_encoder",)}
_AUDIO: Final = {"audio_encoder": ("audio_encoder",)}
_EMBEDDINGS: Final = {"embed_tokens": ("embed_tokens",)}

ONE_FILE: Final[Layout] = {MODEL: ("model",)}
"""A layout: role -> the names that its file may have before the suffix of its precision, the usual one first. They are
those of optimum, of transformers.js and of other exporters. The session of the first role takes the inputs of the model."""
_ENCODER_DECODERS: Final[tuple[Layout, ...]] = (
    {**_ENCODER, **_MERGED},
    {**_ENCODER, **_DECODER, **_WITH_PAST},
    {**_ENCODER, **_DECODER},
)
_DECODERS: Final[tuple[Layout, ...]] = (
    {MODEL: _MERGED_NAMES},
    {**_DECODER, **_WITH_PAST},
    {MODEL: _DECODER["decoder"]},
)
"""Decoders that are models by themselves."""
_WITH_IMAGES: Final[tuple[Layout, ...]] = (
    {**_VISION, **_EMBEDDINGS, **_ENCODER, **_MERGED},
    {**_VISION, **_EMBEDDINGS, **_MERGED},
)
_MASKS: Final[tuple[Layout, ...]] = ({**_VISION, "prompt_encoder_mask_decoder": ("prompt_encoder_mask_decoder",)},)
"""Models of SAM's kind, for which optimum has no class."""
_WITH_SOUND: Final[tuple[Layout, ...]] = ({**_AUDIO, **_EMBEDDINGS, **_MERGED},)
LAYOUTS: Final[Mapping[str, tuple[Layout, ...]]] = {
    "ORTModelForCausalLM": (ONE_FILE, *_DECODERS),
    "ORTModelForSeq2SeqLM": _ENCODER_DECODERS,
    "ORTModelForSpeechSeq2Seq": (*_WITH_SOUND, *_ENCODER_DECODERS),
    "ORTModelForVision2Seq": (*_WITH_IMAGES, *_ENCODER_DECODERS),
    "ORTModelForPix2Struct": _ENCODER_DECODERS,
    "ORTModelForCustomTasks": (ONE_FILE, *_WITH_IMAGES, *_WITH_SOUND, *_MASKS, *_ENCODER_DECODERS, *_DECODERS),
}
"""Class of ``optimum.onnxruntime`` -> the layouts of its models, the best first. Other classes have ``ONE_FILE``."""
_INPUTS: Final = frozenset({*_ENCODER["encoder"], "vision_encoder", "audio_encoder", "text_encoder", "embed_tokens"})
"""Names of files whose outputs a decoder reads: beside one of them, no decoder is a model by itself."""


def choose_roles(
    repository: Repository, ort_class: str, *, dtype: str, file: str | Mapping[str, str] | None, gpu: bool
) -> dict[str, Choice]:
    """Choose the file of each role of a model for this class of ``optimum.onnxruntime``; see ``choose_layout``."""
    layouts = LAYOUTS.get(ort_class, (ONE_FILE,))
    return choose_layout(repository, layouts, dtype=dtype, file=file, gpu=gpu)


def choose_layout(
    repository: Repository, layouts: Sequence[Layout], *, dtype: str, file: str | Mapping[str, str] | None, gpu: bool
) -> dict[str, Choice]:
    """Choose the file of each role: all of the dtype that was asked for, or those that ``file`` names.

    If the repository has several layouts, the first is taken that has all its roles in that dtype. With "auto", each
    role has the best of its own files, and the layout with the best decoder is taken. A merged decoder takes past keys
    and values, or none, and so comes before two decoders.

    Raises:
        InvalidOptionError: ``file`` names one file of a model that has several, or roles that it does not have.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: See ``choose_file``.
    """
    model_id = repository.model_id
    if file is not None:
        named = _order_by_layout(file, layouts)
        return {role: choose_file(model_id, repository.files, file=path) for role, path in named.items()}
    found: list[dict[str, Choice]] = []
    missing: VariantNotFoundError | None = None
    for layout in _find_layouts(tuple(repository.files), layouts):
        try:
            found.append(_choose_files(repository, layout, dtype, gpu=gpu))
        except VariantNotFoundError as error:
            missing = missing or error
    if not found and missing is not None:
        raise missing
    wanted = ("fp16", "fp32") if gpu else ("fp32",)
    best = (choices for name in wanted for choices in found if _main_choice(choices).dtype == name)
    return next(best, found[0])


def has_roles(files: Iterable[str]) -> bool:
    """Tell whether there are an encoder and a decoder among the ONNX files."""
    present = tuple(files)
    return any(_has_layout(present, layout) for layout in (*_WITH_IMAGES, *_WITH_SOUND, *_ENCODER_DECODERS))


def _order_by_layout(file: str | Mapping[str, str], layouts: Sequence[Layout]) -> Mapping[str, str]:
    """Return role -> path, in the order in which the files are opened; one path is that of a model in one file."""
    named = {MODEL: file} if isinstance(file, str) else file
    layout = next((layout for layout in layouts if set(layout) == set(named)), None)
    if layout is None:
        raise InvalidOptionError("file", file, _describe(layouts))
    return {role: named[role] for role in layout}


def _describe(layouts: Sequence[Layout]) -> str:
    """Say what ``file`` may be."""
    several = [tuple(layout) for layout in layouts if MODEL not in layout]
    named = (f"{{{', '.join(f'{role!r}: ...' for role in roles)}}}" for roles in dict.fromkeys(several))
    paths = f"the paths of {' or '.join(named)}" if several else ""
    if len(several) < len(layouts):
        return f"the path of an ONNX file: the model is one file{paths and f'; or {paths}'}"
    kind = "an encoder with its decoders" if tuple(layouts) == _ENCODER_DECODERS else "several files"
    return f"None, for dtype to choose, or {paths}: the model is {kind}"


def _find_layouts(files: Sequence[str], layouts: Sequence[Layout]) -> list[Layout]:
    """Return the layouts that the files have; if there is none, the one that lacks the fewest, for the error.

    A model in one file goes before all others. A layout within a larger one is not the whole model.
    """
    if ONE_FILE in layouts and _has_layout(files, ONE_FILE):
        return [ONE_FILE]
    present = [layout for layout in layouts if _has_layout(files, layout)]
    whole = [layout for layout in present if not any(layout.items() < larger.items() for larger in present)]
    if whole:
        return whole
    if ONE_FILE in layouts:
        return [ONE_FILE]
    return [max(reversed(layouts), key=lambda layout: sum(_has(files, names) for names in layout.values()))]


def _has_layout(files: Sequence[str], layout: Layout) -> bool:
    if not all(_has(files, names) for names in layout.values()):
        return False
    names = {name for role in layout.values() for name in role}
    return layout == ONE_FILE or not _INPUTS.isdisjoint(names) or not _has(files, _INPUTS)


def _has(files: Iterable[str], names: Iterable[str]) -> bool:
    return any(is_variant_of(file, name) for name in names for file in files)


def _choose_files(repository: Repository, layout: Layout, dtype: str, *, gpu: bool) -> dict[str, Choice]:
    if layout == ONE_FILE:
        return {MODEL: choose_file(repository.model_id, repository.files, dtype=dtype, gpu=gpu)}
    chosen = {}
    for role, names in layout.items():
        by_name = {name: [file for file in repository.files if is_variant_of(file, name)] for name in names}
        # Where there is no such file at all, the error is about the usual name, and lists all that there are.
        base, files = next(((name, files) for name, files in by_name.items() if files), (names[0], None))
        chosen[role] = choose_file(repository.model_id, files or repository.files, dtype=dtype, gpu=gpu, base=base)
    return chosen


def _main_choice(choices: dict[str, Choice]) -> Choice:
    """Return the file that does most of the work: the decoder, or the last."""
    return choices["decoder"] if "decoder" in choices else next(reversed(choices.values()))
