"""zero-shot-classification: labels that are named at the call, by a model that tells what follows from a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Self, Unpack, overload

from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_labels, as_text, option_text, option_texts, positive
from onnxhub._contracts.evaluation import Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, of_shape
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.protocols import Column
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.plain_text import shorten
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.numeric import require_finite, require_usable, softmax
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.requirements import require_inputs
from onnxhub._toolkit.text.rows import pair_row
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from onnxhub.tasks.results import Classification, decide, rank_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Features, ListOf, Outputs, Tokenizer, Tokens

__all__ = ["ZeroShotClassificationModel", "ZeroShotItem", "ZeroShotPostprocessor"]

NAME = "zero-shot-classification"
TEMPLATE = "This example is {}."
"""transformers' default, which most such models were tuned with."""


@dataclass(frozen=True, slots=True)
class ZeroShotItem:
    """The candidate labels of a text; each has a row of its own."""

    candidates: tuple[str, ...]
    """In the order of the rows."""

    @property
    def rows(self) -> int:
        """As many as there are candidates."""
        return len(self.candidates)


@dataclass(frozen=True)
class ZeroShotPreprocessor(Preprocessor[str, ZeroShotItem]):
    """Each text to a row for each candidate label: the text, and the template with the label in it."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    labels: Sequence[str] = ()
    """Those to choose from."""
    template: str = TEMPLATE
    """The sentence that may follow from the text; ``{}`` stands for the label."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", _check_labels(self.labels))
        expected = f"a text with {{}} for the label, such as {TEMPLATE!r}"
        if "{}" not in option_text("template", self.template, expected):
            raise InvalidOptionError("template", self.template, expected)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(backend.tokenizer, require_inputs(backend, NAME))

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[ZeroShotItem]]:
        """One item an input."""
        if not self.labels:
            raise InvalidOptionError("labels", self.labels, "at least one label to choose from")
        texts = [as_text(value, index) for index, value in enumerate(inputs)]
        hypotheses = [self.template.replace("{}", label) for label in self.labels]
        tokens = encode_prefix(  # all pairs of the call at once
            self.tokenizer,
            [text for text in texts for _ in hypotheses],
            self.tokenizer.max_length,
            hypotheses * len(texts),
        )
        size, item = len(hypotheses), ZeroShotItem(tuple(self.labels))
        return [
            Prepared(
                [
                    self._row(encoding, label, index)
                    for encoding, label in zip(tokens[index * size : (index + 1) * size], self.labels, strict=True)
                ],
                item,
            )
            for index in range(len(texts))
        ]

    def _row(self, tokens: Tokens, label: str, index: int) -> Features:
        second = f"the template with the label {shorten(label)}"
        return pair_row(self.tokenizer, tokens, self.inputs, second, " beside the label", index)


