"""Which pieces of MiniLM's vocabulary a model keeps, and the capitalised twins of an uncased vocabulary."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping, Sequence

    from tokenizers import Tokenizer

__all__ = ["SPECIAL", "Case", "Vocabulary", "build", "coarser", "counted", "tokenizer", "whole"]

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CONTINUES: Final = "##"
_WRITTEN_IN: Final = ("LATIN", "GREEK", "DIGIT")
"""Scripts whose single characters stay; the words of other scripts are unknown to a model of English anyway."""


class Case(IntEnum):
    """How a piece is written; a row of the model's case vectors."""

    LOWER = 0
    CAPITALISED = 1
    CAPITALS = 2


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in the order of their ids; the lower-case ones come first, and are the rows of the embedding table."""

    pieces: tuple[str, ...]
    sources: tuple[int, ...]
    """Row of the table -> row of MiniLM's."""
    rows: tuple[int, ...]
    """Id -> row of the table."""
    cases: tuple[int, ...]
    """Id -> ``Case``."""

    @property
    def cased(self) -> bool:
        """Whether it tells capitals from small letters."""
        return len(self.pieces) > len(self.sources)

    @property
    def ids(self) -> dict[str, int]:
        """Piece -> id."""
        return {piece: index for index, piece in enumerate(self.pieces)}


def build(source: Sequence[str], size: int, *, capitals: int | None = None, seen: Iterable[str] = ()) -> Vocabulary:
    """Return ``size`` tokens: special ones, single characters, the pieces that were seen, then the most frequent.

    Args:
        source: BERT's vocabulary, by falling frequency.
        size: Rows of the table.
        capitals: None: uncased. Else all pieces that begin a word get a capitalised twin, and the single letters and
            this many of the most frequent pieces one in capitals.
        seen: Pieces to keep, most important first, however rare they are.
    """
    known = {piece: index for index, piece in enumerate(source)}
    usable = [piece for piece in source if not _is_reserved(piece)]
    single = [piece for piece in usable if len(piece.removeprefix(_CONTINUES)) == 1 and _is_written(piece)]
    words = [piece for piece in usable if len(piece.removeprefix(_CONTINUES)) > 1]
    ordered = dict.fromkeys((*SPECIAL, *single, *(piece for piece in seen if piece in set(words)), *words))
    kept = set(tuple(ordered)[:size])
    base = [*SPECIAL, *(piece for piece in usable if piece in kept)]  # by frequency again
    twins = {} if capitals is None else _twins(base, capitals)
    rows = {piece: index for index, piece in enumerate(base)}
    return Vocabulary(
        pieces=(*base, *twins),
        sources=tuple(known[piece] for piece in base),
        rows=(*range(len(base)), *(rows[lower] for lower, _ in twins.values())),
        cases=(*[Case.LOWER] * len(base), *(case for _, case in twins.values())),
    )


def whole(source: Sequence[str]) -> Vocabulary:
    """All of BERT's vocabulary but what it reserves, uncased."""
    return build(source, len(source))


def counted(texts: Iterable[str], source: Sequence[str], least: int) -> list[str]:
    """Return the pieces of BERT's whole vocabulary that occur at least so often in the texts, most frequent first."""
    whole = tokenizer({piece: index for index, piece in enumerate(source)}, lowercase=True)
    counts: dict[int, int] = {}
    for encoding in whole.encode_batch(list(texts), add_special_tokens=False):
        for index in encoding.ids:
            counts[index] = counts.get(index, 0) + 1
    return [
        source[index]
        for index, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        if count >= least
    ]


def tokenizer(ids: Mapping[str, int], *, lowercase: bool) -> Tokenizer:
    """BERT's tokenizer, accents stripped, over these pieces."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.WordPiece(dict(ids), unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=lowercase
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(prefix=_CONTINUES)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    made.add_special_tokens(list(SPECIAL))
    return made


def coarser(vocabulary: Vocabulary, rng: random.Random, share: float) -> dict[str, int]:
    """Return the ids without a random share of the longer pieces, so that words are split at other places."""
    return {
        piece: index
        for piece, index in vocabulary.ids.items()
        if piece in SPECIAL or len(piece.removeprefix(_CONTINUES)) == 1 or rng.random() >= share
    }


def _is_reserved(piece: str) -> bool:
    return len(piece) > 2 and piece.startswith("[") and piece.endswith("]")


def _is_written(piece: str) -> bool:
    character = piece.removeprefix(_CONTINUES)
    is_letter = unicodedata.category(character)[0] in "LN"
    return not is_letter or unicodedata.name(character, "").startswith(_WRITTEN_IN)


def _twins(base: Sequence[str], capitals: int) -> dict[str, tuple[str, Case]]:
    """Written with capitals -> the lower-case piece, and how; nothing that another piece is written like."""
    twins: dict[str, tuple[str, Case]] = {}
    taken = set(base)
    for index, piece in enumerate(base):
        stem = piece.removeprefix(_CONTINUES)
        if piece in SPECIAL or not stem[0].isalpha():
            continue
        written = {Case.CAPITALISED: stem[0].upper() + stem[1:]} if stem == piece else {}
        if index < capitals or len(stem) == 1:
            written[Case.CAPITALS] = piece.upper()
        for case, twin in written.items():
            if twin not in taken and len(twin) == len(piece) and twin.lower() == piece:
                twins[twin] = (piece, case)
                taken.add(twin)
    return twins
