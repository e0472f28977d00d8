"""Graphs whose inputs have fixed sizes, such as those for phones: fills up a batch, and cuts its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Features, GraphInput, Outputs

__all__ = ["StaticShapes"]


@dataclass(frozen=True, slots=True)
class StaticShapes:
    """The only sizes that a graph takes."""

    rows: int | None
    """None: any number."""
    tokens: int | None
    """None: any number. A text that has more is cut, or read in windows, as by a model's own length."""

    @classmethod
    def read(cls, inputs: Mapping[str, GraphInput]) -> Self | None:
        """Return the fixed sizes of a graph on tokens; None if it takes any, as nearly all do.

        A text is filled up only if the graph has an attention mask, which marks the padding.
        """
        shape = inputs["input_ids"].shape if "input_ids" in inputs else ()
        if not shape:
            return None
        rows, tokens = (size if isinstance(size, int) and size > 0 else None for size in (shape[0], shape[-1]))
        sizes = cls(rows, tokens if "attention_mask" in inputs else None)
        return None if sizes == cls(None, None) else sizes

    def run(self, run: Callable[[Features], Outputs], features: Features, padding: Mapping[str, int]) -> Outputs:
        """Run a batch, in as many runs as it takes.

        Args:
            run: Runs one batch of the fixed sizes.
            features: Graph input name -> array ``(rows, tokens)``, or ``(rows, choices, tokens)``.
            padding: Graph input name -> the value that fills up its rows.

        Returns:
            The outputs ``(rows, ...)``, those of padding tokens included.
        """
        number = len(next(iter(features.values())))
        step = self.rows or number
        found = [
            run(
                {
                    name: self._fill(values[start : start + step], padding.get(name, 0))
                    for name, values in features.items()
                }
            )
            for start in range(0, number, step)
        ]
        return {name: np.concatenate([outputs[name] for outputs in found])[:number] for name in found[0]}

    def _fill(self, values: NDArray[np.generic], fill: int) -> NDArray[np.generic]:
        rows = max((self.rows or 0) - len(values), 0)
        tokens = max((self.tokens or 0) - values.shape[-1], 0)
        longer = np.pad(values, [*[(0, 0)] * (values.ndim - 1), (0, tokens)], constant_values=fill)
        # The last row is repeated: another would change the range of the batch, by which a quantised graph scales.
        return np.concatenate([longer, np.repeat(longer[-1:], rows, axis=0)])
