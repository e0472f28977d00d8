"""question-answering: the span of a context that answers a question; contexts of any length, in windows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias, Unpack, overload

import numpy as np

from onnxhub._calls.batches import stack
from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_text, positive, refuse_pair
from onnxhub._contracts.evaluation import QUESTION, Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, same_shape
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.results import write_result
from onnxhub._toolkit.numeric import log_sum_exp, require_finite
from onnxhub._toolkit.text.graphemes import Graphemes
from onnxhub._toolkit.text.requirements import require_inputs, require_offsets
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.spans import WordSpans, best_first, score_spans
from onnxhub._toolkit.text.windows import room, windows
from onnxhub.errors import InvalidInputError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs, Tokenizer, Tokens

__all__ = ["Answer", "QuestionAnsweringItem", "QuestionAnsweringModel", "QuestionAnsweringPostprocessor"]

QuestionContext: TypeAlias = tuple[str, str]

NAME = "question-answering"


@dataclass(frozen=True, slots=True)
class Answer:
    """The best answer, and the next best.

    Examples:
        >>> Answer("Ada", 0.97, start=10, end=13)
        Answer(answer='Ada', score=0.97, start=10, end=13)
    """

    answer: str
    """``context[start:end]``; empty if ``found`` is False."""
    score: float
    """Probability of its first token times probability of its last."""
    start: int
    """First character in the context."""
    end: int
    """Character after the last."""
    found: bool = True
    """False: with ``allow_no_answer``, the model says that the context has no answer."""
    alternatives: tuple[Answer, ...] = ()
    """The others of the ``top_k``, best first."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores(
            [
                (
                    entry.answer if entry.found else "(no answer)",
                    entry.score,
                    entry.found * f"{entry.start}:{entry.end}",
                )
                for entry in (self, *self.alternatives)
            ]
        )

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class QuestionAnsweringItem:
    """A tokenised question and context, whole, and how it was cut into rows.

    Built by hand, for logits from elsewhere: ``QuestionAnsweringItem(context, offsets, answerable)`` is one row.
    """

    context: str
    """The text that has the answer."""
    offsets: NDArray[np.int32]
    """Half-open character spans of all n tokens, each in its own text; shape ``(n, 2)``."""
    answerable: NDArray[np.bool_]
    """Whether a token is of the context; shape ``(n,)``."""
    null: int | None = None
    """Position of the classification token, which stands for "no answer"; None: there is none."""
    words: NDArray[np.int32] | None = None
    """Word index of each token; answers are whole words. None: answers are whole tokens. Shape ``(n,)``."""
    windows: tuple[NDArray[np.intp], ...] = ()
    """Token positions of each row; none given: one row that has all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", np.asarray(self.offsets, np.int32).reshape(len(self.offsets), 2))
        object.__setattr__(self, "answerable", np.asarray(self.answerable, np.bool_))
        if self.words is not None:
            object.__setattr__(self, "words", np.asarray(self.words, np.int32))

    @property
    def rows(self) -> int:
        """The number of windows."""
        return max(len(self.windows), 1)


@dataclass(frozen=True)
class QuestionAnsweringPreprocessor(Preprocessor[QuestionContext, QuestionAnsweringItem]):
    """Pairs of question and context to overlapping windows, each with the whole question."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    max_length: int = 384
    """Tokens of a window: what models are trained with, less if the model takes less."""
    overlap: int = 128
    """Context tokens that neighbouring windows share; at most half of a window."""

    def __post_init__(self) -> None:
        positive("max_length", self.max_length)
        positive("overlap", self.overlap)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(require_offsets(backend, NAME), require_inputs(backend, NAME))

    def __call__(self, inputs: Sequence[QuestionContext]) -> list[Prepared[QuestionAnsweringItem]]:
        """One item an input."""
        checked = [as_question_context(value, index) for index, value in enumerate(inputs)]
        questions, contexts = [pair[0] for pair in checked], [pair[1] for pair in checked]
        # Models whose tokenizer pads on the left were trained on (context, question): transformers' layout too.
        context_first = self.tokenizer.padding_side == "left"
        texts, pairs = (contexts, questions) if context_first else (questions, contexts)
        return [
            self._prepare(tokens, contexts[index], 0 if context_first else 1, index)
            for index, tokens in enumerate(self.tokenizer.encode(texts, pairs))
        ]

    def _prepare(self, tokens: Tokens, context: str, side: int, index: int) -> Prepared[QuestionAnsweringItem]:
        ids, sequences = tokens.ids, tokens.sequences
        answerable = sequences == side
        if not answerable.any():
            msg = "the context has no tokens, so there is nothing to answer from"
            raise InvalidInputError(msg, index)
        cuts = self._windows(sequences, side, index)
        classification = np.flatnonzero((ids == self.tokenizer.cls_token_id) & (sequences == -1))
        null = int(classification[0]) if len(classification) else None
        item = QuestionAnsweringItem(context, tokens.offsets, answerable, null, tokens.words, tuple(cuts))
        return Prepared(graph_rows(tokens, cuts, self.inputs), item)

    def _windows(self, sequences: NDArray[np.int8], side: int, index: int) -> list[NDArray[np.intp]]:
        limit = min(self.max_length, self.tokenizer.max_length or self.max_length)
        width = room(sequences, side, limit)
        if len(sequences) > limit and width < max(limit // 4, 1):
            msg = (
                f"the question has {np.count_nonzero(sequences == 1 - side)} tokens and leaves no room for the "
                f"context in a window of {limit}; ask a shorter one, of three quarters of that at most"
            )
            raise InvalidInputError(msg, index)
        return windows(sequences, side, limit, min(self.overlap, width // 2))


@dataclass(frozen=True)
class QuestionAnsweringPostprocessor(Postprocessor[QuestionAnsweringItem, Answer]):
    """``start_logits`` and ``end_logits``, each ``(windows, tokens)``, to an ``Answer``.

    The score of a span is P(start) x P(end), each a softmax over the positions of the whole document, so that windows
    compete. A position that several windows have counts once, by its largest logit; "no answer" by its smallest, for
    only the window that has the answer knows better. For one window this is transformers' score.

    To subclass, override ``calibrate``, for example to divide by a temperature.
    """

    outputs: ClassVar[tuple[str, ...]] = ("start_logits", "end_logits")
    item: ClassVar[type[Item] | None] = QuestionAnsweringItem

    top_k: int = 1
    """Answers in all: the best and its alternatives."""
    max_answer_tokens: int = 15
    """Longest answer, in tokens."""
    allow_no_answer: bool = False
    """Let "no answer" compete, for models that were trained with it (SQuAD 2)."""

    def __post_init__(self) -> None:
        positive("top_k", self.top_k)
        positive("max_answer_tokens", self.max_answer_tokens)

    def calibrate(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of all windows, ``-inf`` where nothing may start or end; the hook. Shape: ``(windows, tokens)``."""
        return logits

    def decode(self, rows: Outputs, item: QuestionAnsweringItem) -> Answer:
        """Return the best spans of all windows, as characters of the context, each once."""
        positions = _positions(item)
        starts, ends = (
            self._log_probabilities(rows[name][:, : positions.shape[1]], item, positions) for name in self.outputs
        )
        answers = self._answers(starts, ends, item, positions)
        if self.allow_no_answer:
            answers.append(_make_no_answer(starts, ends, item, positions))
        if not answers:
            msg = "the context has only white space, so there is nothing to answer from"
            raise InvalidInputError(msg)
        best, *others = sorted(answers, key=lambda answer: answer.score, reverse=True)[: self.top_k]
        return replace(best, alternatives=tuple(others)) if others else best

    def _log_probabilities(
        self, logits: NDArray[np.float32], item: QuestionAnsweringItem, positions: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Log-probabilities of the context and the classification token; none for the question and padding."""
        if logits.shape != positions.shape:
            msg = f"logits of shape {logits.shape} for an item whose rows of tokens have the shape {positions.shape}"
            raise InvalidInputError(msg)
        allowed = _in_context(item, positions)
        if item.null is not None:
            allowed |= positions == item.null
        require_finite(logits[allowed], "logits")
        masked = np.where(allowed, logits, np.float32(-np.inf))
        masked = same_shape(self.calibrate(masked), masked, f"{type(self).__name__}.calibrate")
        return masked - log_sum_exp(_over_document(masked, item, positions))

    def _answers(
        self,
        starts: NDArray[np.float32],
        ends: NDArray[np.float32],
        item: QuestionAnsweringItem,
        positions: NDArray[np.intp],
    ) -> list[Answer]:
        scores = score_spans(starts, ends, _in_context(item, positions), self.max_answer_tokens)
        spans, graphemes = WordSpans(item.context, item.offsets, item.answerable, item.words), Graphemes(item.context)
        answers: dict[tuple[int, int], Answer] = {}
        for flat in best_first(scores, 16 * self.top_k + 64):
            length, window, column = np.unravel_index(flat, scores.shape)
            first, last = positions[window, column], positions[window, column + length]
            start, end = graphemes.span(spans[first][0], spans[last][1])
            if start < end and (start, end) not in answers:
                score = float(np.exp(scores[length, window, column]))
                answers[start, end] = Answer(item.context[start:end], score, start, end)
            if len(answers) == self.top_k:
                break
        return list(answers.values())


class QuestionAnsweringOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    top_k: int | EllipsisType
    max_answer_tokens: int | EllipsisType
    allow_no_answer: bool | EllipsisType
    max_length: int | EllipsisType
    overlap: int | EllipsisType


class QuestionAnsweringModel(Model[QuestionContext, Answer, "list[Answer]"]):
    """An extractive question answerer: ``model(question, context)``, ``model([(question, context), ...])``."""

    @overload
    def __call__(self, question: str, context: str, **options: Unpack[QuestionAnsweringOptions]) -> Answer: ...
    @overload
    def __call__(self, question: QuestionContext, **options: Unpack[QuestionAnsweringOptions]) -> Answer: ...
    @overload
    def __call__(
        self, question: ListOf[QuestionContext] | Column, **options: Unpack[QuestionAnsweringOptions]
    ) -> list[Answer]: ...
    # The first overload types acall by names; pyright would have the order of Model.
    def __call__(self, question: object, context: object = ..., **options: Unpack[QuestionAnsweringOptions]) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Answer a question about a context, or a list of (question, context) tuples.

        Args:
            question: The question, or a tuple of question and context, or a list of tuples.
            context: The context, if ``question`` is the question.
            top_k: Answers in all; those after the best are its ``alternatives``. Default 1.
            max_answer_tokens: Longest answer. Default 15.
            allow_no_answer: Let "no answer" compete. Default False.

        Raises:
            InvalidInputError: an input is no such pair, a text is empty, or a question fills the whole window.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(question if context is ... else (question, context), options)

    def with_options(self, **options: Unpack[QuestionAnsweringOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is.

        ``max_length`` and ``overlap`` are the tokens of a window, and those that neighbouring windows share.
        """
        return self.copy_with(options)


def as_question_context(value: object, index: int | None) -> QuestionContext:
    """Return the value if it is a tuple of two texts that are not blank.

    Raises:
        InvalidInputError: it is not.
    """
    if not isinstance(value, tuple) or len(value) != 2:
        raise refuse_pair(value, index, "question", "context")
    question, context = as_text(value[0], index, "question"), as_text(value[1], index, "context")
    for what, text in (("question", question), ("context", context)):
        if not text or text.isspace():
            msg = f"the {what} is empty"
            raise InvalidInputError(msg, index)
    return question, context


def _positions(item: QuestionAnsweringItem) -> NDArray[np.intp]:
    """Return the position in the tokenisation of each token of each window, -1 for padding; shape ``(windows, tokens)``."""
    if len(item.windows) > 1:
        return stack(item.windows, fill=-1)
    return (item.windows[0] if item.windows else np.arange(len(item.offsets)))[np.newaxis]


def _in_context(item: QuestionAnsweringItem, positions: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Where the windows have tokens of the context."""
    inside: NDArray[np.bool_] = item.answerable[positions] & (positions >= 0)
    return inside


def _over_document(
    logits: NDArray[np.float32], item: QuestionAnsweringItem, positions: NDArray[np.intp]
) -> NDArray[np.float32]:
    """One logit for each position of the tokenisation, from those of the windows; shape ``(n,)``."""
    if len(logits) == 1:
        alone: NDArray[np.float32] = logits[0]
        return alone
    document = np.full(len(item.offsets), -np.inf, np.float32)
    np.maximum.at(document, positions[positions >= 0], logits[positions >= 0])
    if item.null is not None:
        document[item.null] = logits[positions == item.null].min(initial=np.inf)
    return document


def _make_no_answer(
    starts: NDArray[np.float32], ends: NDArray[np.float32], item: QuestionAnsweringItem, positions: NDArray[np.intp]
) -> Answer:
    """Return the answer "none", with its score in the window that is least sure of it: another may have found an answer."""
    if item.null is None:
        msg = "False for this model: its tokenizer has no classification token that could stand for 'no answer'"
        raise InvalidOptionError("allow_no_answer", True, msg)
    at_null = positions == item.null
    return Answer("", float(np.exp((starts[at_null] + ends[at_null]).min())), 0, 0, found=False)


def _make_input(_model: object, texts: Sequence[str]) -> tuple[str, str]:
    return QUESTION, texts[0]


def _decide(result: Answer) -> Decision:
    span = (result.start, result.end)
    return Decision({span: result.score}, frozenset({span}))


TASK = Task(
    name=NAME,
    summary="the span of a context that answers a question",
    inputs=("question", "context"),
    options=QuestionAnsweringOptions,
    result=Answer,
    model=QuestionAnsweringModel,
    preprocessor=QuestionAnsweringPreprocessor,
    postprocessor=QuestionAnsweringPostprocessor,
    outputs=({"start_logits": 2, "end_logits": 2},),
    ort_class="ORTModelForQuestionAnswering",
    architectures=("ForQuestionAnswering",),
    default_model="Xenova/distilbert-base-cased-distilled-squad",
    bundled_model="builtin:qa",
    one_liners=("onnxhub.answer",),
    commands=("onnxhub.cli.answer:answer",),
    evaluation=Evaluation(input=_make_input, measure="same answer", decision=_decide),
)


publish(globals(), "Answer", "QuestionAnsweringItem", "QuestionAnsweringModel", "QuestionAnsweringPostprocessor")
