"""transformers' ``TokenClassificationPipeline``: ``[{"entity": ..., "score": ..., "word": ..., ...}]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from onnxhub._contracts.checks import as_text
from onnxhub._contracts.inputs import as_many
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.labels import find_mixed_schemes
from onnxhub._toolkit.numeric import require_finite, softmax
from onnxhub._toolkit.text.requirements import require_inputs, require_offsets
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.windows import truncate, windows
from onnxhub.compat._pipeline import CallOptions, Pipeline, read_max_length
from onnxhub.errors import InvalidInputError, InvalidOptionError
from onnxhub.tasks.token_classification import AGGREGATIONS, NAME, TokenClassificationPostprocessor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Features, Outputs, Tokenizer, Tokens
    from onnxhub.compat._pipeline import Json

    Entity: TypeAlias = dict[str, Any]
    Scored: TypeAlias = tuple["Token", NDArray[np.float32]]
    """A token with its scores, shape ``(labels,)``."""

__all__ = ["TokenClassificationOptions", "TokenClassificationPipeline"]


class TokenClassificationOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    aggregation_strategy: str | None
    ignore_labels: list[str] | None
    stride: int | None
    grouped_entities: bool | None
    ignore_subwords: bool | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token as transformers sees it."""

    index: int
    """Its position in its window."""
    word: str
    """As the vocabulary spells it; an unknown one as the text does."""
    start: int
    end: int
    is_subword: bool
    """Whether it goes on with the word of the token before it."""


@dataclass(frozen=True, slots=True)
class TokenItem:
    """The tokens of each window, without special ones."""

    windows: tuple[tuple[Token, ...], ...]

    @property
    def rows(self) -> int:
        """The number of windows."""
        return len(self.windows)


