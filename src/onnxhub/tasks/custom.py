"""custom: arrays in by the names of the graph's inputs, arrays out by the names of its outputs; for every other task too.

Whatever optimum has an ORTModelForXXX for, and has no file here yet, is loaded this way under its own name: what goes in
and comes out is the graph's business, and ``model.ort_model`` is optimum's class for the task, over the same sessions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._calls.runners import Runner
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._toolkit.label_names import labels_of
from onnxhub.errors import (
    IndexedError,
    InvalidInputError,
    InvalidOptionError,
    TaskMismatchError,
    UnknownOptionError,
    listing,
    nearest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from onnxhub._calls.monitor import CallMonitor
    from onnxhub._contracts.info import ModelInfo
    from onnxhub._contracts.protocols import Backend, Column, GraphInput, ListOf, Outputs

__all__ = ["PROCESSORS", "ArraysItem", "ArraysModel", "ArraysPostprocessor", "suggest_pipeline"]

PROCESSORS: Final[Mapping[str, tuple[str, ...]]] = {
    "audio-classification": ("feature_extractor",),
    "automatic-speech-recognition": ("tokenizer", "feature_extractor"),
    "image-classification": ("image_processor",),
    "image-segmentation": ("image_processor",),
    "image-to-image": ("image_processor",),
    "image-to-text": ("tokenizer", "image_processor"),
    "summarization": ("tokenizer",),
    "text-generation": ("tokenizer",),
    "text2text-generation": ("tokenizer",),
    "translation": ("tokenizer",),
    "zero-shot-image-classification": ("tokenizer", "image_processor"),
}
"""Pipeline of transformers -> what it is given beside a model that is an object."""
GENERATING: Final = frozenset(
    {"automatic-speech-recognition", "image-to-text", "text-generation", "text2text-generation"}
)
"""Tasks whose models are run in a loop, by transformers' ``generate``."""
WRITTEN: Final[Mapping[str, str]] = {"audio": "sound", "image": "images", "text": "texts"}
NUMERIC: Final = frozenset("biufc")
"""Kinds of NumPy's dtypes that are numbers."""

if TYPE_CHECKING:
    Modality: TypeAlias = Literal["text", "image", "audio", "arrays"]
    Given: TypeAlias = Mapping[str, ArrayLike]
    Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, eq=False)
class ArraysItem:
    """What the graph was given."""

    inputs: Arrays
    """Graph input name -> array, as the graph takes it."""

    @property
    def rows(self) -> int:
        """Always one: the graph's outputs are its result, whatever their axes mean."""
        return 1


@dataclass(frozen=True)
class ArraysPreprocessor(Preprocessor["Given", ArraysItem]):
    """Mappings of arrays, checked against what the graph declares."""

    parts: Mapping[str, Mapping[str, GraphInput]]
    """Part of the model -> what its graph wants."""
    part: str
    """The part that runs."""
    advice: str = ""
    """What else takes the texts, images or sounds that the task is about; the end of an error."""

    def __post_init__(self) -> None:
        if self.part not in self.parts:
            known = tuple(self.parts)
            raise InvalidOptionError("part", self.part, f"one of {', '.join(map(repr, known))}", known)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the declarations of the model's graphs."""
        # A canned model has no session, and says the same of any part.
        parts = {part: backend.inputs(part) for part in backend.sessions or ("model",)}
        return cls(parts, next(iter(parts)))

    def __call__(self, inputs: Sequence[Given]) -> list[Prepared[ArraysItem]]:
        """Prepare one row an input, as it is."""
        checked = [self._check(value, index) for index, value in enumerate(inputs)]
        return [Prepared([arrays], ArraysItem(arrays)) for arrays in checked]

    def as_many(self, inputs: object) -> Sequence[object] | None:
        """Return the mappings of a list or a column, or None of one input, which an array of numbers is meant to be."""
        return None if _is_numeric(inputs) else super().as_many(inputs)

    def _check(self, value: object, index: int) -> Arrays:
        declared = self.parts[self.part]
        if not isinstance(value, Mapping):
            msg = f"expected a mapping of {listing(declared)} to arrays, got {_describe(value)}"
            raise InvalidInputError(f"{msg}; {self.advice}" if self.advice else msg, index)
        unknown = next((name for name in value if name not in declared), None)
        if unknown is not None:
            msg = f"the graph has no input {unknown!r}{nearest(unknown, declared)}; it has: {listing(declared)}"
            raise InvalidInputError(msg, index)
        missing = [f"{name} ({wanted})" for name, wanted in declared.items() if name not in value]
        if missing:
            msg = f"the graph also wants {'; '.join(missing)}"
            raise InvalidInputError(msg, index)
        return {name: _fit(name, value[name], wanted, index) for name, wanted in declared.items()}


