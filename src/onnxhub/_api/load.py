"""``load``: one function for every task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

from onnxhub._api.arguments import explain_arguments
from onnxhub._loading.request import LoadRequest
from onnxhub._process.public import publish

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._calls.model import Model
    from onnxhub._calls.own_postprocessor import PostprocessorOf
    from onnxhub._contracts.registry import Task

    ModelId: TypeAlias = str | os.PathLike[str] | None
    Provider: TypeAlias = str | Sequence[str]

# faces: begin types (make faces)
if TYPE_CHECKING:
    from onnxhub.tasks.feature_extraction import FeatureExtractionModel
    from onnxhub.tasks.fill_mask import FillMaskModel, MaskFill
    from onnxhub.tasks.image_classification import ImageClassificationModel
    from onnxhub.tasks.image_feature_extraction import ImageFeatureExtractionModel
    from onnxhub.tasks.multiple_choice import Choice, MultipleChoiceModel
    from onnxhub.tasks.question_answering import Answer, QuestionAnsweringModel
    from onnxhub.tasks.results import Classification
    from onnxhub.tasks.sparse_feature_extraction import SparseEmbedding, SparseFeatureExtractionModel
    from onnxhub.tasks.text_classification import TextClassificationModel
    from onnxhub.tasks.text_ranking import Ranked, TextRankingModel
    from onnxhub.tasks.token_classification import Entity, TokenClassificationModel
    from onnxhub.tasks.zero_shot_classification import ZeroShotClassificationModel
# faces: end types

__all__ = ["load"]

ResultT = TypeVar("ResultT")
ModelT = TypeVar("ModelT", bound="Model[Any, Any, Any]")


class LoadOptions(TypedDict, Generic[ResultT], total=False):
    """The keyword options of ``load``, for its overloads; a postprocessor with results of its own fits the last alone."""

    postprocessor: PostprocessorOf[ResultT] | None
    dtype: str
    file: str | Mapping[str, str] | None
    outputs: Mapping[str, str] | None
    revision: str | None
    compiled: bool | Literal["auto"]
    threads: int | None
    batch_tokens: int | None
    provider_options: Mapping[str, str | int | bool] | None
    session_options: Mapping[str, str | int | bool] | None
    token: str | bool | None
    cache_dir: str | os.PathLike[str] | None
    local_files_only: bool
    refresh: bool
    export: bool | Literal["auto"]
    allow_pickle: bool


# faces: begin overloads (make faces)
@overload
def load(
    task: Literal["feature-extraction", "embeddings", "sentence-similarity"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[NDArray[np.float32]]],
) -> FeatureExtractionModel: ...
@overload
def load(
    task: Literal["fill-mask", "masked-lm"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[list[list[MaskFill]]]],
) -> FillMaskModel: ...
@overload
def load(
    task: Literal["image-classification"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[Classification]],
) -> ImageClassificationModel: ...
@overload
def load(
    task: Literal["image-feature-extraction", "image-embeddings"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[NDArray[np.float32]]],
) -> ImageFeatureExtractionModel: ...
@overload
def load(
    task: Literal["multiple-choice"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[Choice]],
) -> MultipleChoiceModel: ...
@overload
def load(
    task: Literal["question-answering"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[Answer]],
) -> QuestionAnsweringModel: ...
@overload
def load(
    task: Literal["sparse-feature-extraction", "sparse-embeddings", "splade"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[SparseEmbedding]],
) -> SparseFeatureExtractionModel: ...
@overload
def load(
    task: Literal["text-classification", "sentiment-analysis", "sequence-classification"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[Classification]],
) -> TextClassificationModel: ...
@overload
def load(
    task: Literal["text-ranking", "rerank", "reranking"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[list[Ranked]]],
) -> TextRankingModel: ...
@overload
def load(
    task: Literal["token-classification", "ner"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[list[Entity]]],
) -> TokenClassificationModel: ...
@overload
def load(
    task: Literal["zero-shot-classification", "zero-shot"],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[Classification]],
) -> ZeroShotClassificationModel: ...
# faces: end overloads
@overload
def load(
    task: Task[ModelT], model_id: ModelId = ..., provider: Provider = ..., **options: Unpack[LoadOptions[Any]]
) -> ModelT: ...
@overload
def load(
    task: Literal["auto"], model_id: ModelId = ..., provider: Provider = ..., **options: Unpack[LoadOptions[Any]]
) -> Model[Any, Any, Any]: ...
@overload
def load(task: str, model_id: ModelId = ..., provider: Provider = ..., **options: Unpack[LoadOptions[Any]]) -> Any: ...
@explain_arguments
def load(
    task: str | Task[Any],
    model_id: str | os.PathLike[str] | None = None,
    provider: str | Sequence[str] = "cpu",
    *,
    postprocessor: PostprocessorOf[Any] | None = None,
    dtype: str = "auto",
    file: str | Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    revision: str | None = None,
    compiled: bool | Literal["auto"] = "auto",
    threads: int | None = None,
    batch_tokens: int | None = None,
    provider_options: Mapping[str, str | int | bool] | None = None,
    session_options: Mapping[str, str | int | bool] | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    refresh: bool = False,
    export: bool | Literal["auto"] = "auto",
    allow_pickle: bool = False,
) -> object:
    """Load an ONNX model of the Hugging Face Hub, or of a local folder, for a task.

    A model that was loaded before needs no network; ``refresh`` asks for what is new.

    Args:
        task: The name or alias of a task (``"text-classification"``, ``"ner"``, ...), or a ``Task`` object; ``"auto"``
            leaves it to what the model says of itself (``model.info.task_reason`` tells what that was).
        model_id: Hub id or local folder; None takes the task's default model.
        provider: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"tensorrt"``, ``"openvino"``, ... or ONNX Runtime's full
            name. One name is strict: if it cannot run, that is an error. A sequence in order of preference, or
            ``"auto"``, is how to allow a fall-back.
        postprocessor: A subclass of the task's postprocessor (built from the model), one with values for some of its
            fields (``functools.partial(Calibrated, temperature=2.0)``), or an instance (used as it is).
        dtype: The precision of the file: ``"fp32"``, ``"fp16"``, ``"q8"``, ``"int8"``, ``"q4"``, ... ``"auto"`` is
            fp32 where the repository has it (fp16 on a GPU), else its only variant. int8, uint8, q8 and fp16 are made of the
            fp32 file, once, where the repository lacks them and the tools (the package onnx) are installed.
        file: An exact ``.onnx`` file of the repository, instead of ``dtype``; of an encoder with its decoders, one for
            each part: ``{"encoder": "encoder.onnx", "decoder": "decoder.onnx"}``.
        outputs: What the graph calls the outputs of the task, where it has other names for them:
            ``{"sentence_embedding": "463"}``.
        revision: Branch, tag or commit hash; default ``main``.
        compiled: Whether to run a compiled graph, which starts up to ten times as fast and whose weights processes
            share. ``"auto"`` compiles on the first load where the disk has room, for models of 1 MiB and more on the
            CPU; True waits for it, too; False leaves it. The environment variable ``ONNXHUB_COMPILED`` (0 or 1) stands
            for "auto".
        threads: Threads within an operator, which is all that a call then uses; None: all cores that this process may
            use, for one batch at a time, or, with small or dynamically quantised models, for a batch on each core.
        batch_tokens: The most tokens of a batch, padding included; None: 1,024 on the CPU, 16,384 elsewhere. Models with
            dynamic quantisation always run each text by itself.
        provider_options: Options of the provider, as ONNX Runtime documents them.
        session_options: Attributes and configuration entries of ``onnxruntime.SessionOptions``.
        token: A Hub token for a private or gated repository; None: the one that is stored, if any.
        cache_dir: The Hub cache; None: huggingface_hub's own.
        local_files_only: Never use the network.
        refresh: Ask the Hub for the newest commit of the revision.
        export: ``"auto"`` has optimum convert a model that has no ONNX file, in a child process, and keeps what was made
            for the next load; True converts it anew, even if it has one; False never does, and never makes a variant.
        allow_pickle: Let weights be converted that are pickles (``.bin``), which can run code.

    Returns:
        The task's Model: call it with an input, or with a list of them.

    Raises:
        UnknownTaskError: no such task.
        UnclearTaskError: ``"auto"``, and the model does not say what it is for.
        ModelNotFoundError, NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: no such model or file.
        GatedModelError, OfflineError: the Hub does not give it.
        IntegrityError, UnsafeModelError: a file is damaged, or not safe to load.
        ExportError, MissingDependencyError: it has no ONNX file, and cannot be converted, or not by what is installed.
        ProviderUnavailableError: the provider cannot run here.
        TaskMismatchError: the model is not one for this task.

    Examples:
        >>> model = onnxhub.load("text-classification", "models/sentiment")
        >>> model("Quite easy!").label
        'POSITIVE'
    """
    request = LoadRequest(
        task=task,
        model_id=model_id,
        provider=provider,
        postprocessor=postprocessor,
        dtype=dtype,
        file=file,
        outputs=outputs,
        revision=revision,
        compiled=compiled,
        threads=threads,
        batch_tokens=batch_tokens,
        provider_options=provider_options,
        session_options=session_options,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        export=export,
        allow_pickle=allow_pickle,
    )
    return request.load(token=token, refresh=refresh, anew=export is True)


publish(globals(), "load")
