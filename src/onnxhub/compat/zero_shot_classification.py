"""transformers' ``ZeroShotClassificationPipeline``: ``{"sequence": ..., "labels": [...], "scores": [...]}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, Unpack

import numpy as np

from onnxhub._contracts.checks import as_text
from onnxhub._contracts.inputs import as_many, is_missing
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._strings.plain_text import shorten
from onnxhub._toolkit.json_files import whole_number
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.numeric import require_finite, softmax
from onnxhub._toolkit.text.requirements import require_inputs
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.windows import truncate_one
from onnxhub.compat._pipeline import CallOptions, Pipeline, read_max_length
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError
from onnxhub.tasks.zero_shot_classification import TEMPLATE, ZeroShotPostprocessor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Features, Outputs, Tokenizer, Tokens
    from onnxhub.compat._pipeline import Json

__all__ = ["ZeroShotClassificationOptions", "ZeroShotClassificationPipeline"]

logger: Final = logging.getLogger("onnxhub")


class ZeroShotClassificationOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    candidate_labels: str | Sequence[object]
    hypothesis_template: str
    multi_label: bool
    multi_class: bool | None
    truncation: object


@dataclass(frozen=True, slots=True)
class SequenceItem:
    """A text and its candidate labels; each of these has a row of its own."""

    sequence: str
    candidates: tuple[object, ...]

    @property
    def rows(self) -> int:
        """As many as there are candidates."""
        return len(self.candidates)


@dataclass(frozen=True)
class SequencePreprocessor(Preprocessor[str, SequenceItem]):
    """Each text to a row for each candidate label."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    longest: int | None
    """The length that a text and its label are cut to."""
    candidates: Sequence[object] | None = None
    template: str = TEMPLATE

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(backend.tokenizer, require_inputs(backend, "this pipeline"), read_max_length(backend))

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[SequenceItem]]:
        """Return an item for each input."""
        hypotheses = self._write_hypotheses()
        items = [
            SequenceItem(_check_text(value, index), tuple(self.candidates or ())) for index, value in enumerate(inputs)
        ]
        pairs = [(item.sequence, hypothesis) for item in items for hypothesis in hypotheses]
        encoded = self.tokenizer.encode([text for text, _ in pairs], [hypothesis for _, hypothesis in pairs])
        rows = iter([self._build_row(tokens) for tokens in encoded])
        return [Prepared([next(rows) for _ in hypotheses], item) for item in items]

    def _write_hypotheses(self) -> list[str]:
        """Fill the template with each label; it is checked for the first alone, as in transformers."""
        labels, template = self.candidates, self.template
        if not labels:
            raise InvalidOptionError("candidate_labels", labels, "at least one label")
        try:
            made = [template.format(label) for label in labels]
        except (AttributeError, LookupError, ValueError) as error:
            expected = f"a text with {{}} for the label, such as {TEMPLATE!r} ({error})"
            raise InvalidOptionError("hypothesis_template", template, expected) from error
        if made[0] == template:
            expected = f"a text with {{}} for the label, such as {TEMPLATE!r}"
            raise InvalidOptionError("hypothesis_template", template, expected)
        return [as_text(hypothesis, None, "label") for hypothesis in made]

    def _build_row(self, tokens: Tokens) -> Features:
        positions = np.arange(len(tokens))
        if self.longest is not None and len(tokens) > self.longest:
            cut = truncate_one(tokens.sequences, 0, self.longest, self.tokenizer.truncation_side)
            # A text that is too short to make room for its label is left whole, and so is the label.
            positions = cut if len(cut) else positions
        return graph_rows(tokens, [positions], self.inputs)[0]


