"""Four bits a weight, as ONNX Runtime's MatMulNBits and GatherBlockQuantized read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Blocks", "compensate", "fake", "quantise"]

_LARGEST: Final = 15
_DAMPING: Final = 0.01
"""Added to the diagonal of a Gram matrix, as a share of its mean, so that it can be inverted."""
_SHRINK: Final = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Shares of the range of a block that are tried: cutting the extremes off can make the rest finer."""


@dataclass(frozen=True)
class Blocks:
    """A matrix ``(rows, columns)``; each row is cut into blocks with a scale and a zero point."""

    codes: Tensor
    """0 to 15; shape ``(rows, blocks, block)``."""
    scales: Tensor
    """Shape ``(rows, blocks)``, values of half precision."""
    zeros: Tensor
    """0 to 15; shape ``(rows, blocks)``."""

    @property
    def values(self) -> Tensor:
        """What the graph computes with; shape ``(rows, columns)``."""
        return ((self.codes - self.zeros[..., None]) * self.scales[..., None]).flatten(1)

    @property
    def packed_codes(self) -> NDArray[np.uint8]:
        """Two codes a byte, the first in its low half; shape ``(rows, blocks, block / 2)``."""
        return _pack(self.codes)

    @property
    def packed_zeros(self) -> NDArray[np.uint8]:
        """Two zero points a byte; shape ``(rows, blocks / 2)``, rounded up."""
        odd = self.zeros.shape[1] % 2
        return _pack(torch.nn.functional.pad(self.zeros, (0, odd)))


def quantise(matrix: Tensor, block: int, *, search: bool = False) -> Blocks:
    """To the nearest code between the extremes of each block; ``search`` also tries narrower ranges."""
    blocks = matrix.detach().unflatten(1, (-1, block))
    if not search:
        return _round(blocks, 1.0)
    tried = [_round(blocks, share) for share in _SHRINK]
    errors = torch.stack([(candidate.values.view_as(blocks) - blocks).square().sum(-1) for candidate in tried])
    best = errors.argmin(0)

    def chosen(values: list[Tensor]) -> Tensor:
        index = best.view(1, *best.shape, *[1] * (values[0].dim() - 2)).expand(1, *values[0].shape)
        return torch.stack(values).gather(0, index)[0]

    return Blocks(*(chosen([getattr(candidate, name) for candidate in tried]) for name in ("codes", "scales", "zeros")))


def compensate(matrix: Tensor, gram: Tensor, block: int) -> Blocks:
    """Round columns one after another, and let those that follow make up for each error, as GPTQ does (2210.17323).

    Args:
        matrix: Weights ``(rows, columns)``.
        gram: Sum of ``x x^T`` over the inputs of the layer, ``(columns, columns)``.
        block: Columns that share a scale.
    """
    weights = matrix.detach().clone()
    damped = gram + torch.eye(len(gram)) * (_DAMPING * gram.diagonal().mean())
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    found: list[Blocks] = []
    for start in range(0, weights.shape[1], block):
        end = start + block
        grid = quantise(weights[:, start:end], block, search=True)
        scales, zeros = grid.scales[:, 0], grid.zeros[:, 0]
        codes, errors = torch.zeros(len(weights), block), torch.zeros(len(weights), block)
        for place, column in enumerate(range(start, end)):
            wanted = weights[:, column]
            codes[:, place] = (wanted / scales).round().add(zeros).clamp(0, _LARGEST)
            error = (wanted - (codes[:, place] - zeros) * scales) / inverse[column, column]
            errors[:, place] = error
            weights[:, column:end] -= error[:, None] * inverse[column, column:end]
        weights[:, end:] -= errors @ inverse[start:end, end:]
        found.append(Blocks(codes[:, None], grid.scales, grid.zeros))
    return Blocks(*(torch.cat([getattr(part, name) for part in found], 1) for name in ("codes", "scales", "zeros")))


def fake(matrix: Tensor, block: int) -> Tensor:
    """Return the quantised matrix; gradients pass as if it were not."""
    return _Fake.apply(matrix, block)


class _Fake(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, matrix: Tensor, block: int) -> Tensor:
        del ctx
        return quantise(matrix, block).values

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        del ctx
        return gradient, None


def _round(blocks: Tensor, share: float) -> Blocks:
    low, high = blocks.amin(-1).clamp_max(0) * share, blocks.amax(-1).clamp_min(0) * share
    scales = ((high - low) / _LARGEST).half().float().clamp_min(1e-7)
    zeros = (-low / scales).round_().clamp_(0, _LARGEST)
    codes = (blocks / scales[..., None]).round_().add_(zeros[..., None]).clamp_(0, _LARGEST)
    return Blocks(codes, scales, zeros)


def _pack(codes: Tensor) -> NDArray[np.uint8]:
    small = codes.to(torch.uint8)
    packed: NDArray[np.uint8] = (small[..., 0::2] | (small[..., 1::2] << 4)).numpy()
    return packed