@dataclass(frozen=True)
class ArraysPostprocessor(Postprocessor[ArraysItem, "Arrays"]):
    """A graph's outputs as they are, in its own dtypes.

    To make something else of them, subclass ``onnxhub.Postprocessor[onnxhub.ArraysItem, Mine]``: its ``decode`` gets
    the same arrays, and an item that holds what the graph was given.
    """

    item: ClassVar[type[Item] | None] = ArraysItem

    def decode(self, rows: Outputs, item: ArraysItem) -> Arrays:
        """Return the outputs."""
        del item
        return rows


@dataclass(frozen=True)
class LabelledPostprocessor(ArraysPostprocessor):
    """The same of a model whose configuration names what its logits are for."""

    axis: ClassVar[int] = -1
    """The axis of the logits that the labels are for."""
    labels: tuple[str, ...] = ()
    """In the order of the logits; empty where the configuration does not name them, or names another number."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the names of ``id2label``, for ``model.info.labels``."""
        if not backend.config.get("id2label"):
            return cls()
        try:
            labels = labels_of(backend)
        except TaskMismatchError:  # the arrays are right whatever the names are
            return cls()
        shape = backend.output_shapes.get("logits", ())
        size = shape[cls.axis] if len(shape) > abs(cls.axis) else None
        return cls(labels if size in (None, len(labels)) else ())


@dataclass(frozen=True)
class LabelledMapPostprocessor(LabelledPostprocessor):
    """The same of maps: labels are the second axis, before height and width."""

    axis: ClassVar[int] = 1


class AsGiven(Runner):
    """Runs the graph on each input as it was given, one after another: arrays have no axis of rows that could be joined."""

    __slots__ = ()

    def __call__(
        self, prepared: Iterable[Prepared[ArraysItem] | IndexedError], monitor: CallMonitor | None
    ) -> Iterator[tuple[int, Any]]:
        """Yield each input's position and result, or error, in order."""
        for number, entry in enumerate(prepared):
            if isinstance(entry, IndexedError):
                if monitor is not None:
                    monitor.count(1, 0)
                yield number, entry
                continue
            try:
                yield number, self.run_alone(entry, monitor)
            except IndexedError as error:
                yield number, error

    def run_alone(self, prepared: Prepared[ArraysItem], monitor: CallMonitor | None) -> Any:
        """Return the outputs of one input, or what the postprocessor makes of them."""
        if monitor is not None:
            monitor.count(1, 0)
        part = self.preprocessor.part if isinstance(self.preprocessor, ArraysPreprocessor) else ""
        outputs: Any = self.backend.arrays(part, prepared.rows[0])
        if prepared.finish is not None:
            return prepared.finish(outputs)
        # Not as other postprocessors are called: these arrays have no axis of rows, and keep their dtypes.
        return self.postprocessor.decode(outputs, prepared.item)


class ArraysOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    part: str | EllipsisType


