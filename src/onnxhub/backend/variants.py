"""Which ONNX file of a repository runs: a pure function of the listing and of what was asked.

Models lie in the root or in ``onnx/``, and their names carry the precision, as transformers.js, optimum and
sentence-transformers write them:

    model.onnx                       fp32          model_O1.onnx ... model_O4.onnx      O1 ... O4
    model_fp16.onnx                  fp16          model_optimized.onnx                 optimized
    model_quantized.onnx             q8            model_qint8_avx512.onnx              qint8_avx512
    model_int8.onnx, _uint8          int8, uint8   model_quint8_avx2.onnx               quint8_avx2
    model_q4.onnx, _q4f16, _bnb4     q4, ...       model_anything.onnx                  anything

Files that an optimiser has rewritten (O1 ... O4, optimized) are variants of their own and not the fp32 file: O3 and O4
approximate, O4 is fp16. They run when asked for, or when there is nothing else. Nothing depends on the machine, so that
answers are the same everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from onnxhub.errors import (
    AmbiguousFileError,
    InvalidOptionError,
    NoOnnxFileError,
    UnsafeModelError,
    VariantNotFoundError,
    listing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Choice", "canonical", "choose_file", "dtype_of", "is_of", "sibling"]

_FOLDERS: Final = (".", "onnx")
# Suffix of the file's name -> dtype, where the two differ.
_SUFFIXES: Final = {"": "fp32", "quantized": "q8", "float32": "fp32", "float16": "fp16"}
_ALIASES: Final = {"quantized": "q8", "float32": "fp32", "float16": "fp16"}
_DTYPES: Final = (
    *("fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4", "q2", "q2f16", "q1", "q1f16"),
    *("O1", "O2", "O3", "O4", "optimized"),
    *("qint8_avx512", "qint8_avx512_vnni", "qint8_arm64", "quint8_avx2"),
)
# sentence-transformers quantises for a processor: these stand in for the plain dtype where it is missing.
_FOR_PROCESSORS: Final = {"int8": "qint8_", "uint8": "quint8_"}
_PARTS: Final = re.compile(
    r"(encoder_model|decoder_model|decoder_with_past_model|vision_encoder|audio_encoder|text_encoder|embed_tokens"
    r"|prompt_encoder_mask_decoder|encodec_decode)(_\w+)?"
)

_STAGES: Final = frozenset({"prefill", "decode"})
"""The files of transformers' own exporter for a model that generates: for the first words, and for each one after them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The file that runs."""

    file: str
    """Its path in the repository."""
    dtype: str
    """Its precision, as far as its name tells it: ``fp32``, ``q8``, ..."""
    reason: str
    """Why this one, in one sentence."""


@dataclass(frozen=True, slots=True)
class _Variant:
    file: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.file} ({self.dtype})"


def choose_file(
    model_id: str,
    files: Iterable[str],
    *,
    dtype: str = "auto",
    file: str | None = None,
    gpu: bool = False,
    base: str = "model",
) -> Choice:
    """Choose the ONNX file: the one named by ``file``, else the one of ``dtype``.

    "auto" is fp32 where the repository has it (fp16 first with ``gpu``), else its only variant. ``base`` is the name
    before the suffix: ``model``, or ``encoder_model`` and the like for a part of a larger model.

    Examples:
        >>> choose_file("org/name", ["onnx/model.onnx", "onnx/model_q4.onnx"], dtype="q4").file
        'onnx/model_q4.onnx'

    Raises:
        NoOnnxFileError: There is no ONNX file at all.
        VariantNotFoundError: There is none of that dtype or name.
        AmbiguousFileError: Several fit.
        InvalidOptionError: No such dtype exists.
        UnsafeModelError: ``file`` is an ``.ort`` file.
    """
    files = tuple(sorted(files))
    onnx_files = tuple(name for name in files if name.endswith(".onnx"))
    if file is not None:
        return _named(model_id, onnx_files, file)
    if not onnx_files:
        hint = "export='auto' converts PyTorch's weights (pip install 'onnxhub[optimum]')"
        raise NoOnnxFileError(model_id, files, hint)
    variants = _variants(model_id, onnx_files, base)
    if dtype == "auto":
        return _automatic(model_id, variants, gpu=gpu)
    return _of_dtype(model_id, variants, dtype)


def _named(model_id: str, onnx_files: tuple[str, ...], file: str) -> Choice:
    path = PurePosixPath(file)
    if path.suffix == ".ort":
        raise UnsafeModelError(file, "only .onnx files are loaded, not ONNX Runtime's own .ort format")
    if path.as_posix() not in onnx_files:
        raise VariantNotFoundError(model_id, f"file={file!r}", _described(map(_any_variant, onnx_files)))
    chosen = _any_variant(path.as_posix())
    return Choice(chosen.file, chosen.dtype, f"file={file!r} was asked for")