@dataclass(frozen=True)
class SequencePostprocessor(Postprocessor[SequenceItem, "Json"]):
    """Logits ``(candidates, labels of the model)`` to a dict."""

    entailment: int
    """Position of the first label that begins with "entail"; -1, the last, where none does."""
    multi_label: bool = False

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take ``label2id`` from ``config.json``, and not the labels themselves, as transformers does."""
        labels = backend.config.get("id2label")
        declared = backend.config.get("label2id") if labels else None
        by_name = (
            declared
            if isinstance(declared, Mapping)
            else {name: i for i, name in enumerate(labels_of(backend, inverted=False))}
        )
        name = next(filter(_is_entailment, by_name), None)
        if name is None:
            return cls(-1)
        size, position = len(labels) if isinstance(labels, Mapping) else len(by_name), whole_number(by_name[name])
        if position is None or not -size <= position < size:
            problem = f"label2id in config.json has no position among its {size} labels for {shorten(name)}"
            raise TaskMismatchError(backend.model_id, "labels", (problem,))
        return cls(position)

    def decode(self, rows: Outputs, item: SequenceItem) -> Json:
        """Return labels and scores, best first, the last of equals first."""
        logits = rows["logits"]
        if self.multi_label or len(item.candidates) == 1:
            # By position, whatever it is called: where the model has "neutral" there, that is what counts.
            contradiction = -1 if self.entailment == 0 else 0
            scores = softmax(logits[:, [contradiction, self.entailment]])[:, 1]
        else:
            scores = softmax(logits[:, self.entailment])
        order: NDArray[np.intp] = require_finite(scores).argsort()[::-1]
        return {
            "sequence": item.sequence,
            "labels": [item.candidates[index] for index in order],
            "scores": scores[order].tolist(),
        }


class LastIsEntailment(ZeroShotPostprocessor):
    """For ``pipe.model``: a model without a label for entailment is taken for one whose last label is that."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the labels from ``config.json``, and name the last "entailment" if no label is."""
        labels = labels_of(backend)
        if not any(map(_is_entailment, labels)):
            message = "%s: none of the labels %s begins with 'entail'; the last one is taken for it"
            logger.warning(message, backend.model_id, ", ".join(labels))
            labels = (*labels[:-1], "entailment")
        return cls(labels)


class ZeroShotClassificationPipeline(Pipeline):
    """``transformers.ZeroShotClassificationPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(ZeroShotClassificationOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = SequencePreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = SequencePostprocessor
    loaded_with: ClassVar[type[Postprocessor[Any, Any]] | None] = LastIsEntailment

    def __call__(
        self, sequences: Json, *labels: str | Sequence[object], **options: Unpack[ZeroShotClassificationOptions]
    ) -> Json:
        """Classify a text, or each text of a list or generator, by labels of one's own.

        Args:
            sequences: A text, or several.
            *labels: ``candidate_labels``.
            **options: ``candidate_labels``: a list, or a text with commas between the labels.
                ``hypothesis_template``: the sentence that is tested, default ``"This example is {}."``.
                ``multi_label``: score each label by itself. ``multi_class``: its older name. ``truncation``: nothing;
                as in transformers, the text is always cut, and its label never.

        Returns:
            ``{"sequence": str, "labels": [...], "scores": [...]}`` for a text, best first; a list of these for a list.

        Examples:
            >>> onnxhub.pipeline("zero-shot-classification", "models/nli")("a cat", "dog, cat")["sequence"]
            'a cat'
        """
        given: dict[str, Any] = dict(options)
        if len(labels) > 1 or (labels and "candidate_labels" in options):
            raise InvalidOptionError("candidate_labels", labels, "given once, by position or by name")
        if labels:
            given["candidate_labels"] = labels[0]
        return self._run(sequences, given)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        fields: dict[str, object] = {}
        if "candidate_labels" in options:
            fields["candidates"] = _read_labels(options["candidate_labels"])
        if "hypothesis_template" in options:
            fields["template"] = options["hypothesis_template"]
        if "multi_label" in options:
            fields["multi_label"] = bool(options["multi_label"])
        if options.get("multi_class") is not None:
            fields["multi_label"] = bool(options["multi_class"])
        return fields


def _is_entailment(label: str) -> bool:
    return label.lower().startswith("entail")


def _read_labels(given: object) -> tuple[object, ...]:
    if isinstance(given, str):
        return tuple(label.strip() for label in given.split(",") if label.strip())
    labels = as_many(given, tuples=True)
    if labels is None:
        raise InvalidOptionError("candidate_labels", given, "a list of labels, or a text with commas between them")
    if any(map(is_missing, labels)):
        expected = "a list of labels without missing values; leave them out, as dropna() does"
        raise InvalidOptionError("candidate_labels", labels, expected)
    return tuple(labels)


def _check_text(value: object, index: int) -> str:
    text = as_text(value, index)
    if not text:
        msg = "the text is empty"
        raise InvalidInputError(msg, index)
    return text
