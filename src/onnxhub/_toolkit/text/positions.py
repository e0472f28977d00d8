"""Which position the first token of a text has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub._toolkit.json_files import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OFFSET_POSITIONS", "first_position"]

OFFSET_POSITIONS: Final = frozenset(
    "camembert data2vec-text esm ibert layoutlmv3 lilt longformer luke markuplm mpnet roberta roberta-prelayernorm "
    "xlm-roberta xlm-roberta-xl xmod".split()
)
"""Model types whose first position is the padding id plus 1."""


def first_position(config: Mapping[str, object]) -> int:
    """Return the position of a text's first token: 0, or 1 after the padding id in the families that count so."""
    kind = config.get("model_type")
    padding = whole_number(config.get("pad_token_id")) if isinstance(kind, str) and kind in OFFSET_POSITIONS else None
    return 0 if padding is None or padding < 0 else padding + 1