class ArraysModel(Model["Given", "Arrays", "list[Arrays]"]):
    """A graph, called with its own inputs: ``model({"pixel_values": pixels})["logits"]``."""

    runner: ClassVar[type[Runner]] = AsGiven

    def __init__(
        self,
        task: Task[Self],
        backend: Backend,
        *,
        preprocessor: Preprocessor[Given, Any],
        postprocessor: Postprocessor[Any, Arrays],
        info: ModelInfo,
        reload: Callable[[], Self] | None = None,
    ) -> None:
        """Put a model together from its finished parts; ``load`` does this."""
        if isinstance(preprocessor, ArraysPreprocessor):
            preprocessor = replace(preprocessor, advice=_advise(task, backend.model_id))
        super().__init__(
            task, backend, preprocessor=preprocessor, postprocessor=postprocessor, info=info, reload=reload
        )

    @overload
    def __call__(self, inputs: Given, **options: Unpack[ArraysOptions]) -> Arrays: ...
    @overload
    def __call__(self, inputs: ListOf[Given] | Column, **options: Unpack[ArraysOptions]) -> list[Arrays]: ...
    def __call__(self, inputs: object, **options: Unpack[ArraysOptions]) -> object:
        """Run the graph on a mapping of arrays, or on each mapping of a list.

        Args:
            inputs: Graph input name -> array, with all its axes; numbers become the graph's own kind of integers, if
                they fit, or are rounded to its floats; anything else must fit as it is. Each mapping is one run.
            part: Of a model in several files (``model.sessions`` names them), the one that runs; default: the first.

        Returns:
            Graph output name -> array, in the graph's own dtype.

        Raises:
            InvalidInputError: an input is missing, unknown, or of a wrong dtype or shape; with the index.
        """
        return self.call_with(inputs, options)

    def with_options(self, **options: Unpack[ArraysOptions]) -> Self:
        """Another model over the same sessions with this default; ``...`` leaves it as it is."""
        return self.copy_with(options)

    def copy_with(self, options: Mapping[str, object]) -> Self:
        """Return this model with other values of some options.

        Raises:
            UnknownOptionError: There is no such option; the message says where those of generating go.
        """
        try:
            return super().copy_with(options)
        except UnknownOptionError as error:
            expected = f"{error.expected}; {_advise(self.task, self.info.model_id)}"
            raise replace(error, expected=expected) from None

    if not TYPE_CHECKING:  # else no checker would find an attribute that is not there

        def __getattr__(self, name: str) -> Any:
            """Say where the methods of transformers' models are, such as ``generate``."""
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # a property, which raises its own error again
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            # Without its parts it is a copy that is being made.
            if name.startswith("_") or "task" not in vars(self):
                raise AttributeError(msg, name=name, obj=self)
            instead = (
                f"model.ort_model.{name}, of optimum's {self.task.ort_class_of(self.backend.config)}, if it has that"
            )
            raise AttributeError(f"{msg}; {instead}; {_advise(self.task, self.info.model_id)}", name=name, obj=self)

    def _run_rows(self, inputs: object) -> Outputs:
        """Refuse ``outputs``: the call itself gives the graph's outputs."""
        del inputs
        msg = "call the model itself: what it returns are the graph's outputs"
        raise InvalidInputError(msg)


def suggest_pipeline(name: str, model_id: str) -> str:
    """Return the line of transformers that makes a pipeline of a model over arrays; empty where it has none.

    Args:
        name: The pipeline, as transformers calls it.
        model_id: The repository or folder with the tokenizer and what else the pipeline reads.
    """
    if name not in PROCESSORS:
        return ""
    parts = "".join(f", {part}={model_id!r}" for part in PROCESSORS[name])
    return f"transformers.pipeline({name!r}, model=model.ort_model{parts})"


def _advise(task: Task[Any], model_id: str) -> str:
    """Return what takes the texts, images or sounds of a task that has arrays alone here."""
    if not task.raw:
        return ""
    if task.modality == "arrays":
        return "'custom' is arrays in and out; under its own task's name, or 'auto', a model takes what the task does"
    made = suggest_pipeline(task.name, model_id)
    looped = ", or model.ort_model.generate(...) on their tensors" if task.name in GENERATING else ""
    instead = f"{WRITTEN[task.modality]} go to {made}{looped}" if made else "model.ort_model is optimum's class for it"
    return f"{task.name} is arrays in and out here: {instead} (pip install 'onnxhub[optimum]'; docs/tasks/custom.md)"


def _describe(value: object) -> str:
    """Return the type of what is no mapping, and of an array its shape and what to do with it."""
    if not _is_numeric(value):
        return type(value).__name__
    shape = tuple(getattr(value, "shape", ()))
    return f"{type(value).__name__} of shape {shape}, which goes in by its name: {{'name': array}}"


def _is_numeric(value: object) -> bool:
    """Return whether it is an array, a column or a tensor of numbers; an empty one is not."""
    dtype = getattr(value, "dtype", None)
    is_number = getattr(dtype, "kind", None) in NUMERIC or str(dtype).startswith("torch.")
    return is_number and 0 not in getattr(value, "shape", ())


