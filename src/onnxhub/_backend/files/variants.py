"""Chooses the ONNX file that runs: a pure function of the listing and of the options.

Models lie in the root or in ``onnx/``, and their names carry the precision, as transformers.js, optimum and
sentence-transformers write them, behind the model's own name and one of ``.``, ``_`` and ``-``:

    model.onnx                       fp32          model_O1.onnx ... model_O4.onnx      O1 ... O4
    model_fp16.onnx                  fp16          model_optimized.onnx                 optimized
    model_quantized.onnx             q8            model_qint8_avx512.onnx              qint8_avx512
    model_int8.onnx, _uint8          int8, uint8   model_quint8_avx2.onnx               quint8_avx2
    model_q4.onnx, _q4f16, _bnb4     q4, ...       tagger.int8.onnx                     int8, of the model tagger

A suffix that names no precision belongs to the model's name: ``model_v8.onnx`` is another model than ``model.onnx``.
The dtype of a name is a hint, for listings alone: ``naming`` compares it with the graph where that is at hand.

Files that an optimiser has rewritten (O1 ... O4, optimized) are variants of their own and not the fp32 file: O3 and O4
approximate, O4 is fp16. They run when asked for, or when there is nothing else. Nothing depends on the machine, so that
answers are the same everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
    from collections.abc import Iterable, Mapping

__all__ = [
    "FULL_PRECISION",
    "Choice",
    "choose_file",
    "describe_variants",
    "is_variant_of",
    "name_variant",
    "normalize_dtype",
    "parse_base",
    "parse_dtype",
]

_FOLDERS: Final = (".", "onnx")
# Suffix of the file's name -> dtype, where the two differ.
_SUFFIXES: Final = {
    "quantized": "q8",
    "quant": "q8",
    "float32": "fp32",
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
}
_ALIASES: Final = {"quantized": "q8", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_DTYPES: Final = (
    *("fp32", "fp16", "bf16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4", "q2", "q2f16", "q1", "q1f16"),
    *("O1", "O2", "O3", "O4", "optimized"),
    *("qint8_avx512", "qint8_avx512_vnni", "qint8_arm64", "quint8_avx2"),
)
# Only graphs have these: no tool names files after them.
_TOLD_BY_GRAPHS: Final = ("mixed", "fp64", "fp8", "q3", "q5", "q6")
FULL_PRECISION: Final = "the repository's full-precision file"
"""The reason of a choice."""
# sentence-transformers quantises for a processor: these stand in for the plain dtype where it is missing.
_FOR_PROCESSORS: Final = {"int8": "qint8_", "uint8": "quint8_"}
_PRECISION: Final = (
    r"(?:(?:fp|float)(?:8|16|32|64)|half|bf16|bfloat16|q?u?int(?:2|4|8)|q[1-8](?:f16|f32)?|bnb4|quantized|quant|[1248]bit"
    r"|optimized|o[1-4])"
)
"""The start of a suffix that tells a precision."""
_DETAIL: Final = (
    rf"(?:{_PRECISION}|avx2|avx512|vnni|arm64|amd64|ppc64le|tensorrt|dynamic|static|per|channel|tensor|block|\d+)"
)
_NAME: Final = re.compile(rf"(.+?)[._-]({_PRECISION}(?:[._-]{_DETAIL})*)", re.IGNORECASE)
"""A model's name, and the suffix that tells its precision."""
_ROLES: Final = re.compile(
    r"(encoder_model|decoder_model|decoder_with_past_model|vision_encoder|audio_encoder|text_encoder|embed_tokens"
    r"|prompt_encoder_mask_decoder|encodec_decode)(_\w+)?"
)

_STAGES: Final = frozenset({"prefill", "decode"})
"""Files of transformers' own exporter for a model that generates: for the prompt, and for each token after it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The file that runs."""

    file: str
    """Its path in the repository."""
    dtype: str
    """Its precision: ``fp32``, ``q8``, ...; as its name tells it, until its graph is read."""
    reason: str
    """Why this one, in one sentence."""