@dataclass(frozen=True)
class ZeroShotPostprocessor(Postprocessor[ZeroShotItem, Classification]):
    """Logits of textual entailment ``(candidates, labels of the model)`` to a ``Classification`` by the candidates.

    To subclass, override ``scores``: it gets the logits of all candidates of one text, ``(candidates, labels)``, and
    returns ``(candidates,)``.

    Examples:
        >>> decode = ZeroShotPostprocessor(labels=("contradiction", "neutral", "entailment"))
        >>> decode([[0.0, 0.0, 2.0], [3.0, 0.0, 0.0]], [ZeroShotItem(("sport", "law"))])
        [Classification(label='sport', score=0.8808)]
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    item: ClassVar[type[Item] | None] = ZeroShotItem

    labels: Sequence[str]
    """The model's own: entailment, contradiction and, in most, neutral; found by their names, in any order."""
    multi_label: bool = False
    """Each candidate is true or not by itself; else their scores sum to 1. One candidate alone is always so."""
    top_k: int | None = None
    """Length of ``ranking``; None keeps all candidates."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", as_labels(self.labels))
        positive("top_k", self.top_k, optional=True)
        if self.multi_label:
            self._contradiction()

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the labels from ``config.json``.

        Raises:
            TaskMismatchError: none of them is called entailment.
        """
        labels = labels_of(backend)
        if _find_label(labels, "entail") is None:
            problem = (
                f"none of its labels begins with 'entail': {', '.join(labels)}; if it was trained on entailment all "
                "the same, name them: postprocessor=onnxhub.ZeroShotPostprocessor(labels=(..., 'entailment'))"
            )
            raise TaskMismatchError(backend.model_id, NAME, (problem,))
        return cls(labels)

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of one text's candidates; the hook. Shape: ``(candidates, labels) -> (candidates,)``.

        Yin et al., 2019, https://arxiv.org/abs/1909.00161: a label is as likely as its sentence is entailed.
        """
        entailment = self._entailment()
        if self.multi_label or len(logits) == 1:
            return softmax(require_usable(logits[:, [self._contradiction(), entailment]]))[:, 1]
        return softmax(require_usable(logits[:, entailment]))

    def decode(self, rows: Outputs, item: ZeroShotItem) -> Classification:
        """Scores of the candidates, ranked."""
        logits = rows["logits"]
        if logits.ndim != 2 or logits.shape[1] != len(self.labels):
            problem = f"{len(self.labels)} labels {tuple(self.labels)} for logits of shape {logits.shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        scores = of_shape(self.scores(logits), logits.shape[:1], f"{type(self).__name__}.scores")
        return rank_labels(item.candidates, require_finite(scores), self.top_k)

    def _entailment(self) -> int:
        found = _find_label(self.labels, "entail")
        if found is None:
            raise InvalidOptionError("labels", self.labels, "the model's labels, one of which begins with 'entail'")
        return found

    def _contradiction(self) -> int:
        found = _find_label(self.labels, "contradict", "not_entail", "not entail", "non_entail", "no_entail")
        if found is None:
            expected = f"False and several candidates, for none of the model's labels is a contradiction: {self.labels}"
            raise InvalidOptionError("multi_label", self.multi_label, expected)
        return found


class TemplateOptions(CallOptions, total=False):
    """The options of a call beside the labels, which are an argument of their own; ``...`` leaves one as it is."""

    template: str | EllipsisType
    multi_label: bool | EllipsisType
    top_k: int | EllipsisType | None


class ZeroShotClassificationOptions(TemplateOptions, total=False):
    """The options of a model; ``...`` leaves one as it is."""

    labels: Sequence[str] | Column | EllipsisType


class ZeroShotClassificationModel(Model[str, Classification, "list[Classification]"]):
    """A classifier whose labels are named at the call: ``model("text", ["sport", "law"])``."""

    @overload
    def __call__(
        self, inputs: str, labels: Sequence[str] | Column | EllipsisType = ..., **options: Unpack[TemplateOptions]
    ) -> Classification: ...
    @overload
    def __call__(
        self,
        inputs: ListOf[str] | Column,
        labels: Sequence[str] | Column | EllipsisType = ...,
        **options: Unpack[TemplateOptions],
    ) -> list[Classification]: ...
    def __call__(
        self, inputs: object, labels: Sequence[str] | Column | EllipsisType = ..., **options: Unpack[TemplateOptions]
    ) -> object:
        """Classify a text, or a list of texts, by labels of one's own.

        Args:
            inputs: What to classify; a text that is longer than the model takes is cut, with a ``TruncationWarning``.
            labels: What to choose from, as a list or a column; may be bound before by ``with_options``.
            template: The sentence that is tested, with ``{}`` for the label; default ``"This example is {}."``.
            multi_label: Several labels may be true, or none; default False: their scores sum to 1.
            top_k: Length of ``ranking``; default None, all labels.

        Raises:
            InvalidOptionError: no labels, the same label twice, or a template without ``{}``.
            InvalidInputError: an input is no text; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, {"labels": labels, **options})

    def with_options(self, **options: Unpack[ZeroShotClassificationOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)


def _find_label(labels: Sequence[str], *beginnings: str) -> int | None:
    """Position of the label whose name begins in one of these ways."""
    return next((index for index, label in enumerate(labels) if label.lower().startswith(beginnings)), None)


def _check_labels(given: object) -> tuple[str, ...]:
    expected = "a list of different labels, none of them empty"
    labels = option_texts("labels", given, expected, "label")
    if blank := [place for place, label in enumerate(labels) if not label.strip()]:
        raise InvalidOptionError("labels", labels, f"{expected}; label {blank[0]} is {labels[blank[0]]!r}")
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise InvalidOptionError("labels", labels, f"{expected}; {', '.join(map(repr, twice))} is there twice")
    return tuple(labels)


TASK = Task(
    name=NAME,
    aliases=("zero-shot",),
    summary="one of the labels that are named at the call, with a score",
    options=ZeroShotClassificationOptions,
    result=Classification,
    model=ZeroShotClassificationModel,
    preprocessor=ZeroShotPreprocessor,
    postprocessor=ZeroShotPostprocessor,
    outputs=({"logits": 2},),
    ort_class="ORTModelForSequenceClassification",
    default_model="Xenova/nli-deberta-v3-xsmall",
    one_liners=("onnxhub.classify_zero_shot",),
    commands=("onnxhub.cli.classify_zero_shot:classify_zero_shot",),
    evaluation=Evaluation(measure="same label", decision=decide, options={"labels": ("sport", "politics", "science")}),
)


publish(globals(), "ZeroShotClassificationModel", "ZeroShotItem", "ZeroShotPostprocessor")