def _fit(name: str, value: ArrayLike, wanted: GraphInput, index: int) -> NDArray[np.generic]:
    """Return the value as the graph takes it."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        msg = f"{name} is no array: {error}"
        raise InvalidInputError(msg, index) from error
    problem = _dtype_problem(array, wanted) or _shape_problem(array, wanted)
    if problem:
        msg = f"{name} {problem}; the graph wants {wanted}"
        raise InvalidInputError(msg, index)
    cast = array if wanted.dtype is None else array.astype(wanted.dtype, copy=False)
    if cast.dtype.kind in "iu" and not np.array_equal(cast, array):  # NumPy would keep the low bits
        msg = f"{name} has numbers from {array.min()} to {array.max()}, which do not all fit; the graph wants {wanted}"
        raise InvalidInputError(msg, index)
    return cast


def _dtype_problem(array: NDArray[np.generic], wanted: GraphInput) -> str:
    # "same_kind" lets a float64 be rounded to a float32, and no float become an integer.
    if wanted.dtype is None or np.can_cast(array.dtype, wanted.dtype, "same_kind"):
        return ""
    return f"is {array.dtype}, which does not become {wanted.dtype} without loss"


def _shape_problem(array: NDArray[np.generic], wanted: GraphInput) -> str:
    if not wanted.shape:  # of any array, the graph does not say
        return ""
    if array.ndim != len(wanted.shape):
        return f"has {array.ndim} axes, shape {array.shape}"
    fixed = zip(array.shape, wanted.shape, strict=True)
    return f"has shape {array.shape}" if any(isinstance(want, int) and want != size for size, want in fixed) else ""


def _raw(
    name: str,
    modality: Modality,
    summary: str,
    ort_class: str,
    *aliases: str,
    architectures: str = "",
    postprocessor: type[ArraysPostprocessor] = ArraysPostprocessor,
    **by_architecture: str,
) -> Task[ArraysModel]:
    """Make a row; ``architectures`` are the endings of the names of its architectures, with spaces between."""
    return Task(
        name=name,
        aliases=aliases,
        modality=modality,
        summary=summary,
        inputs=("arrays",),
        options=ArraysOptions,
        result=Annotated[dict[str, np.ndarray], "arrays by name"],
        model=ArraysModel,
        preprocessor=ArraysPreprocessor,
        postprocessor=postprocessor,
        outputs=(),
        ort_class=ort_class,
        ort_classes=by_architecture,
        architectures=tuple(architectures.split()),
    )


TASK = _raw("custom", "arrays", "any graph: arrays in and out", "ORTModelForCustomTasks")
TASKS = (
    TASK,
    _raw(
        "text-generation",
        "text",
        "logits of the next token (arrays)",
        "ORTModelForCausalLM",
        "causal-lm",
        architectures="ForCausalLM LMHeadModel",
    ),
    _raw(
        "text2text-generation",
        "text",
        "encoder and decoder of texts (arrays)",
        "ORTModelForSeq2SeqLM",
        "seq2seq-lm",
        "summarization",
        "translation",
        architectures="T5WithLMHeadModel ForConditionalGeneration EncoderDecoderModel MTModel",
    ),
    _raw(
        "automatic-speech-recognition",
        "audio",
        "speech to tokens (arrays)",
        "ORTModelForSpeechSeq2Seq",
        "asr",
        "speech2seq-lm",
        "audio-ctc",
        ForCTC="ORTModelForCTC",
        architectures="ForSpeechSeq2Seq ForCTC WhisperForConditionalGeneration MoonshineForConditionalGeneration "
        "Speech2TextForConditionalGeneration SpeechEncoderDecoderModel",
    ),
    _raw(
        "audio-classification",
        "audio",
        "logits of labels for sound (arrays)",
        "ORTModelForAudioClassification",
        architectures="ForAudioClassification",
        postprocessor=LabelledPostprocessor,
    ),
    _raw(
        "audio-frame-classification",
        "audio",
        "logits for each frame of sound (arrays)",
        "ORTModelForAudioFrameClassification",
        architectures="ForAudioFrameClassification",
        postprocessor=LabelledPostprocessor,
    ),
    _raw(
        "audio-xvector",
        "audio",
        "a vector for a speaker (arrays)",
        "ORTModelForAudioXVector",
        architectures="ForXVector",
    ),
    _raw(
        "image-segmentation",
        "image",
        "a map of labels (arrays)",
        "ORTModelForSemanticSegmentation",
        "semantic-segmentation",
        architectures="ForSemanticSegmentation",
        postprocessor=LabelledMapPostprocessor,
    ),
    _raw(
        "image-to-image",
        "image",
        "an image from an image (arrays)",
        "ORTModelForImageToImage",
        architectures="ForImageSuperResolution",
    ),
    _raw(
        "image-to-text",
        "image",
        "encoder and decoder from image to text (arrays)",
        "ORTModelForVision2Seq",
        "vision2seq-lm",
        Pix2StructForConditionalGeneration="ORTModelForPix2Struct",
        architectures="VisionEncoderDecoderModel Pix2StructForConditionalGeneration",
    ),
    _raw(
        "zero-shot-image-classification",
        "image",
        "an image against texts (arrays)",
        "ORTModelForZeroShotImageClassification",
        architectures="CLIPModel SiglipModel",
    ),
)


publish(globals(), "ArraysItem", "ArraysModel", "ArraysPostprocessor")
