"""transformers' pipelines over ONNX models: the same dicts, nesting and option names, without torch.

For code that has them, and since transformers 5 has dropped question-answering. New code is better served by
``onnxhub.load``, whose results have types, whose shapes do not depend on options, and which loses no long text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from onnxhub._api import load
from onnxhub._registry import get_task
from onnxhub.compat._pipeline import Pipeline
from onnxhub.compat.feature_extraction import FeatureExtractionOptions, FeatureExtractionPipeline
from onnxhub.compat.fill_mask import FillMaskOptions, FillMaskPipeline
from onnxhub.compat.question_answering import QuestionAnsweringOptions, QuestionAnsweringPipeline
from onnxhub.compat.text_classification import TextClassificationOptions, TextClassificationPipeline
from onnxhub.compat.token_classification import TokenClassificationOptions, TokenClassificationPipeline
from onnxhub.compat.zero_shot_classification import ZeroShotClassificationOptions, ZeroShotClassificationPipeline
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias, TypedDict

    from onnxhub._model import Model

    ModelId: TypeAlias = str | os.PathLike[str] | None

    class Loading(TypedDict, total=False):
        """How the model is loaded; whatever the task."""

        tokenizer: ModelId
        revision: str | None
        token: str | bool | None
        device: object
        provider: str | Sequence[str] | None
        dtype: object
        file: str | None
        batch_size: int | None

    class TextClassification(Loading, TextClassificationOptions, total=False):
        """For the overload."""

    class TokenClassification(Loading, TokenClassificationOptions, total=False):
        """For the overload."""

    class QuestionAnswering(Loading, QuestionAnsweringOptions, total=False):
        """For the overload."""

    class FeatureExtraction(Loading, FeatureExtractionOptions, total=False):
        """For the overload."""

    class FillMask(Loading, FillMaskOptions, total=False):
        """For the overload."""

    class ZeroShotClassification(Loading, ZeroShotClassificationOptions, total=False):
        """For the overload."""


__all__ = [
    "FeatureExtractionPipeline",
    "FillMaskPipeline",
    "Pipeline",
    "QuestionAnsweringPipeline",
    "TextClassificationPipeline",
    "TokenClassificationPipeline",
    "ZeroShotClassificationPipeline",
    "pipeline",
]

PIPELINES: Mapping[str, type[Pipeline]] = {
    "feature-extraction": FeatureExtractionPipeline,
    "fill-mask": FillMaskPipeline,
    "question-answering": QuestionAnsweringPipeline,
    "text-classification": TextClassificationPipeline,
    "token-classification": TokenClassificationPipeline,
    "zero-shot-classification": ZeroShotClassificationPipeline,
}
DTYPES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
"""torch's names."""


@overload
def pipeline(
    task: Literal["text-classification", "sentiment-analysis"],
    model: ModelId = ...,
    **options: Unpack[TextClassification],
) -> TextClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["token-classification", "ner"], model: ModelId = ..., **options: Unpack[TokenClassification]
) -> TokenClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["question-answering"], model: ModelId = ..., **options: Unpack[QuestionAnswering]
) -> QuestionAnsweringPipeline: ...
@overload
def pipeline(
    task: Literal["feature-extraction"], model: ModelId = ..., **options: Unpack[FeatureExtraction]
) -> FeatureExtractionPipeline: ...
@overload
def pipeline(task: Literal["fill-mask"], model: ModelId = ..., **options: Unpack[FillMask]) -> FillMaskPipeline: ...
@overload
def pipeline(
    task: Literal["zero-shot-classification"], model: ModelId = ..., **options: Unpack[ZeroShotClassification]
) -> ZeroShotClassificationPipeline: ...
def pipeline(
    task: str,
    model: str | os.PathLike[str] | None = None,
    *,
    tokenizer: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    device: object = None,
    provider: str | Sequence[str] | None = None,
    dtype: object = "auto",
    file: str | None = None,
    batch_size: int | None = None,
    **options: object,
) -> Pipeline:
    """Load an ONNX model behind transformers' interface: its options, its dicts, its nesting.

    Args:
        task: ``"text-classification"``, ``"token-classification"``, ``"question-answering"``,
            ``"feature-extraction"``, ``"fill-mask"``, ``"zero-shot-classification"``, or an alias.
        model: Hub id or local folder with an ONNX file; None: the task's default model.
        tokenizer: None, or the model again: the tokenizer is that of the model's repository.
        revision: Branch, tag or commit hash.
        token: A Hub token.
        device: ``-1``, ``"cpu"``; ``0``, ``"cuda"``, ``"cuda:1"``, or a ``torch.device``. Default: the CPU.
        provider: Instead of ``device``: an execution provider, or several, as for ``onnxhub.load``.
        dtype: The precision of the file, as for ``onnxhub.load``, or torch's name for it.
        file: An exact ``.onnx`` file of the repository, instead of ``dtype``.
        batch_size: Inputs of a generator that are read at once. Batches are planned by tokens, and results do not
            depend on them.
        **options: The task's own options, as defaults for the call; see the ``__call__`` of its class.

    Returns:
        The task's pipeline.

    Raises:
        UnknownTaskError: no such task.
        InvalidOptionError: an option that the task does not have, or a value that it cannot have.
        OnnxHubError: the model cannot be loaded; see ``onnxhub.load``.

    Examples:
        >>> pipe = onnxhub.pipeline("text-classification", "models/sentiment", top_k=None)
        >>> [entry["label"] for entry in pipe(["Quite easy!"])[0]]
        ['POSITIVE', 'NEGATIVE']
    """
    name = get_task(task).name
    if name not in PIPELINES:
        raise InvalidOptionError("task", task, f"one of {', '.join(PIPELINES)}", tuple(PIPELINES))
    kind = PIPELINES[name]
    kind.check(options)
    _check_repository("model", model)
    if tokenizer is not None and tokenizer != model:
        _check_repository("tokenizer", tokenizer)
        expected = "the model's own (put the other's tokenizer.json and tokenizer_config.json into the model's folder)"
        raise InvalidOptionError("tokenizer", tokenizer, expected)
    loaded: Model[Any, Any, Any] = load(
        name,
        model,
        _provider(device, provider),
        postprocessor=kind.loaded_with,
        revision=revision,
        token=token,
        dtype=DTYPES.get(str(dtype).removeprefix("torch."), str(dtype)),
        file=file,
    )
    return kind(loaded, options, batch_size)


def _check_repository(option: str, value: object) -> None:
    if value is not None and not isinstance(value, str) and not hasattr(value, "__fspath__"):
        expected = f"a Hub id or a folder, not a {type(value).__name__}; save_pretrained writes such a folder"
        raise InvalidOptionError(option, value, expected)


def _provider(device: object, provider: str | Sequence[str] | None) -> str | Sequence[str]:
    """The execution provider for transformers' ``device``."""
    if provider is not None and device is not None:
        raise InvalidOptionError("device", device, f"None beside provider={provider!r}: they say the same")
    if provider is not None:
        return provider
    if device is None or device in (-1, "cpu"):
        return "cpu"
    if isinstance(device, int) and device >= 0:
        return f"cuda:{device}"
    name = str(device)
    if name.partition(":")[0] not in {"cpu", "cuda"}:
        raise InvalidOptionError("device", device, "-1, 'cpu', a number, 'cuda' or 'cuda:1'; or use provider=")
    return "cpu" if name.startswith("cpu") else name
