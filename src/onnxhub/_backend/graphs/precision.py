"""The precision of a graph: by the types of its weights and by its operators, whatever its file is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

__all__ = ["BLOCKS", "Precision", "agrees", "claims", "determine_precision"]

DYNAMIC_QUANTIZATION: Final = frozenset(
    ["DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"]
)
"""Operators that scale by the range of the whole batch, so that a row's result would depend on the other rows. So rows are
run alone, which is too little work for several threads: a list is 1.3 times as fast with a row on each core."""
BLOCKS: Final = frozenset({"MatMulNBits", "GatherBlockQuantized", "MatMulBnb4", "MatMulFpQ4", "QMoE"})
"""Operators over blocks of weights, whose attributes say how many bits an element has."""
_BNB4: Final = "MatMulBnb4"
_STATIC: Final = frozenset(
    ["QLinearMatMul", "QLinearConv", "QLinearAdd", "QLinearMul", "QGemm", "QAttention", "QEmbedLayerNormalization"]
)
_INTEGER: Final = frozenset({"MatMulInteger", "MatMulInteger16", "ConvInteger"})
_BOTH_ENDS: Final = frozenset({"QuantizeLinear", "DequantizeLinear"})
_DEFAULT_BITS: Final = 4
"""Bits of a weight where an operator over blocks does not say it."""

# TensorProto.DataType by number.
_FLOATS: Final = {1: ("fp32", 4), 10: ("fp16", 2), 11: ("fp64", 8), 16: ("bf16", 2)}
_UINT8, _INT8 = 2, 3
_FEW_BITS: Final = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}
_FLOAT8: Final = frozenset({17, 18, 19, 20})
_BITS: Final = {"fp64": 64, "fp32": 32, "fp16": 16, "bf16": 16}

QUANTISED: Final = 0.05
"""Share of all weights from which on weights of few bits are more than constants."""
CAST: Final = 0.25
"""The same for integers that no operator of quantisation reads, but a Cast may."""
PURE: Final = 0.75
"""Share of the bytes of all floats from which on a float type is the type of the graph."""
PRESENT: Final = 0.1
"""Share of those bytes that, in a graph of mixed float types, the type in the file's name must have at least."""

_EIGHT_BITS: Final = re.compile(r"q8|q?u?int8|8bit")
_FEW: Final = re.compile(r"q[1-7]|bnb4|q?u?int[1-7](?!\d)|[1-7]bit")
_FLOAT: Final = re.compile(r"(?:fp|bf)\d+")


@dataclass(frozen=True, slots=True)
class Precision:
    """The precision of a graph."""

    dtype: str
    """Its name as the option ``dtype`` of ``load``; empty if the graph has no weights that show it."""
    kind: str
    """``"none"``, ``"fp16"``, ``"8-bit, dynamic"``, ``"8-bit, static"``, ``"4-bit blocks"``, ..."""
    bits: int = 0
    """Bits of a weight; 0 if they differ, or if there are no weights."""
    parts: frozenset[str] = frozenset()
    """The float types that are more than constants, if the graph has several."""

    @property
    def description(self) -> str:
        """The precision in words, for a reason or an error."""
        if self.kind == "none":
            return self.dtype
        if self.parts:
            return f"mixed: {' and '.join(sorted(self.parts))}"
        return self.dtype if self.kind == self.dtype else f"{self.kind} ({self.dtype})"

    @property
    def is_quantised(self) -> bool:
        """Whether its weights are quantised."""
        return 0 < self.bits <= 8


def determine_precision(operators: AbstractSet[str], weights: Mapping[int, int], bits: int | None = None) -> Precision:
    """Return the precision of a graph.

    Args:
        operators: The types of its operators.
        weights: Type of the elements, by its number in onnx.proto -> how many there are.
        bits: Bits of a weight in blocks, if the graph has blocks and says it.
    """
    if operators & BLOCKS:
        size = bits or _DEFAULT_BITS
        return Precision("bnb4" if operators & BLOCKS == {_BNB4} else f"q{size}", f"{size}-bit blocks", size)
    every = sum(weights.get(kind, 0) for kind in (*_FLOATS, _UINT8, _INT8, *_FEW_BITS, *_FLOAT8)) or 1
    few = {size: sum(weights.get(kind, 0) for kind, own in _FEW_BITS.items() if own == size) for size in (4, 2)}
    size = max(few, key=lambda bits_each: few[bits_each])
    if few[size] >= QUANTISED * every:
        return Precision(f"q{size}", f"{size}-bit, weights alone", size)
    eight = (weights.get(_UINT8, 0) + weights.get(_INT8, 0)) / every
    eight_bit = _name_eight_bit_kind(operators, eight)
    if eight_bit:
        return Precision(_name_integers(weights) if eight >= QUANTISED else "q8", eight_bit, 8)
    if sum(weights.get(kind, 0) for kind in _FLOAT8) >= QUANTISED * every:
        return Precision("fp8", "8-bit floats", 8)
    return _find_float_precision(weights)


def _name_eight_bit_kind(operators: AbstractSet[str], share: float) -> str:
    """Return how the graph uses 8 bits; empty if it does not."""
    if operators & DYNAMIC_QUANTIZATION:
        return "8-bit, dynamic"
    if operators & _STATIC or operators >= _BOTH_ENDS:
        return "8-bit, static"
    if operators & _INTEGER:
        return "8-bit"
    if "DequantizeLinear" in operators or ("Cast" in operators and share >= CAST):
        return "8-bit, weights alone" if share else ""
    return ""


def _name_integers(weights: Mapping[int, int]) -> str:
    """Return ``int8`` if any weight is signed: ONNX Runtime's tools write some unsigned tensors into int8 graphs, too."""
    return "int8" if weights.get(_INT8) else "uint8"


def _find_float_precision(weights: Mapping[int, int]) -> Precision:
    sizes = {name: weights[kind] * size for kind, (name, size) in _FLOATS.items() if weights.get(kind)}
    if not sizes:
        return Precision("", "none")
    total = sum(sizes.values())
    most = max(sizes, key=lambda name: sizes[name])
    if sizes[most] < PURE * total:
        return Precision("mixed", "mixed", 0, frozenset(name for name in sizes if sizes[name] >= PRESENT * total))
    return Precision(most, "none" if most == "fp32" else most, _BITS[most])


def agrees(name: str, found: Precision) -> bool:
    """Tell whether a dtype's name fits a graph; names without a precision fit every graph that is not quantised."""
    if not found.dtype or name == found.dtype:
        return True
    if _FEW.match(name):
        return 0 < found.bits < 8
    if _EIGHT_BITS.match(name):
        signed = re.search(r"u?int8", name)
        fits = signed is None or found.dtype not in {"int8", "uint8"} or found.dtype == signed[0]
        return found.bits == 8 and found.dtype != "fp8" and fits
    if kind := _FLOAT.match(name):
        return kind[0] == found.dtype or (kind[0] != "fp32" and kind[0] in found.parts)
    return name != "mixed" and not found.is_quantised


def claims(name: str) -> bool:
    """Tell whether a dtype's name says a precision; names of optimisers do not."""
    return name == "mixed" or any(pattern.match(name) for pattern in (_FEW, _EIGHT_BITS, _FLOAT))
