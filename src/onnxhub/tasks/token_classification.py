"""token-classification: the entities of a text of any length, as spans of the text."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_labels, as_text, option_texts, positive
from onnxhub._contracts.evaluation import Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, same_shape
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.results import write_result
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.labels import Ignored, find_mixed_schemes, find_stray_labels, group
from onnxhub._toolkit.numeric import require_finite, require_usable, softmax
from onnxhub._toolkit.text.graphemes import Graphemes
from onnxhub._toolkit.text.requirements import require_inputs, require_offsets
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.spans import find_word_starts
from onnxhub._toolkit.text.windows import depth, windows
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs, Tokenizer, Tokens

__all__ = ["Entity", "TokenClassificationItem", "TokenClassificationModel", "TokenClassificationPostprocessor"]

Aggregation = Literal["none", "simple", "first", "average", "max"]
AGGREGATIONS = ("none", "simple", "first", "average", "max")

NAME = "token-classification"

logger: Final = logging.getLogger("onnxhub")


@dataclass(frozen=True, slots=True)
class Entity:
    """A span of the text with its type.

    Examples:
        >>> Entity("PER", 0.99, "Ada", start=0, end=3)
        Entity(label='PER', score=0.99, text='Ada', start=0, end=3)
    """

    label: str
    """The type, such as ``"PER"``; with aggregation ``"none"`` the token's whole label, such as ``"B-PER"``."""
    score: float
    """Mean probability of its tokens or words."""
    text: str
    """``text[start:end]`` of the input, never empty."""
    start: int
    """First character in the input."""
    end: int
    """Character after the last."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores([(self.text, self.score, f"{self.label} {self.start}:{self.end}")], labels=(self.label,))

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class TokenClassificationItem:
    """A tokenised text, whole, and how it was cut into rows.

    Built by hand, for logits from elsewhere: ``TokenClassificationItem(text, offsets)`` is one row of tokens, each a
    word of its own.
    """

    text: str
    """The input."""
    offsets: NDArray[np.int32]
    """Half-open character spans of all n tokens; shape ``(n, 2)``."""
    words: NDArray[np.int32] | None = None
    """Word index of each token, -1 for special tokens; shape ``(n,)``."""
    windows: tuple[NDArray[np.intp], ...] = ()
    """Token positions of each row; none given: one row that has all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", np.asarray(self.offsets, np.int32).reshape(len(self.offsets), 2))
        if self.words is not None:
            object.__setattr__(self, "words", np.asarray(self.words, np.int32))

    @property
    def rows(self) -> int:
        """The number of windows."""
        return max(len(self.windows), 1)

    @property
    def tokens(self) -> NDArray[np.intp]:
        """Positions of the text's own tokens."""
        special = self.offsets[:, 0] == self.offsets[:, 1] if self.words is None else self.words == -1
        return np.flatnonzero(~special)


