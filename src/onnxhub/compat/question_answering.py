"""transformers' ``QuestionAnsweringPipeline``: ``{"score": ..., "start": ..., "end": ..., "answer": ...}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from onnxhub._contracts.checks import as_text, positive, refuse
from onnxhub._contracts.inputs import as_many
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._toolkit.numeric import require_finite, softmax
from onnxhub._toolkit.text.requirements import require_inputs, require_offsets
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.windows import windows
from onnxhub.compat._pipeline import CallOptions, Pipeline, as_iterator, read_max_length
from onnxhub.errors import InvalidInputError, InvalidOptionError
from onnxhub.tasks.question_answering import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Outputs, Tokenizer, Tokens
    from onnxhub.compat._pipeline import Json

__all__ = ["QuestionAnsweringOptions", "QuestionAnsweringPipeline"]


class QuestionAnsweringOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    top_k: int | None
    topk: int | None
    doc_stride: int | None
    max_answer_len: int | None
    max_seq_len: int | None
    max_question_len: int | None
    handle_impossible_answer: bool | None
    align_to_words: bool | None
    padding: bool | str | None


class Call(QuestionAnsweringOptions, total=False):
    """The options of the call, and its inputs by name."""

    question: str | list[str]
    context: str | list[str]


@dataclass(frozen=True, slots=True, eq=False)
class SpanItem:
    """A tokenised question and context, whole, and how it was cut into rows."""

    context: str
    side: int
    """Which text the context is, 0 or 1."""
    sequences: NDArray[np.int8]
    """Which text each token is of; shape ``(n,)``."""
    words: NDArray[np.int32]
    """Word index of each token within its text; shape ``(n,)``."""
    offsets: NDArray[np.int32]
    """Shape ``(n, 2)``."""
    allowed: NDArray[np.bool_]
    """Tokens whose logits count; shape ``(n,)``."""
    padding: NDArray[np.bool_]
    """Tokens that transformers takes for padding on the left, though they are in the text; shape ``(n,)``."""
    windows: tuple[NDArray[np.intp], ...]
    """Token positions of each row."""

    @property
    def rows(self) -> int:
        """The number of windows."""
        return len(self.windows)


@dataclass(frozen=True)
class SpanPreprocessor(Preprocessor["tuple[str, str]", SpanItem]):
    """Pairs of question and context to windows."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    longest: int | None
    max_seq_len: int | None = None
    """Tokens of a window; None: 384, or what the model takes if that is less."""
    doc_stride: int | None = None
    """Context tokens that neighbouring windows share; None: 128, or half a window."""

    def __post_init__(self) -> None:
        positive("max_seq_len", self.max_seq_len, optional=True)
        if not 0 <= self.overlap <= self.size:
            raise InvalidOptionError("doc_stride", self.overlap, f"0 to max_seq_len, {self.size}")

    @property
    def size(self) -> int:
        """Tokens of a window."""
        return self.max_seq_len or min(self.longest or 384, 384)

    @property
    def overlap(self) -> int:
        """Context tokens that neighbouring windows share."""
        return min(self.size // 2, 128) if self.doc_stride is None else self.doc_stride

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(require_offsets(backend, NAME), require_inputs(backend, NAME), read_max_length(backend))

    def __call__(self, inputs: Sequence[tuple[str, str]]) -> list[Prepared[SpanItem]]:
        """Return an item for each input."""
        pairs = [read_question_and_context(value, index) for index, value in enumerate(inputs)]
        questions, contexts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        side = 0 if self.tokenizer.padding_side == "left" else 1
        encoded = self.tokenizer.encode(*((questions, contexts) if side else (contexts, questions)))
        return [self._prepare(tokens, contexts[index], side, index) for index, tokens in enumerate(encoded)]

    def _prepare(self, tokens: Tokens, context: str, side: int, index: int) -> Prepared[SpanItem]:
        ids, sequences = tokens.ids, tokens.sequences
        cuts = windows(sequences, side, self.size, self.overlap, self.tokenizer.truncation_side)
        if not cuts:
            msg = f"the question leaves no room for doc_stride={self.overlap} in a window of {self.size} tokens"
            raise InvalidInputError(msg, index)
        # With the context first, transformers masks nothing: the question can be the answer.
        allowed = (sequences == 1) | (ids == self.tokenizer.cls_token_id) if side else np.ones(len(ids), bool)
        padding = ids == self.tokenizer.padding["input_ids"] if side == 0 else np.zeros(len(ids), bool)
        item = SpanItem(context, side, sequences, tokens.words, tokens.offsets, allowed, padding, tuple(cuts))
        return Prepared(graph_rows(tokens, cuts, self.inputs), item)


def read_question_and_context(value: object, index: int | None) -> tuple[str, str]:
    """Return the texts of an input, ``{"question": ..., "context": ...}``.

    Raises:
        InvalidInputError: one of them is missing or empty.
    """
    if not isinstance(value, dict):
        msg = f"expected a dict {{'question': ..., 'context': ...}}, got {type(value).__name__}"
        raise refuse(msg, value, index)
    if missing := [key for key in ("question", "context") if key not in value]:
        msg = f"expected a dict {{'question': ..., 'context': ...}}, got one without {' and '.join(missing)}"
        raise InvalidInputError(msg, index)
    texts = [as_text(value[key], index, key) for key in ("question", "context")]
    if not all(texts):
        msg = f"the {'context' if texts[0] else 'question'} is empty"
        raise InvalidInputError(msg, index)
    return texts[0], texts[1]


@dataclass(frozen=True)
class SpanPostprocessor(Postprocessor[SpanItem, "Json"]):
    """``start_logits`` and ``end_logits``, each ``(windows, tokens)``, to a dict, or a list unless there is just one.

    Each window has a softmax of its own, and the scores of equal answers are added.
    """

    top_k: int = 1
    max_answer_len: int = 15
    handle_impossible_answer: bool = False
    align_to_words: bool = True

    def __post_init__(self) -> None:
        positive("top_k", self.top_k)
        positive("max_answer_len", self.max_answer_len)

    def decode(self, rows: Outputs, item: SpanItem) -> Json:
        """Return the best spans of all windows."""
        answers: dict[str, dict[str, Any]] = {}
        nulls = []
        for row, positions in enumerate(item.windows):
            logits = (rows[name][row, : len(positions)] for name in ("start_logits", "end_logits"))
            starts, ends = (_normalize(values, item.allowed[positions]) for values in logits)
            nulls.append(float(starts[0] * ends[0]))
            # The first token stands for "no answer"; what it had is not given to the others.
            starts[0] = ends[0] = 0
            for first, last, score in self._find_spans(starts, ends, item.allowed[positions]):
                self._add(answers, score, *self._locate(item, positions, first, last), item.context)
        found = list(answers.values())
        if self.handle_impossible_answer:
            found.append({"score": min(nulls), "start": 0, "end": 0, "answer": ""})
        found = sorted(found, key=lambda answer: answer["score"], reverse=True)[: self.top_k]
        return found[0] if len(found) == 1 else found

    def _find_spans(
        self, starts: NDArray[np.float32], ends: NDArray[np.float32], allowed: NDArray[np.bool_]
    ) -> list[tuple[int, int, float]]:
        """Return first token, last token and score of the best spans."""
        scores = np.tril(np.triu(np.outer(starts, ends)), self.max_answer_len - 1)
        # Some are lost when they are aligned to words.
        best = _find_best(scores.ravel(), 2 * self.top_k + 10 if self.align_to_words else self.top_k)
        firsts, lasts = np.unravel_index(best, scores.shape)
        # The first token always passes in transformers, with its score of 0.
        passes = allowed | (np.arange(len(allowed)) == 0)
        both = passes[firsts] & passes[lasts]
        firsts, lasts = firsts[both], lasts[both]
        return list(zip(firsts.tolist(), lasts.tolist(), scores[firsts, lasts].tolist(), strict=True))

    def _locate(self, item: SpanItem, positions: NDArray[np.intp], first: int, last: int) -> tuple[int, int]:
        # In transformers the offset of left padding, counted though nothing was padded.
        shift = int(item.padding[positions].sum())
        first, last = first - shift, last - shift
        if self.align_to_words:
            start, end = _find_word(item, positions, first), _find_word(item, positions, last)
            if start is not None and end is not None:
                return start[0], end[1]
        offsets = item.offsets[positions]
        return int(offsets[first, 0]), int(offsets[last, 1])

    @staticmethod
    def _add(answers: dict[str, dict[str, Any]], score: float, start: int, end: int, context: str) -> None:
        text = context[start:end]
        known = answers.setdefault(text.lower(), {"score": 0.0, "start": start, "end": end, "answer": text})
        known["score"] += score


def _normalize(logits: NDArray[np.float32], allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
    return softmax(np.where(allowed, require_finite(logits, "logits"), np.float32(-10000)))


def _find_best(scores: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Return the indices of the largest scores; of equal ones those that transformers finds, so by its two calls."""
    if most == 1:
        return np.array([scores.argmax()])
    if len(scores) <= most:
        return np.argsort(-scores)
    top = np.argpartition(-scores, most)[:most]
    best: NDArray[np.intp] = top[np.argsort(-scores[top])]
    return best


def _find_word(item: SpanItem, positions: NDArray[np.intp], token: int) -> tuple[int, int] | None:
    """Return the characters, within the window, of the context's word that has the token's number."""
    word = item.words[positions[token]] if token >= 0 else -1
    same = positions[(item.sequences[positions] == item.side) & (item.words[positions] == word)]
    if word == -1 or not len(same):
        return None
    return int(item.offsets[same[0], 0]), int(item.offsets[same[-1], 1])


class QuestionAnsweringPipeline(Pipeline):
    """``transformers.QuestionAnsweringPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(QuestionAnsweringOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = SpanPreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = SpanPostprocessor

    def __call__(self, *inputs: Json, **options: Unpack[Call]) -> Json:
        """Answer questions: ``pipe(question=..., context=...)``, ``pipe({"question": ..., "context": ...})``.

        Args:
            *inputs: A dict, a list or generator of dicts, several dicts, or a question and a context.
            **options: ``question``, ``context``: a text or a list. ``top_k`` (``topk``): answers to give.
                ``max_seq_len``: tokens of a window, 384 at most by default. ``doc_stride``: tokens that windows share.
                ``max_answer_len``: tokens of an answer, 15. ``handle_impossible_answer``: let "no answer" compete.
                ``align_to_words``: answers are whole words (default). ``max_question_len`` and ``padding`` do nothing.

        Returns:
            For one question a dict, or a list of dicts if there are several answers; for several a list of these.

        Examples:
            >>> pipe = onnxhub.pipeline("question-answering", "models/qa")
            >>> pipe(question="Who?", context="Ada Lovelace wrote it.")["answer"]
            'Ada'
        """
        others = {name: value for name, value in options.items() if name not in {"question", "context"}}
        given = (options.get("question"), options.get("context"))
        examples = read_positional(inputs) if inputs else read_named(*given)
        return self._run(examples[0] if isinstance(examples, list) and len(examples) == 1 else examples, others)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        given = {name: value for name, value in options.items() if value is not None}
        top_k = given.pop("topk", None)
        for without_effect in ("max_question_len", "padding"):
            given.pop(without_effect, None)
        return given if top_k is None else {"top_k": top_k, **given}


def read_positional(inputs: Sequence[Json]) -> Json:
    """Return the dicts of a call's positional arguments, or the generator of them."""
    if len(inputs) == 2 and all(isinstance(text, str) for text in inputs):
        return read_named(*inputs)
    if len(inputs) > 1:
        return list(inputs)
    only = inputs[0]
    if isinstance(only, dict) and as_many(only.get("question")) is not None:
        return read_named(only.get("question"), only.get("context"))
    if isinstance(only, dict):
        return [only]
    if as_iterator(only) is not None:
        return only
    examples = as_many(only, tuples=True)
    if examples is None:
        msg = f"expected a dict {{'question': ..., 'context': ...}} or a list of them, got {type(only).__name__}"
        raise InvalidInputError(msg)
    return examples


def read_named(question: Json, context: Json) -> list[Json]:
    """Return the dicts of a question or several, and a context or as many; refuse what does not fit."""
    questions, contexts = as_many(question), as_many(context)
    question, context = question if questions is None else questions, context if contexts is None else contexts
    if isinstance(question, list) and isinstance(context, str):
        context = [context] * len(question)
    elif isinstance(question, str) and isinstance(context, str):
        question, context = [question], [context]
    if not isinstance(question, list) or not isinstance(context, list) or len(question) != len(context):
        msg = "expected question= and context=, each a str, or as many of both in lists"
        raise InvalidInputError(msg)
    return [{"question": asked, "context": text} for asked, text in zip(question, context, strict=True)]
