"""What several tasks give, and what makes it of logits, so that tasks do not import each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from onnxhub._contracts.checks import as_labels, positive
from onnxhub._contracts.evaluation import Decision
from onnxhub._contracts.postprocessor import ItemT, Postprocessor, same_shape
from onnxhub._process.public import publish
from onnxhub._strings.results import Asked, write_result
from onnxhub._toolkit.activations import activate, activation_of, check_activation
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.numeric import require_usable, top_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend
    from onnxhub._toolkit.activations import Activation

__all__ = ["Classification", "LabelPostprocessor", "LabelScore", "decide", "rank_labels"]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label and its score."""

    label: str
    """One of the model's labels."""
    score: float
    """Its probability, or the raw logit of a regression model."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores([(self.label, self.score, "")], labels=(self.label,))

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Classification:
    """The best label, and all labels with their scores.

    Examples:
        >>> Classification("POSITIVE", 0.9, (LabelScore("POSITIVE", 0.9), LabelScore("NEGATIVE", 0.1)))
        Classification(label='POSITIVE', score=0.9)
    """

    label: str
    """The best label."""
    score: float
    """Its score."""
    ranking: tuple[LabelScore, ...]
    """Labels with their scores, best first, cut to ``top_k``."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        labels = [entry.label for entry in self.ranking]
        return draw_scores([(entry.label, entry.score, "") for entry in self.ranking], labels)

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LabelPostprocessor(Postprocessor[ItemT, Classification]):
    """Logits ``(batch, labels)`` to ``Classification`` values: what the classifiers of texts and of images share."""

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    _task: ClassVar[str]
    """The name of the task, for errors about a model's configuration."""

    labels: Sequence[str]
    """Label of each logit."""
    activation: Activation = "softmax"
    """How logits become scores; from the model's configuration by transformers' rule (see ``activation_of``)."""
    top_k: int | None = None
    """Length of ``ranking``; None keeps all labels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", as_labels(self.labels))
        positive("top_k", self.top_k, optional=True)
        check_activation(self.activation)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take labels and activation from ``config.json``."""
        labels = labels_of(backend)
        return cls(labels=labels, activation=activation_of(backend.config.get("problem_type"), len(labels), cls._task))

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of one row's labels; the hook. Shape: ``(labels,) -> (labels,)``."""
        return activate(logits, self.activation)

    def _score(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the hook makes of a row, if both can be used."""
        return same_shape(self.scores(require_usable(row)), row, f"{type(self).__name__}.scores")


def rank_labels(labels: Sequence[str], scores: NDArray[np.float32], top_k: int | None) -> Classification:
    """Rank labels by their scores, the first of equals first; shape of ``scores``: ``(labels,)``."""
    values = scores.tolist()
    ranking = tuple([LabelScore(labels[index], values[index]) for index in top_indices(scores, top_k)])
    if top_k is not None:
        ranking = Asked(ranking)
    return Classification(ranking[0].label, ranking[0].score, ranking)


def decide(result: Classification) -> Decision:
    """Return the label, and the scores of all labels."""
    return Decision({entry.label: entry.score for entry in result.ranking}, frozenset({result.label}))


publish(globals(), "Classification", "LabelScore")
