"""transformers' ``TextClassificationPipeline``: ``[{"label": ..., "score": ...}]``, nested in many ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, Unpack

import numpy as np

from onnxhub._contracts.checks import as_text, refuse
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._toolkit.activations import activate, activation_of
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.numeric import require_finite
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub.compat._pipeline import CallOptions, Pipeline, TruncatingPreprocessor
from onnxhub.errors import InvalidInputError, InvalidOptionError
from onnxhub.tasks.text_classification import ClassificationItem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxhub._contracts.preprocessor import Preprocessor
    from onnxhub._contracts.protocols import Backend, Outputs, Tokens
    from onnxhub._toolkit.activations import Activation
    from onnxhub.compat._pipeline import Json, Truncation

__all__ = ["TextClassificationOptions", "TextClassificationPipeline"]

ACTIVATIONS = ("sigmoid", "softmax", "none")


class TextClassificationOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    top_k: int | Literal[""] | None
    return_all_scores: bool | None
    function_to_apply: str | None
    truncation: Truncation
    max_length: int | None
    padding: bool | str | None


@dataclass(frozen=True)
class TextPreprocessor(TruncatingPreprocessor[ClassificationItem]):
    """A text, a dict of text and text_pair, or the older ``[[text, text_pair]]``, to one row."""

    def __call__(self, inputs: Sequence[object]) -> list[Prepared[ClassificationItem]]:
        """Return an item for each input."""
        return [self._prepare(value, index) for index, value in enumerate(inputs)]

    def _prepare(self, value: object, index: int) -> Prepared[ClassificationItem]:
        tokens = self._tokenise(value, index)
        try:
            positions = self.cut(tokens)
        except InvalidInputError as error:
            raise error.at(index) from None
        return Prepared(graph_rows(tokens, [positions], self.inputs), ClassificationItem())

    def _tokenise(self, value: object, index: int) -> Tokens:
        text, pair = read_text_and_pair(value, index)
        # transformers takes an empty second text for none.
        return self.tokenizer.encode([text], [pair] if pair else None)[0]


def read_text_and_pair(value: object, index: int) -> tuple[str, str | None]:
    """Return the text or texts of an input.

    Raises:
        InvalidInputError: it has none.
    """
    match value:
        case {"text": text, **others} if not others.keys() - {"text_pair"}:
            pair = others.get("text_pair")
        case [[text, pair]] if isinstance(value, list):
            pass
        case str():
            text, pair = value, None
        case _:
            msg = "expected a str, or a pair of texts as {'text': ..., 'text_pair': ...}"
            raise refuse(f"{msg}, got {type(value).__name__}", value, index)
    return as_text(text, index), None if pair is None else as_text(pair, index, "text_pair")


@dataclass(frozen=True)
class LabelPostprocessor(Postprocessor[ClassificationItem, "Json"]):
    """Logits ``(1, labels)`` to a dict or a list of dicts."""

    labels: Sequence[str]
    activation: Activation
    top_k: int | None = 1
    legacy: bool = True
    """transformers' ``_legacy``: ``top_k`` was never given, so one label is a dict, and all keep the model's order."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take labels and activation from ``config.json``."""
        labels = labels_of(backend, inverted=False)
        return cls(labels, activation_of(backend.config.get("problem_type"), len(labels)))

    def decode(self, rows: Outputs, item: ClassificationItem) -> Json:
        """Return the best label, or several."""
        del item
        scores = require_finite(activate(rows["logits"][0], self.activation))
        if self.legacy and self.top_k == 1:
            return self._describe(int(scores.argmax()), scores)
        if self.legacy:
            return [self._describe(index, scores) for index in range(len(scores))]
        order = np.argsort(-scores, kind="stable").tolist()
        return [self._describe(index, scores) for index in order[: self.top_k]]

    def _describe(self, index: int, scores: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, object]:
        return {"label": self.labels[index], "score": float(scores[index])}


class TextClassificationPipeline(Pipeline):
    """``transformers.TextClassificationPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(TextClassificationOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = TextPreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = LabelPostprocessor

    def __call__(self, inputs: Json, **options: Unpack[TextClassificationOptions]) -> Json:
        """Classify a text, a pair ``{"text": ..., "text_pair": ...}``, or a list or generator of them.

        Args:
            inputs: What to classify.
            **options: ``top_k``: labels to give; None gives all. ``function_to_apply``: ``"sigmoid"``, ``"softmax"``
                or ``"none"`` in place of the model's own. ``truncation``, ``max_length``: as for a tokenizer.
                ``return_all_scores``: the older form of ``top_k``.

        Returns:
            For a text a list of dicts; for a dict a dict, or a list if ``top_k`` was given; for a list a list of
            these. A text whose ``top_k`` is given to the constructor is nested twice, as in transformers.

        Examples:
            >>> onnxhub.pipeline("text-classification", "models/sentiment")("Quite easy!")[0]["label"]
            'POSITIVE'
        """
        result = self._run(inputs, options)
        return [result] if isinstance(inputs, str) and "top_k" not in options else result

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        cutting = {name: options[name] for name in ("truncation", "max_length", "padding") if name in options}
        return {**cutting, **self._read_top_k(options), **_read_activation(options.get("function_to_apply"))}

    def _read_top_k(self, options: Mapping[str, Any]) -> dict[str, object]:
        top_k = options.get("top_k", "")
        if top_k is None or isinstance(top_k, int):
            return {"top_k": top_k, "legacy": False}
        if top_k:
            raise InvalidOptionError("top_k", top_k, "a whole number, or None for all labels")
        everything = options.get("return_all_scores")
        if everything is None:
            everything = self.model.backend.config.get("return_all_scores")
        return {} if everything is None else {"top_k": None if everything else 1}


def _read_activation(name: str | None) -> dict[str, object]:
    if name is None:
        return {}
    if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
        raise InvalidOptionError("function_to_apply", name, "'sigmoid', 'softmax' or 'none'", ACTIVATIONS)
    return {"activation": name.lower()}
