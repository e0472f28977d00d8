"""multiple-choice: which of several continuations fits a text best."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Self, Unpack, overload

from onnxhub._calls.batches import collate
from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_text_and_list, positive
from onnxhub._contracts.evaluation import Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, same_shape
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.results import Asked, write_result
from onnxhub._toolkit.numeric import require_finite, require_usable, softmax, top_indices
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.requirements import require_inputs
from onnxhub._toolkit.text.rows import pair_row
from onnxhub.errors import TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Column, Features, ListOf, Outputs, Tokenizer, Tokens

    PromptChoices: TypeAlias = tuple[str, Sequence[str]]

__all__ = ["Choice", "ChoiceScore", "MultipleChoiceItem", "MultipleChoiceModel", "MultipleChoicePostprocessor"]

NAME = "multiple-choice"


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """A choice with its place in the list that was given, and its probability."""

    index: int
    """Its position among the choices of the call."""
    choice: str
    """The text."""
    score: float
    """Its probability; those of all choices sum to 1."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores([(self.choice, self.score, f"choice {self.index}")])

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Choice:
    """The best choice, and all of them with their scores.

    Examples:
        >>> Choice(1, "with a fork", 0.9, (ChoiceScore(1, "with a fork", 0.9), ChoiceScore(0, "with a roof", 0.1)))
        Choice(index=1, choice='with a fork', score=0.9)
    """

    index: int
    """Position of the best among the choices of the call."""
    choice: str
    """Its text."""
    score: float
    """Its probability."""
    ranking: tuple[ChoiceScore, ...]
    """Choices with their scores, best first, cut to ``top_k``."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores([(entry.choice, entry.score, f"choice {entry.index}") for entry in self.ranking])

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class MultipleChoiceItem:
    """The choices; all are in one row."""

    choices: tuple[str, ...]
    """In the order of the graph's axis of choices."""

    @property
    def rows(self) -> int:
        """Always one."""
        return 1


@dataclass(frozen=True)
class MultipleChoicePreprocessor(Preprocessor["PromptChoices", MultipleChoiceItem]):
    """Each prompt with its choices to one row of shape ``(choices, tokens)``: the pairs of the prompt and a choice."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(backend.tokenizer, require_inputs(backend, NAME, axes=3))

    def __call__(self, inputs: Sequence[PromptChoices]) -> list[Prepared[MultipleChoiceItem]]:
        """One item an input."""
        checked = [as_text_and_list(value, index, "prompt", "choice", least=2) for index, value in enumerate(inputs)]
        tokens = iter(
            encode_prefix(
                self.tokenizer,
                [prompt for prompt, choices in checked for _ in choices],
                self.tokenizer.max_length,
                [choice for _, choices in checked for choice in choices],
            )
        )
        return [
            Prepared(
                [
                    collate(
                        [self._pair(next(tokens), place, index) for place in range(len(choices))],
                        self.tokenizer.padding,
                    )
                ],
                MultipleChoiceItem(choices),
            )
            for index, (_, choices) in enumerate(checked)
        ]

    def _pair(self, tokens: Tokens, place: int, index: int) -> Features:
        second, beside = f"the choice {place}", " for a prompt and a choice"
        return pair_row(self.tokenizer, tokens, self.inputs, second, beside, index)


@dataclass(frozen=True)
class MultipleChoicePostprocessor(Postprocessor[MultipleChoiceItem, Choice]):
    """Logits ``(batch, choices)`` to ``Choice`` values.

    To subclass, override ``scores``: it gets the logits of one prompt's choices, ``(choices,)``, and returns as many
    scores.

    Examples:
        >>> MultipleChoicePostprocessor()([[0.0, 2.0]], [MultipleChoiceItem(("with a roof", "with a fork"))])
        [Choice(index=1, choice='with a fork', score=0.8808)]
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    item: ClassVar[type[Item] | None] = MultipleChoiceItem

    top_k: int | None = None
    """Length of ``ranking``; None keeps all choices."""

    def __post_init__(self) -> None:
        positive("top_k", self.top_k, optional=True)

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of one prompt's choices; the hook. Shape: ``(choices,) -> (choices,)``."""
        return softmax(logits)

    def decode(self, rows: Outputs, item: MultipleChoiceItem) -> Choice:
        """Scores of the choices, ranked."""
        logits = rows["logits"][0]
        if logits.ndim != 1 or len(logits) < len(item.choices):
            problem = f"{len(item.choices)} choices for logits of shape {logits.shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        logits = require_usable(
            logits[: len(item.choices)]
        )  # the rest is padding, beside an item of the batch with more choices
        scores = require_finite(same_shape(self.scores(logits), logits, f"{type(self).__name__}.scores"))
        ranking = tuple(
            ChoiceScore(index, item.choices[index], float(scores[index])) for index in top_indices(scores, self.top_k)
        )
        if self.top_k is not None:
            ranking = Asked(ranking)
        return Choice(ranking[0].index, ranking[0].choice, ranking[0].score, ranking)


class MultipleChoiceOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    top_k: int | EllipsisType | None


class MultipleChoiceModel(Model["PromptChoices", Choice, "list[Choice]"]):
    """Chooses a continuation: ``model("She eats the cake", ["with a fork", "with a roof"])``."""

    @overload
    def __call__(
        self, prompt: str, choices: Sequence[str] | Column, **options: Unpack[MultipleChoiceOptions]
    ) -> Choice: ...
    @overload
    def __call__(self, prompt: PromptChoices, **options: Unpack[MultipleChoiceOptions]) -> Choice: ...
    @overload
    def __call__(
        self, prompt: ListOf[PromptChoices] | Column, **options: Unpack[MultipleChoiceOptions]
    ) -> list[Choice]: ...
    # The first overload types acall by names; pyright would have the order of Model.
    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, prompt: object, choices: Sequence[str] | Column | None = None, **options: Unpack[MultipleChoiceOptions]
    ) -> object:
        """Choose for a prompt, or for each ``(prompt, choices)`` of a list.

        Args:
            prompt: The prompt; or a tuple ``(prompt, choices)``, or a list of such tuples.
            choices: At least two, where ``prompt`` is the prompt. A prompt that is longer than the model takes beside
                its choice is cut, with a ``TruncationWarning``.
            top_k: Length of ``ranking``; default None, all choices.

        Raises:
            InvalidInputError: there are fewer than two choices, or something is no text; with the prompt's index.
            NonFiniteOutputError: the model gave NaN; with the prompt's index.
        """
        return self.call_with(prompt if choices is None else (prompt, choices), options)

    def with_options(self, **options: Unpack[MultipleChoiceOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)


def _make_input(_model: object, texts: Sequence[str]) -> PromptChoices:
    return texts[0], ["It is true.", "It is not true."]


def _decide(result: Choice) -> Decision:
    return Decision({entry.index: entry.score for entry in result.ranking}, frozenset({result.index}))


TASK = Task(
    name=NAME,
    summary="which of several continuations fits a text best",
    inputs=("prompt", "choices"),
    options=MultipleChoiceOptions,
    result=Choice,
    model=MultipleChoiceModel,
    preprocessor=MultipleChoicePreprocessor,
    postprocessor=MultipleChoicePostprocessor,
    outputs=({"logits": 2},),
    ort_class="ORTModelForMultipleChoice",
    architectures=("ForMultipleChoice",),
    one_liners=("onnxhub.choose",),
    commands=("onnxhub.cli.choose:choose",),
    evaluation=Evaluation(input=_make_input, measure="same choice", decision=_decide),
)


publish(globals(), "Choice", "ChoiceScore", "MultipleChoiceItem", "MultipleChoiceModel", "MultipleChoicePostprocessor")