@dataclass(frozen=True)
class TokenPreprocessor(Preprocessor[str, TokenItem]):
    """Texts to one row that is cut at the tokenizer's length, or, with a stride, to windows of that length."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    longest: int | None
    stride: int | None = None
    """Tokens that neighbouring windows share."""

    def __post_init__(self) -> None:
        if self.stride is not None and self.longest is not None and not 0 <= self.stride < self.longest:
            raise InvalidOptionError("stride", self.stride, f"less than the {self.longest} tokens that the model takes")

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(require_offsets(backend, NAME), require_inputs(backend, NAME), read_max_length(backend))

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[TokenItem]]:
        """Return an item for each input."""
        texts = [as_text(value, index) for index, value in enumerate(inputs)]
        encoded = self.tokenizer.encode(texts)
        return [self._prepare(tokens, texts[index], index) for index, tokens in enumerate(encoded)]

    def _prepare(self, tokens: Tokens, text: str, index: int) -> Prepared[TokenItem]:
        sequences, side = tokens.sequences, self.tokenizer.truncation_side
        if self.stride is None:
            cuts = [truncate(sequences, self.longest, side)]
        else:
            cuts = windows(sequences, 0, self.longest, self.stride, side)
        if not cuts:
            msg = f"stride={self.stride} leaves no room for other tokens in a window of {self.longest}"
            raise InvalidInputError(msg, index)
        # transformers pads windows to one length. That tells only on the left, where all positions move.
        width = max(map(len, cuts)) if self.tokenizer.padding_side == "left" else 0
        shifts = [max(width - len(positions), 0) for positions in cuts]
        ids, own, offsets = tokens.ids, sequences == 0, tokens.offsets
        rows = [
            self._shift(row, shift) for row, shift in zip(graph_rows(tokens, cuts, self.inputs), shifts, strict=True)
        ]
        read = (
            self._read_tokens(ids[cut], own[cut], offsets[cut], text, shift)
            for cut, shift in zip(cuts, shifts, strict=True)
        )
        return Prepared(rows, TokenItem(tuple(map(tuple, read))))

    def _shift(self, row: Features, shift: int) -> Features:
        fill = self.tokenizer.padding
        return {name: np.pad(values, (shift, 0), constant_values=fill.get(name, 0)) for name, values in row.items()}

    def _read_tokens(
        self, ids: NDArray[np.int64], own: NDArray[np.bool_], offsets: NDArray[np.int32], text: str, shift: int
    ) -> Iterator[Token]:
        words, spans = self.tokenizer.tokens(ids.tolist()), offsets.tolist()
        for index in np.flatnonzero(own).tolist():
            start, end = spans[index]
            if ids[index] == self.tokenizer.unk_token_id:
                yield Token(index + shift, text[start:end], start, end, is_subword=False)
            else:
                yield Token(index + shift, words[index], start, end, self._is_subword(words[index], text, start, end))

    def _is_subword(self, word: str, text: str, start: int, end: int) -> bool:
        """Guess as transformers does: WordPiece marks subwords; with all others a space starts a word."""
        if self.tokenizer.marks_subwords:
            return len(word) != end - start
        return start > 0 and " " not in text[start - 1 : start + 1]


@dataclass(frozen=True)
class EntityPostprocessor(Postprocessor[TokenItem, "list[Entity]"]):
    """Logits ``(windows, tokens, labels)`` to dicts of tokens or of groups of them."""

    labels: Sequence[str]
    join: Callable[[Sequence[str]], str]
    """Tokens back to text, as the tokenizer's decoder does."""
    aggregation_strategy: str = "none"
    ignore_labels: Sequence[str] = ("O",)

    def __post_init__(self) -> None:
        if self.aggregation_strategy not in AGGREGATIONS:
            expected = "one of " + ", ".join(map(repr, AGGREGATIONS))
            raise InvalidOptionError("aggregation_strategy", self.aggregation_strategy, expected, AGGREGATIONS)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the labels from ``config.json``."""
        return cls(labels_of(backend, inverted=False), backend.tokenizer.join)

    def decode(self, rows: Outputs, item: TokenItem) -> list[Entity]:
        """Return the entities of each window; where windows overlap, the longer."""
        found: list[Entity] = []
        for logits, tokens in zip(rows["logits"], item.windows, strict=True):
            scores = require_finite(softmax(logits[[token.index for token in tokens]]))
            found += self._drop_ignored(self._find_entities(list(zip(tokens, scores, strict=True))))
        return found if item.rows == 1 else drop_overlaps(found)

    def _drop_ignored(self, entities: Iterable[Entity]) -> Iterator[Entity]:
        names = ((entity, entity.get("entity", entity.get("entity_group"))) for entity in entities)
        return (entity for entity, name in names if name not in self.ignore_labels)

    def _find_entities(self, tokens: list[Scored]) -> list[Entity]:
        if self.aggregation_strategy == "none":
            return [self._describe_token(token) for token in tokens]
        if self.aggregation_strategy == "simple":
            return self._join_neighbours(map(self._describe_token, tokens))
        return self._join_neighbours(map(self._describe_word, group_words(tokens)))

    def _describe_token(self, scored: Scored) -> Entity:
        token, scores = scored
        label, score = self._pick_label(scores)
        place = {"index": token.index, "word": token.word, "start": token.start, "end": token.end}
        return {"entity": label, "score": score, **place}

    def _describe_word(self, tokens: Sequence[Scored]) -> Entity:
        label, score = self._pick_label(_score_word([scores for _, scores in tokens], self.aggregation_strategy))
        (first, _), (last, _) = tokens[0], tokens[-1]
        word = self.join([token.word for token, _ in tokens])
        return {"entity": label, "score": score, "word": word, "start": first.start, "end": last.end}

    def _pick_label(self, scores: NDArray[np.float32]) -> tuple[str, float]:
        best = int(scores.argmax())
        return self.labels[best], float(scores[best])

    def _join_neighbours(self, entities: Iterable[Entity]) -> list[Entity]:
        """Join neighbours of one type; a label without ``B-`` continues the entity before it."""
        groups: list[list[Entity]] = []
        for entity in entities:
            begins, kind = _read_tag(entity["entity"])
            if groups and not begins and kind == _read_tag(groups[-1][-1]["entity"])[1]:
                groups[-1].append(entity)
            else:
                groups.append([entity])
        return [self._join_group(group) for group in groups]

    def _join_group(self, entities: Sequence[Entity]) -> Entity:
        return {
            "entity_group": entities[0]["entity"].split("-", 1)[-1],
            "score": float(np.mean([np.float32(entity["score"]) for entity in entities])),
            "word": self.join([entity["word"] for entity in entities]),
            "start": entities[0]["start"],
            "end": entities[-1]["end"],
        }


def group_words(tokens: Iterable[Scored]) -> list[list[Scored]]:
    """Group tokens by word."""
    found: list[list[Scored]] = []
    for token, scores in tokens:
        if found and token.is_subword:
            found[-1].append((token, scores))
        else:
            found.append([(token, scores)])
    return found


def drop_overlaps(entities: Sequence[Entity]) -> list[Entity]:
    """Keep the longer of overlapping entities; of equally long ones, the more certain. Labels are not compared."""
    ordered = sorted(entities, key=lambda entity: entity["start"])
    # The first is compared with itself, as in transformers: an empty one comes twice.
    found = ordered[:1]
    for entity in ordered:
        if not found[-1]["start"] <= entity["start"] < found[-1]["end"]:
            found.append(entity)
        elif _weight(entity) > _weight(found[-1]):
            found[-1] = entity
    return found


def _weight(entity: Entity) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]


def _read_tag(label: str) -> tuple[bool, str]:
    """Return whether a label begins an entity, and its type."""
    return label.startswith("B-"), label[2:] if label.startswith(("B-", "I-")) else label


def _score_word(scores: Sequence[NDArray[np.float32]], aggregation: str) -> NDArray[np.float32]:
    if aggregation == "first":
        return scores[0]
    if aggregation == "max":
        return max(scores, key=np.max)
    return np.asarray(np.mean(scores, axis=0))


class AnyLabels(TokenClassificationPostprocessor):
    """For ``pipe.model``: labels of two schemes, which transformers takes without a word, are not grouped."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the labels from ``config.json``."""
        labels = labels_of(backend)
        return cls(labels, aggregation="none") if find_mixed_schemes(labels) else super().for_model(backend)


