"""text-classification: one label with a score, for a text or a pair of texts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_text
from onnxhub._contracts.evaluation import Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.plain_text import shorten
from onnxhub._toolkit.numeric import require_finite
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.requirements import require_inputs
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.truncation import warn_cut
from onnxhub._toolkit.text.windows import truncate, windows
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError
from onnxhub.tasks.results import Classification, LabelPostprocessor, LabelScore, decide, rank_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.postprocessor import Item
    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs, Tokenizer, Tokens

__all__ = [
    "Classification",
    "ClassificationItem",
    "ClassificationPostprocessor",
    "LabelScore",
    "TextClassificationModel",
]

if TYPE_CHECKING:
    TextOrPair: TypeAlias = str | tuple[str, str]

LongText = Literal["truncate", "window", "error"]

NAME = "text-classification"

logger: Final = logging.getLogger("onnxhub")


@dataclass(frozen=True, slots=True)
class ClassificationItem:
    """A classified input; only how many rows it has, and how much each counts."""

    weights: tuple[int, ...] = (1,)
    """The tokens of each window of a long text: what its probabilities weigh in the average."""

    @property
    def rows(self) -> int:
        """One, or one for each window."""
        return len(self.weights)


@dataclass(frozen=True)
class TextClassificationPreprocessor(Preprocessor["TextOrPair", ClassificationItem]):
    """Texts and pairs of texts to one row each, or to windows."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    max_length: int | None
    """Tokens of a row; None: no limit."""
    long_text: LongText = "truncate"
    overlap: int = 32
    """Tokens that neighbouring windows share."""

    def __post_init__(self) -> None:
        known = ("truncate", "window", "error")
        if self.long_text not in known:
            raise InvalidOptionError("long_text", self.long_text, "'truncate', 'window' or 'error'", known)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names; log where a reranker's prompt is left out."""
        declared = backend.json("config_sentence_transformers.json") or {}
        if name := declared.get("default_prompt_name"):
            advice = "load('text-ranking', ...) puts it before each query, text-classification does not"
            logger.warning("%s has a default prompt, %s: %s", backend.model_id, shorten(name), advice)
        return cls(backend.tokenizer, require_inputs(backend, NAME), backend.tokenizer.max_length)

    def __call__(self, inputs: Sequence[TextOrPair]) -> list[Prepared[ClassificationItem]]:
        """One item an input."""
        checked = [as_text_or_pair(value, index) for index, value in enumerate(inputs)]
        return [self._prepare(tokens, index) for index, tokens in enumerate(self._tokenize(checked))]

    def _tokenize(self, inputs: Sequence[TextOrPair]) -> list[Tokens]:
        # One call of the tokenizer for the texts and one for the pairs, whatever their order.
        texts = [value for value in inputs if isinstance(value, str)]
        pairs = [value for value in inputs if not isinstance(value, str)]
        limit = self.max_length if self.long_text == "truncate" else None
        of_texts = iter(encode_prefix(self.tokenizer, texts, limit) if texts else ())
        of_pairs = iter(self.tokenizer.encode(*zip(*pairs, strict=True), offsets=False) if pairs else ())
        return [next(of_texts if isinstance(value, str) else of_pairs) for value in inputs]

    def _prepare(self, tokens: Tokens, index: int) -> Prepared[ClassificationItem]:
        rows = self._rows(tokens, index)
        if not len(rows[0]):
            msg = "the text has no tokens; this model's tokenizer adds none to an empty text"
            raise InvalidInputError(msg, index)
        item = ClassificationItem(tuple(len(positions) for positions in rows))
        return Prepared(graph_rows(tokens, rows, self.inputs), item)

    def _rows(self, tokens: Tokens, index: int) -> list[NDArray[np.intp]]:
        limit, size = self.max_length, len(tokens)
        if limit is None or size <= limit:
            return [np.arange(size)]
        sequences = tokens.sequences
        if self.long_text == "truncate":
            warn_cut(limit, "; long_text='window' reads all of it, 'error' refuses it")
            return [truncate(sequences, limit, self.tokenizer.truncation_side)]
        if self.long_text == "error":
            msg = f"the text has {size} tokens, the model takes {limit} (see long_text)"
            raise InvalidInputError(msg, index)
        longer = int(np.count_nonzero(sequences == 1) > np.count_nonzero(sequences == 0))
        rows = windows(sequences, longer, limit, min(self.overlap, limit // 4))
        if not rows:
            msg = f"the shorter text of the pair alone fills the {limit} tokens of a window; long_text='truncate' cuts both"
            raise InvalidInputError(msg, index)
        return rows


@dataclass(frozen=True)
class ClassificationPostprocessor(LabelPostprocessor[ClassificationItem]):
    """Logits ``(batch, labels)`` to ``Classification`` values.

    To subclass, override ``scores``: it gets the logits of one row, ``(labels,)``, and returns as many scores. The
    base averages the windows of a long text, refuses NaN, ranks and names.

    Examples:
        >>> ClassificationPostprocessor(labels=("NEG", "POS"))([[0.0, 2.0], [3.0, 0.0]])
        [Classification(label='POS', score=0.8808), Classification(label='NEG', score=0.9526)]
    """

    item: ClassVar[type[Item] | None] = ClassificationItem
    _task: ClassVar[str] = NAME

    def default_items(self, rows: int) -> Sequence[ClassificationItem]:
        """One row each."""
        return [ClassificationItem()] * rows

    def decode(self, rows: Outputs, item: ClassificationItem) -> Classification:
        """Scores of all rows, averaged by their length, ranked."""
        logits = rows["logits"]
        if logits.ndim != 2 or logits.shape[1] != len(self.labels):
            problem = f"{len(self.labels)} labels {tuple(self.labels)} for logits of shape {logits.shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        by_row = [self._score(row) for row in logits]
        scores = require_finite(by_row[0] if item.rows == 1 else np.average(by_row, axis=0, weights=item.weights))
        return rank_labels(self.labels, scores, self.top_k)


class TextClassificationOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    top_k: int | EllipsisType | None
    long_text: LongText | EllipsisType


class TextClassificationModel(Model["TextOrPair", Classification, "list[Classification]"]):
    """A text classifier: ``model("text")``, ``model(("text", "its pair"))``, ``model(["a", "b"])``."""

    @overload
    def __call__(self, inputs: TextOrPair, **options: Unpack[TextClassificationOptions]) -> Classification: ...
    @overload
    def __call__(
        self, inputs: ListOf[TextOrPair] | Column, **options: Unpack[TextClassificationOptions]
    ) -> list[Classification]: ...
    def __call__(self, inputs: object, **options: Unpack[TextClassificationOptions]) -> object:
        """Classify a text, a pair of texts (a tuple), or a list of either.

        An empty text is classified too, as transformers does.

        Args:
            inputs: What to classify.
            top_k: Length of ``ranking``; default None, all labels.
            long_text: What to do with a text of more tokens than the model takes: ``"truncate"`` (default, with a
                ``TruncationWarning``), ``"window"`` averages over overlapping windows, ``"error"``.

        Raises:
            InvalidInputError: an input is no text or pair; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    def with_options(self, **options: Unpack[TextClassificationOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)


def as_text_or_pair(value: object, index: int | None) -> TextOrPair:
    """Return the value if it is a text or a tuple of two.

    Raises:
        InvalidInputError: it is neither.
    """
    if not isinstance(value, tuple):
        return as_text(value, index, "text (or a tuple of two)")
    if len(value) != 2:
        reason = f"a tuple is a pair of texts, but this one has {len(value)} elements"
        raise InvalidInputError.with_advice(reason, index, alone="; several texts go in a list")
    return as_text(value[0], index, "first text"), as_text(value[1], index, "second text")


TASK = Task(
    name=NAME,
    aliases=("sentiment-analysis", "sequence-classification"),
    summary="one label with a score, for a text or a pair of texts",
    options=TextClassificationOptions,
    result=Classification,
    model=TextClassificationModel,
    preprocessor=TextClassificationPreprocessor,
    postprocessor=ClassificationPostprocessor,
    outputs=({"logits": 2},),
    ort_class="ORTModelForSequenceClassification",
    architectures=("ForSequenceClassification",),
    default_model="Xenova/distilbert-base-uncased-finetuned-sst-2-english",
    bundled_model="builtin:sentiment",
    one_liners=("onnxhub.classify",),
    commands=("onnxhub.cli.classify:classify",),
    evaluation=Evaluation(measure="same label", decision=decide),
)


publish(globals(), "ClassificationItem", "ClassificationPostprocessor", "TextClassificationModel")