@dataclass(frozen=True, slots=True)
class _Variant:
    file: str
    dtype: str
    base: str
    """The model's name, as far as the file's tells it."""

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
    before the suffix: ``model``, or ``encoder_model`` and the like for a role of a larger model.

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
        return _choose_named(model_id, onnx_files, file)
    if not onnx_files:
        hint = "export='auto' converts PyTorch's weights (pip install 'onnxhub[optimum]')"
        raise NoOnnxFileError(model_id, files, hint)
    variants = _find_variants(model_id, onnx_files, base)
    if dtype == "auto":
        return _choose_automatically(model_id, variants, len(onnx_files), gpu=gpu)
    return _choose_by_dtype(model_id, variants, dtype)


def _choose_named(model_id: str, onnx_files: tuple[str, ...], file: str) -> Choice:
    path = PurePosixPath(file)
    if path.suffix == ".ort":
        raise UnsafeModelError(file, "only .onnx files are loaded, not ONNX Runtime's own .ort format")
    if path.as_posix() not in onnx_files:
        raise VariantNotFoundError(model_id, f"file={file!r}", _describe(map(_read_name, onnx_files)))
    chosen = _read_name(path.as_posix())
    return Choice(chosen.file, chosen.dtype, f"file={file!r} was asked for")


def _choose_automatically(model_id: str, variants: tuple[_Variant, ...], present: int, *, gpu: bool) -> Choice:
    bases = dict.fromkeys(variant.base for variant in variants)
    if len(bases) > 1:
        fitting = tuple(each for base in bases for each in _keep_best(variants, base))
        return _require_single(model_id, "dtype='auto'", fitting, "")
    preferred = {"fp32": FULL_PRECISION}
    if gpu:
        preferred = {"fp16": "half precision, since the provider is a GPU", **preferred}
    if len(variants) > 1:
        for dtype, reason in preferred.items():
            fitting = tuple(variant for variant in variants if variant.dtype == dtype)
            if fitting:
                return _require_single(model_id, "dtype='auto'", fitting, reason)
    alone = "the repository's only ONNX model"
    reason = alone if present == 1 else f"the only ONNX file of {next(iter(bases))!r} in the root and onnx/"
    return _require_single(model_id, "dtype='auto'", variants, reason)


def _keep_best(variants: tuple[_Variant, ...], base: str) -> tuple[_Variant, ...]:
    """Return the full-precision files of one of several models, or all that it has."""
    own = tuple(variant for variant in variants if variant.base == base)
    return tuple(variant for variant in own if variant.dtype == "fp32") or own


def _choose_by_dtype(model_id: str, variants: tuple[_Variant, ...], dtype: str) -> Choice:
    wanted = _require_dtype(model_id, dtype, variants)
    fitting = tuple(variant for variant in variants if variant.dtype == wanted)
    if not fitting and wanted in _FOR_PROCESSORS:
        fitting = tuple(variant for variant in variants if variant.dtype.startswith(_FOR_PROCESSORS[wanted]))
    if not fitting:
        raise VariantNotFoundError(model_id, f"dtype={dtype!r}", _describe(variants))
    return _require_single(model_id, f"dtype={dtype!r}", fitting, f"dtype={dtype!r} was asked for")


def _require_dtype(model_id: str, dtype: str, variants: tuple[_Variant, ...]) -> str:
    """Return the usual spelling of a dtype; a dtype that only this repository has counts as well."""
    known = dict.fromkeys((*_DTYPES, *(variant.dtype for variant in variants)))
    spellings = {name.lower(): name for name in (*known, *_TOLD_BY_GRAPHS)} | _ALIASES
    found = spellings.get(dtype.lower()) if isinstance(dtype, str) else None
    if found is None:
        names = ("auto", *known)
        has = listing(dict.fromkeys(variant.dtype for variant in variants))
        raise InvalidOptionError("dtype", dtype, f"one of {', '.join(names)} ({model_id} has {has})", names)
    return found


