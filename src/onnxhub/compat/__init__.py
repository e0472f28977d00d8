"""transformers' pipelines over ONNX models: the same dicts, nesting and option names, without torch.

For code that has them, and since transformers 5 has dropped question-answering. New code is better served by
``onnxhub.load``, whose results have types, whose shapes do not depend on options, and which loses no long text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from onnxhub._api.load import load
from onnxhub._contracts.registry import get_task
from onnxhub._process.public import publish
from onnxhub.compat._loading import (
    check_repositories,
    drop_neutral,
    explain_task,
    infer_task,
    read_dtype,
    read_model_kwargs,
    read_provider,
)
from onnxhub.compat._pipeline import Pipeline
from onnxhub.compat.feature_extraction import FeatureExtractionOptions, FeatureExtractionPipeline
from onnxhub.compat.fill_mask import FillMaskOptions, FillMaskPipeline
from onnxhub.compat.image_classification import ImageClassificationOptions, ImageClassificationPipeline
from onnxhub.compat.image_feature_extraction import ImageFeatureExtractionOptions, ImageFeatureExtractionPipeline
from onnxhub.compat.question_answering import QuestionAnsweringOptions, QuestionAnsweringPipeline
from onnxhub.compat.text_classification import TextClassificationOptions, TextClassificationPipeline
from onnxhub.compat.token_classification import TokenClassificationOptions, TokenClassificationPipeline
from onnxhub.compat.zero_shot_classification import ZeroShotClassificationOptions, ZeroShotClassificationPipeline

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias, TypedDict

    from onnxhub._calls.model import Model

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
        outputs: Mapping[str, str] | None
        torch_dtype: object
        config: None
        device_map: None
        framework: Literal["pt"] | None
        model_kwargs: Mapping[str, object] | None
        trust_remote_code: Literal[False] | None
        use_fast: Literal[True] | None

    class TextClassification(Loading, TextClassificationOptions, total=False):
        """For the overload."""

    class ImageClassification(Loading, ImageClassificationOptions, total=False):
        """For the overload."""

    class ImageFeatureExtraction(Loading, ImageFeatureExtractionOptions, total=False):
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
    "ImageClassificationPipeline",
    "ImageFeatureExtractionPipeline",
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
    "image-classification": ImageClassificationPipeline,
    "image-feature-extraction": ImageFeatureExtractionPipeline,
    "question-answering": QuestionAnsweringPipeline,
    "text-classification": TextClassificationPipeline,
    "token-classification": TokenClassificationPipeline,
    "zero-shot-classification": ZeroShotClassificationPipeline,
}


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
    task: Literal["image-classification"], model: ModelId = ..., **options: Unpack[ImageClassification]
) -> ImageClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["image-feature-extraction"], model: ModelId = ..., **options: Unpack[ImageFeatureExtraction]
) -> ImageFeatureExtractionPipeline: ...
@overload
def pipeline(
    task: Literal["zero-shot-classification"], model: ModelId = ..., **options: Unpack[ZeroShotClassification]
) -> ZeroShotClassificationPipeline: ...
@overload
def pipeline(task: None = ..., *, model: str | os.PathLike[str], **options: Any) -> Pipeline: ...
def pipeline(
    task: str | None = None,
    model: str | os.PathLike[str] | None = None,
    *,
    tokenizer: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    device: object = None,
    provider: str | Sequence[str] | None = None,
    dtype: object = "auto",
    file: str | None = None,
    outputs: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    **options: object,
) -> Pipeline:
    """Load an ONNX model behind transformers' interface: its options, its dicts, its nesting.

    Args:
        task: ``"text-classification"``, ``"token-classification"``, ``"question-answering"``,
            ``"feature-extraction"``, ``"fill-mask"``, ``"zero-shot-classification"``, ``"image-classification"``,
            ``"image-feature-extraction"``, or an alias; None: what the model says of itself, as for
            ``onnxhub.load("auto", ...)``.
        model: Hub id or local folder with an ONNX file; None: the task's default model.
        tokenizer: None, or the model again: the tokenizer is that of the model's repository.
        revision: Branch, tag or commit hash.
        token: A Hub token.
        device: ``-1``, ``"cpu"``; ``0``, ``"cuda"``, ``"cuda:1"``, or a ``torch.device``. Default: the CPU.
        provider: Instead of ``device``: an execution provider, or several, as for ``onnxhub.load``.
        dtype: The precision of the file, as for ``onnxhub.load``, or torch's name for it.
        file: An exact ``.onnx`` file of the repository, instead of ``dtype``.
        outputs: What the graph calls the outputs of the task, as for ``onnxhub.load``.
        batch_size: Inputs of a generator that are read at once. Batches are planned by tokens, and results do not
            depend on them.
        **options: The task's own options, as defaults for the call; see the ``__call__`` of its class. Those of
            transformers' constructor are taken where they ask for nothing: ``torch_dtype`` (the older name of ``dtype``),
            ``device_map=None``, ``framework="pt"``, ``trust_remote_code=False``, ``use_fast=True``; and of ``model_kwargs``
            a dtype, ``cache_dir`` and ``local_files_only``.

    Returns:
        The task's pipeline.

    Raises:
        UnknownTaskError: no such task.
        UnclearTaskError: no task was named, and the model does not say what it is for.
        InvalidOptionError: an option that the task does not have, or a value that it cannot have.
        OnnxHubError: the model cannot be loaded; see ``onnxhub.load``.

    Examples:
        >>> pipe = onnxhub.pipeline("text-classification", "models/sentiment", top_k=None)
        >>> [entry["label"] for entry in pipe(["Quite easy!"])[0]]
        ['POSITIVE', 'NEGATIVE']
    """
    options = drop_neutral(options)
    loading: dict[str, Any] = {
        **read_model_kwargs(options),
        "provider": read_provider(device, provider),
        "revision": revision,
        "dtype": read_dtype(dtype, options),
        "file": file,
        "outputs": outputs,
    }
    row = get_task(task) if task is not None else infer_task(model, token=token, **loading)
    if row.name not in PIPELINES:
        raise explain_task(task or row.name, row, model, tuple(PIPELINES))
    kind = PIPELINES[row.name]
    kind.check(options)
    check_repositories(row, model, tokenizer)
    loaded: Model[Any, Any, Any] = load(row.name, model, token=token, postprocessor=kind.loaded_with, **loading)
    return kind(loaded, options, batch_size)


publish(globals(), "pipeline")