def _automatic(model_id: str, variants: tuple[_Variant, ...], *, gpu: bool) -> Choice:
    preferred = {"fp32": "the repository's full-precision file"}
    if gpu:
        preferred = {"fp16": "half precision, since the provider is a GPU", **preferred}
    if len(variants) > 1:
        for dtype, reason in preferred.items():
            fitting = tuple(variant for variant in variants if variant.dtype == dtype)
            if fitting:
                return _only(model_id, "dtype='auto'", fitting, reason)
    return _only(model_id, "dtype='auto'", variants, "the repository's only ONNX model")


def _of_dtype(model_id: str, variants: tuple[_Variant, ...], dtype: str) -> Choice:
    wanted = _canonical(model_id, dtype, variants)
    fitting = tuple(variant for variant in variants if variant.dtype == wanted)
    if not fitting and wanted in _FOR_PROCESSORS:
        fitting = tuple(variant for variant in variants if variant.dtype.startswith(_FOR_PROCESSORS[wanted]))
    if not fitting:
        raise VariantNotFoundError(model_id, f"dtype={dtype!r}", _described(variants))
    return _only(model_id, f"dtype={dtype!r}", fitting, f"dtype={dtype!r} was asked for")


def _canonical(model_id: str, dtype: str, variants: tuple[_Variant, ...]) -> str:
    """The dtype's one spelling; a dtype that only this repository has counts as well."""
    known = dict.fromkeys((*_DTYPES, *(variant.dtype for variant in variants)))
    spellings = {name.lower(): name for name in known} | _ALIASES
    found = spellings.get(dtype.lower()) if isinstance(dtype, str) else None
    if found is None:
        names = ("auto", *known)
        has = listing(dict.fromkeys(variant.dtype for variant in variants))
        raise InvalidOptionError("dtype", dtype, f"one of {', '.join(names)} ({model_id} has {has})", names)
    return found


def _only(model_id: str, wanted: str, fitting: tuple[_Variant, ...], reason: str) -> Choice:
    """The one that fits, of one or more."""
    chosen, *others = fitting
    if others:
        raise AmbiguousFileError(model_id, wanted, tuple(variant.file for variant in fitting))
    return Choice(chosen.file, chosen.dtype, reason)


def _variants(model_id: str, onnx_files: tuple[str, ...], base: str) -> tuple[_Variant, ...]:
    """The variants of one model, in the root and in ``onnx/``; whatever lies elsewhere is for ``file=`` alone."""
    near = tuple(name for name in onnx_files if str(PurePosixPath(name).parent) in _FOLDERS)
    found = tuple(_Variant(name, dtype) for name in near if (dtype := _dtype(name, base)) is not None)
    if not found and {PurePosixPath(name).stem for name in near} >= _STAGES:
        wanted = "a model in one file (prefill and decode are what transformers' own exporter makes to generate texts)"
        raise VariantNotFoundError(model_id, wanted, _described(map(_any_variant, onnx_files)))
    parts = any(_PARTS.fullmatch(PurePosixPath(name).stem) for name in near)
    if not found and base == "model" and not parts:
        found = tuple(map(_any_variant, near))  # models under a name of their own
    if not found:
        elsewhere = "a model in one file (these are the parts of a larger one)" if parts else "its root or onnx/"
        wanted = elsewhere if base == "model" else f"{base} in its root or onnx/"
        raise VariantNotFoundError(model_id, wanted, _described(map(_any_variant, onnx_files)))
    return found


def _any_variant(file: str) -> _Variant:
    """Any ONNX file with the dtype that its name tells: no matter which model of the repository it is."""
    dtype = _dtype(file, "model")
    if dtype is None:
        stem = PurePosixPath(file).stem
        suffix = next((name for name in (*_ALIASES, *_DTYPES) if stem.endswith(f"_{name}")), "")
        dtype = _SUFFIXES.get(suffix, suffix)
    return _Variant(file, dtype)


def _dtype(file: str, base: str) -> str | None:
    """``onnx/model_quantized.onnx`` -> ``q8``; None for a file of another base, as a merged decoder is."""
    match = re.fullmatch(rf"{re.escape(base)}(?:[._-](?!merged)(.+))?", PurePosixPath(file).stem)
    return None if match is None else _SUFFIXES.get(match[1] or "", match[1] or "")


def dtype_of(file: str) -> str:
    """The dtype that the name of any ONNX file tells."""
    return _any_variant(file).dtype


def canonical(dtype: str) -> str:
    """The one spelling of a dtype that every repository may have."""
    return _ALIASES.get(dtype.lower(), dtype.lower())


def sibling(file: str, dtype: str) -> str:
    """What transformers.js calls a variant of a full-precision file: ``model.onnx`` as q8 is ``model_quantized.onnx``."""
    path = PurePosixPath(file)
    base = re.sub(r"[._-](fp32|float32)$", "", path.stem)
    return path.with_name(f"{base}_{'quantized' if dtype == 'q8' else dtype}.onnx").as_posix()


def is_of(file: str, base: str) -> bool:
    """Whether an ONNX file is a variant of this base."""
    return file.endswith(".onnx") and _dtype(file, base) is not None


def _described(variants: Iterable[_Variant]) -> tuple[str, ...]:
    return tuple(map(str, variants))