def _require_single(model_id: str, wanted: str, fitting: tuple[_Variant, ...], reason: str) -> Choice:
    """Return the only variant that fits.

    Raises:
        AmbiguousFileError: Several fit.
    """
    chosen, *others = fitting
    if others:
        raise AmbiguousFileError(model_id, wanted, tuple(variant.file for variant in fitting))
    return Choice(chosen.file, chosen.dtype, reason)


def _find_variants(model_id: str, onnx_files: tuple[str, ...], base: str) -> tuple[_Variant, ...]:
    """Return the variants of a model in the root and in ``onnx/``; with none there, in the only folder that has any."""
    near = tuple(name for name in onnx_files if str(PurePosixPath(name).parent) in _FOLDERS)
    if len({PurePosixPath(name).parent for name in onnx_files}) == 1:
        near = onnx_files
    every = tuple(map(_read_name, near))
    found = tuple(variant for variant in every if variant.base == base)
    if not found and {variant.base for variant in every} >= _STAGES:
        wanted = "a model in one file (prefill and decode are what transformers' own exporter makes to generate texts)"
        raise VariantNotFoundError(model_id, wanted, _describe(map(_read_name, onnx_files)))
    roles = any(_ROLES.fullmatch(variant.base) for variant in every)
    if not found and base == "model" and not roles:
        found = every  # models under names of their own
    if not found:
        elsewhere = "a model in one file (these are the parts of a larger one)" if roles else "its root or onnx/"
        wanted = elsewhere if base == "model" else f"{base} in its root or onnx/"
        hint = "" if roles or near else f"file={onnx_files[0]!r} loads one from elsewhere"
        raise VariantNotFoundError(model_id, wanted, _describe(map(_read_name, onnx_files)), hint)
    return found


def _read_name(file: str) -> _Variant:
    """Read the model's name and the dtype from the name of an ONNX file: ``onnx/model_quantized.onnx`` is ``q8``."""
    stem = PurePosixPath(file).stem
    match = _NAME.fullmatch(stem)
    if match is None:
        return _Variant(file, "fp32", stem)
    suffix = re.sub(r"^o(?=[1-4])", "O", match[2].lower())
    return _Variant(file, _SUFFIXES.get(suffix, suffix), match[1])


def parse_dtype(file: str) -> str:
    """Return the dtype that the name of any ONNX file tells."""
    return _read_name(file).dtype


def normalize_dtype(dtype: str) -> str:
    """Return the usual spelling of a dtype that every repository may have."""
    return _ALIASES.get(dtype.lower(), dtype.lower())


def name_variant(file: str, dtype: str) -> str:
    """Return transformers.js' name for a variant of a file: ``model.onnx`` as q8 is ``model_quantized.onnx``."""
    path = PurePosixPath(file)
    base = re.sub(r"[._-](fp32|float32)$", "", path.stem)
    return path.with_name(f"{base}_{'quantized' if dtype == 'q8' else dtype}.onnx").as_posix()


def is_variant_of(file: str, base: str) -> bool:
    """Tell whether an ONNX file is a variant of this base."""
    return file.endswith(".onnx") and _read_name(file).base == base


def parse_base(file: str) -> str:
    """Return the name of the model that an ONNX file is a variant of, as its own name tells it."""
    return _read_name(file).base


def describe_variants(files: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """Return each ONNX file with its dtype: the one that is known of its graph, else the one that its name tells."""
    every = (_read_name(name) for name in sorted(files) if name.endswith(".onnx"))
    return tuple(str(replace(variant, dtype=known.get(variant.file, variant.dtype))) for variant in every)


def _describe(variants: Iterable[_Variant]) -> tuple[str, ...]:
    return tuple(map(str, variants))