@dataclass(frozen=True)
class TokenClassificationPreprocessor(Preprocessor[str, TokenClassificationItem]):
    """Texts to overlapping windows."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    max_length: int | None = None
    """Tokens of a window; None: as many as the model takes."""
    overlap: int = 128
    """Tokens that neighbouring windows share; at most half of a window."""

    def __post_init__(self) -> None:
        positive("max_length", self.max_length, optional=True)
        positive("overlap", self.overlap)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(require_offsets(backend, NAME), require_inputs(backend, NAME))

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[TokenClassificationItem]]:
        """One item an input."""
        texts = [as_text(value, index) for index, value in enumerate(inputs)]
        return [self._prepare(tokens, text) for tokens, text in zip(self.tokenizer.encode(texts), texts, strict=True)]

    def _prepare(self, tokens: Tokens, text: str) -> Prepared[TokenClassificationItem]:
        limits = [limit for limit in (self.max_length, self.tokenizer.max_length) if limit is not None]
        limit = min(limits, default=None)
        overlap = self.overlap if limit is None else min(self.overlap, max((limit - 4) // 2, 0))
        cuts = windows(tokens.sequences, 0, limit, overlap)
        if not cuts:
            raise InvalidOptionError("max_length", limit, "more tokens than the special ones of a window")
        item = TokenClassificationItem(text, tokens.offsets, tokens.words, tuple(cuts))
        return Prepared(graph_rows(tokens, cuts, self.inputs), item)


@dataclass(frozen=True)
class TokenClassificationPostprocessor(Postprocessor[TokenClassificationItem, "list[Entity]"]):
    """Logits ``(windows, tokens, labels)`` to ``Entity`` values.

    Of a token in several windows, the scores of the window count where it lies farthest from a cut. Labels may be
    plain, or tags of a scheme (BIO, BIOES, BILOU, BMES ...), as ``B-PER``, ``B_PER``, ``b-per`` or ``PER-B``; only what
    all labels have is taken for such.

    To subclass, override ``scores``: it gets the logits of all tokens, ``(tokens, labels)``, and returns as many
    scores.
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    item: ClassVar[type[Item] | None] = TokenClassificationItem

    labels: Sequence[str]
    """Label of each logit."""
    aggregation: Aggregation = "simple"
    """``"none"``: every token; ``"simple"``: tokens grouped by their own labels; ``"first"``, ``"average"``,
    ``"max"``: words grouped, labelled by their first token, their mean scores, or their most certain token."""
    ignore_labels: tuple[str, ...] = ("O",)
    """Labels that are left out, and types: names that are no label of the model. ``O`` stands for "outside" too."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", as_labels(self.labels))
        if self.aggregation not in AGGREGATIONS:
            expected = "one of " + ", ".join(map(repr, AGGREGATIONS))
            raise InvalidOptionError("aggregation", self.aggregation, expected, AGGREGATIONS)
        if not isinstance(self.ignore_labels, AbstractSet):
            expected = "a tuple of labels, such as ('O',)"
            names = option_texts("ignore_labels", self.ignore_labels, expected, "label")
            object.__setattr__(self, "ignore_labels", tuple(names))
        if self.aggregation != "none" and (problem := find_mixed_schemes(tuple(self.labels))):
            expected = f"'none': {problem}; or give labels that are all of one"
            raise InvalidOptionError("aggregation", self.aggregation, expected)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the labels from ``config.json``.

        Raises:
            TaskMismatchError: they are tags of two schemes, so that nobody can tell where an entity ends.
        """
        labels = labels_of(backend)
        advice = "postprocessor=onnxhub.TokenClassificationPostprocessor(labels=...) takes other names for them"
        if problem := find_mixed_schemes(labels):
            problem += f"; {advice}, and with aggregation='none' these ones"
            raise TaskMismatchError(backend.model_id, NAME, (problem,))
        if doubt := find_stray_labels(labels):
            logger.warning("%s: each label counts as a type of its own, for %s; %s", backend.model_id, doubt, advice)
        return cls(labels=labels)

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of all tokens' labels; the hook. Shape: ``(tokens, labels) -> (tokens, labels)``."""
        return softmax(logits)

    def decode(self, rows: Outputs, item: TokenClassificationItem) -> list[Entity]:
        """Scores of each token, of each word, then groups of them."""
        logits = rows["logits"]
        if logits.ndim != 3 or logits.shape[2] != len(self.labels):
            problem = f"{len(self.labels)} labels {tuple(self.labels)} for logits of shape {logits.shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        if logits.shape[1] < (longest := max(map(len, item.windows), default=len(item.offsets))):
            msg = f"logits of {logits.shape[1]} tokens for an item of {longest}"
            raise InvalidInputError(msg)
        tokens = item.tokens
        if not len(tokens):
            return []
        merged = require_usable(_merge_windows(logits, item, tokens))
        scores = require_finite(same_shape(self.scores(merged), merged, f"{type(self).__name__}.scores"))
        spans = item.offsets[tokens]
        if self.aggregation in {"first", "average", "max"}:
            starts = find_word_starts(item.text, spans, None if item.words is None else item.words[tokens])
            scores = _score_words(scores, starts, self.aggregation)
            ends = np.append(starts[1:], len(tokens)) - 1
            spans = np.stack([spans[starts, 0], spans[ends, 1]], axis=1)
        return self._entities(item.text, scores, spans)

    def _entities(self, text: str, scores: NDArray[np.float32], spans: NDArray[np.int32]) -> list[Entity]:
        best: list[int] = scores.argmax(axis=1).tolist()
        labels = [self.labels[index] for index in best]
        certain: list[float] = scores.max(axis=1).tolist()
        graphemes, ignored = Graphemes(text), Ignored(self.ignore_labels, self.labels)
        alone = self.aggregation == "none"
        groups = _split(labels) if alone else group(labels, self.labels)
        found = ((label, first, stop) for label, first, stop in groups if not ignored.has(labels, first, stop))
        wanted = list(found) if alone or text.isascii() else _join_within_graphemes(found, spans, graphemes)
        # A mark that is a token of its own may begin the next entity; it is not in both.
        limits = [int(spans[first, 0]) for _, first, _ in wanted[1:]] + [len(text)]
        entities: list[Entity] = []
        for (label, first, stop), limit in zip(wanted, limits, strict=False):
            floor = entities[-1].end if entities else 0
            start, end = graphemes.span(int(spans[first, 0]), int(spans[stop - 1, 1]), floor, limit)
            if start < end:
                score = sum(certain[first:stop]) / (stop - first)
                entities.append(Entity(label, score, text[start:end], start, end))
        return entities


class TokenClassificationOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    aggregation: Aggregation | EllipsisType
    ignore_labels: tuple[str, ...] | EllipsisType
    max_length: int | EllipsisType | None
    overlap: int | EllipsisType


class TokenClassificationModel(Model[str, "list[Entity]", "list[list[Entity]]"]):
    """An entity recogniser: ``model("text")`` gives a list of entities, ``model(["a", "b"])`` a list of lists."""

    @overload
    def __call__(self, inputs: str, **options: Unpack[TokenClassificationOptions]) -> list[Entity]: ...
    @overload
    def __call__(
        self, inputs: ListOf[str] | Column, **options: Unpack[TokenClassificationOptions]
    ) -> list[list[Entity]]: ...
    def __call__(self, inputs: object, **options: Unpack[TokenClassificationOptions]) -> object:
        """Find the entities of a text of any length, or of each text of a list.

        Args:
            inputs: A text, or a list of texts. A blank text has no entities.
            aggregation: ``"simple"`` (default), ``"none"``, ``"first"``, ``"average"`` or ``"max"``.
            ignore_labels: Labels to leave out, and types: names that are no label. Default ``("O",)``.

        Raises:
            InvalidInputError: an input is no text; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    def with_options(self, **options: Unpack[TokenClassificationOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is.

        ``max_length`` and ``overlap`` are the tokens of a window, and those that neighbouring windows share.
        """
        return self.copy_with(options)


def _join_within_graphemes(
    groups: Iterable[tuple[str, int, int]], spans: NDArray[np.int32], graphemes: Graphemes
) -> list[tuple[str, int, int]]:
    """Join runs of one type whose border is within a grapheme: its bytes and marks may be tokens."""
    joined: list[tuple[str, int, int]] = []
    for label, first, stop in groups:
        follows = bool(joined) and joined[-1][::2] == (label, first)
        if follows and graphemes.has_both(int(spans[first - 1, 1]), int(spans[first, 0])):
            joined[-1] = (label, joined[-1][1], stop)
        else:
            joined.append((label, first, stop))
    return joined


def _split(labels: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    return ((label, index, index + 1) for index, label in enumerate(labels))


def _merge_windows(
    logits: NDArray[np.float32], item: TokenClassificationItem, tokens: NDArray[np.intp]
) -> NDArray[np.float32]:
    """One row of logits for each token of the text, ``(tokens, labels)``, from the window that sees it best."""
    if len(logits) == 1:
        alone: NDArray[np.float32] = logits[0, tokens]
        return alone
    merged = np.empty((len(item.offsets), logits.shape[2]), np.float32)
    deepest = np.full(len(item.offsets), -1)
    own = np.zeros(len(item.offsets), bool)
    own[tokens] = True
    for row, positions in zip(logits, item.windows, strict=True):
        columns = np.flatnonzero(own[positions])
        window = positions[columns]
        depths = depth(window, tokens[0], tokens[-1])
        better = depths > deepest[window]
        merged[window[better]] = row[columns[better]]
        deepest[window[better]] = depths[better]
    return merged[tokens]


def _score_words(scores: NDArray[np.float32], starts: NDArray[np.intp], aggregation: str) -> NDArray[np.float32]:
    """Scores of words, ``(words, labels)``, from those of their tokens."""
    if aggregation == "first":
        return scores[starts]
    sizes = np.diff(np.append(starts, len(scores)))
    if aggregation == "average":
        sums: NDArray[np.float32] = np.add.reduceat(scores, starts, axis=0)
        return np.asarray(sums / sizes[:, np.newaxis], np.float32)
    certainty = scores.max(axis=1)
    word = np.repeat(np.arange(len(starts)), sizes)
    # By word, then falling certainty, then position: the first of each word is its most certain token.
    order = np.lexsort((np.arange(len(scores)), -certainty, word))
    return scores[order[starts]]


def _decide(result: Sequence[Entity]) -> Decision:
    found = {(entry.label, entry.start, entry.end): entry.score for entry in result}
    return Decision(found, frozenset(found))


TASK = Task(
    name=NAME,
    aliases=("ner",),
    summary="the entities of a text, as spans with a type and a score",
    options=TokenClassificationOptions,
    result=list[Entity],
    model=TokenClassificationModel,
    preprocessor=TokenClassificationPreprocessor,
    postprocessor=TokenClassificationPostprocessor,
    outputs=({"logits": 3},),
    ort_class="ORTModelForTokenClassification",
    architectures=("ForTokenClassification",),
    default_model="Xenova/bert-base-multilingual-cased-ner-hrl",
    bundled_model="builtin:ner",
    one_liners=("onnxhub.tag",),
    commands=("onnxhub.cli.tag:tag",),
    evaluation=Evaluation(measure="same entities", decision=_decide),
)


publish(globals(), "Entity", "TokenClassificationItem", "TokenClassificationModel", "TokenClassificationPostprocessor")