class TokenClassificationPipeline(Pipeline):
    """``transformers.TokenClassificationPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(TokenClassificationOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = TokenPreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = EntityPostprocessor
    loaded_with: ClassVar[type[Postprocessor[Any, Any]] | None] = AnyLabels

    def __call__(self, inputs: Json, **options: Unpack[TokenClassificationOptions]) -> Json:
        """Find the entities of a text, or of each text of a list or generator.

        Args:
            inputs: A text, or several.
            **options: ``aggregation_strategy``: ``"none"`` (default), ``"simple"``, ``"first"``, ``"average"`` or
                ``"max"``. ``ignore_labels``: default ``["O"]``. ``stride``: read all of a long text, in windows that
                share this many tokens; without it, a long text is cut. ``grouped_entities``, ``ignore_subwords``: the
                older form of ``aggregation_strategy``.

        Returns:
            A list of dicts for a text, a list of these for a list.

        Examples:
            >>> onnxhub.pipeline("ner", "models/ner", aggregation_strategy="simple")("Ada in London")[0]["word"]
            'ada'
        """
        if isinstance(inputs, list) and not inputs:
            msg = "at least one input is required"
            raise InvalidInputError(msg)
        return self._run(inputs, options)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        given = {name: options.get(name) for name in ("ignore_labels", "stride")}
        if isinstance(given["ignore_labels"], str):  # whose letters would be taken for labels
            raise InvalidOptionError("ignore_labels", given["ignore_labels"], "a list of labels, such as ['O']")
        names = as_many(given["ignore_labels"], tuples=True)
        given["ignore_labels"] = given["ignore_labels"] if names is None else names
        aggregation = _read_aggregation(options)
        if given["stride"] is not None and aggregation == "none":
            raise InvalidOptionError("stride", given["stride"], "None with aggregation_strategy='none'")
        given["aggregation_strategy"] = aggregation
        return {name: value for name, value in given.items() if value is not None}


def _read_aggregation(options: Mapping[str, Any]) -> str | None:
    grouped, whole_words = options.get("grouped_entities"), options.get("ignore_subwords")
    if grouped is None and whole_words is None:
        name = options.get("aggregation_strategy")
        return name.lower() if isinstance(name, str) else name
    if not grouped:
        return "none"
    return "first" if whole_words else "simple"
