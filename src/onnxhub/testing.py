"""For tests of postprocessors, and of tasks that other packages bring: a model without files, and what holds for every task."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, cast, overload

import numpy as np

from onnxhub import builtin
from onnxhub._calls.lanes import Lanes
from onnxhub._calls.neighbours import Neighbours
from onnxhub._calls.own_postprocessor import check_postprocessor
from onnxhub._contracts.info import ModelInfo
from onnxhub._contracts.protocols import GraphInput
from onnxhub._contracts.registry import Task, get_task
from onnxhub._loading.build import build_model
from onnxhub._workshop.task_contract import check_contract
from onnxhub.errors import InvalidInputError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from onnxhub._calls.model import Model
    from onnxhub._calls.own_postprocessor import AnyPostprocessor, PostprocessorOf
    from onnxhub._contracts.foreign import InferenceSession
    from onnxhub._contracts.protocols import Features, ImageProcessor, Outputs

    Canned: TypeAlias = Mapping[str, ArrayLike] | Callable[[Features], Mapping[str, ArrayLike]]

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

__all__ = ["CannedBackend", "CannedTokenizer", "CannedTokens", "check_task", "copy_examples"]

CLS, SEP, MASK = 0, 1, 2
CANNED = ModelInfo(
    task="",
    model_id="",
    labels=(),
    max_length=None,
    task_reason="it was asked for",
    revision=None,
    file="",
    reason="canned",
    dtype="fp32",
    provider="canned",
    compiled=False,
)

ModelT = TypeVar("ModelT", bound="Model[Any, Any, Any]")


@dataclass(frozen=True, eq=False)
class CannedTokens:
    """Words as tokens: ``[CLS] first [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""

    ids: NDArray[np.int64]
    type_ids: NDArray[np.int64]
    sequences: NDArray[np.int8]
    words: NDArray[np.int32]
    offsets: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class CannedTokenizer:
    """Splits at spaces; a word's id is the order in which it was first seen, from 3; ``[MASK]`` is a mask, with id 2."""

    max_length: int | None = None
    vocabulary: dict[str, int] = field(default_factory=lambda: {"[CLS]": CLS, "[SEP]": SEP, "[MASK]": MASK})
    padding_side: str = "right"
    truncation_side: str = "right"
    has_offsets: bool = True
    marks_subwords: bool = False
    cls_token_id: int | None = CLS
    unk_token_id: int | None = None
    mask_token_id: int | None = MASK
    pad_token_id: int | None = None
    padding: Mapping[str, int] = field(default_factory=dict)

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = True
    ) -> list[CannedTokens]:
        """Tokenise texts, or pairs of texts."""
        del offsets  # which cost nothing here
        seconds: Sequence[str | None] = [None] * len(texts) if pairs is None else pairs
        return [self._encode(text, pair) for text, pair in zip(texts, seconds, strict=True)]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the words of ids."""
        words = dict(enumerate(self.vocabulary))
        return [words.get(index, "") for index in ids]

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """Return the ids of words that were seen before."""
        return [self.vocabulary.get(token) for token in tokens]

    def join(self, tokens: Sequence[str]) -> str:
        """Return words with spaces between them."""
        return " ".join(tokens)

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Return the words of ids, with spaces between them."""
        return self.join(self.tokens([index for index in ids if index > MASK or not skip_special]))

    def _encode(self, first: str, second: str | None) -> CannedTokens:
        rows = [(CLS, 0, -1, -1, (0, 0))]
        for sequence, text in enumerate((first,) if second is None else (first, second)):
            end = 0
            for word, piece in enumerate(text.split()):
                start = text.index(piece, end)
                end = start + len(piece)
                number = self.vocabulary.setdefault(piece, len(self.vocabulary))
                rows.append((number, sequence, sequence, word, (start, end)))
            rows.append((SEP, sequence, -1, -1, (0, 0)))
        ids, type_ids, sequences, words, offsets = zip(*rows, strict=True)
        return CannedTokens(
            np.array(ids, np.int64),
            np.array(type_ids, np.int64),
            np.array(sequences, np.int8),
            np.array(words, np.int32),
            np.array(offsets, np.int32),
        )


@dataclass(frozen=True, eq=False)
class CannedBackend:
    """The outside world of a model, with outputs that were written down.

    ``outputs`` are those of one row, given to every row; or a function of the batch's inputs, for outputs that depend
    on them (``tokenizer.vocabulary`` tells the ids of words).

    A model whose graph takes ``input_ids`` has a tokenizer, any other has none unless it is given one: ``input_names``
    says what the graph takes.

    Examples:
        >>> from onnxhub.testing import CannedBackend
        >>> model = CannedBackend({"logits": [0.0, 2.0]}, labels=("NEG", "POS")).load("text-classification")
        >>> model("anything")
        Classification(label='POS', score=0.8808)
    """

    outputs: Canned
    labels: Sequence[str] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    input_names: tuple[str, ...] = ("input_ids", "attention_mask")
    tokenizer: CannedTokenizer = field(default=cast("CannedTokenizer", None), repr=False)
    """What texts are tokenised by; a model that has none raises ``TaskMismatchError`` where it is asked for."""
    files: Mapping[str, object] = field(default_factory=dict)
    """Files of the repository, by name: what a JSON file holds, or the text of any other."""
    model_id: str = "canned"
    batch_tokens: int = 1024
    lanes: Lanes = field(default_factory=Lanes, repr=False)

    row: Features = field(default_factory=dict, repr=False)
    """One row as the graph takes it, to ask a function for the shapes of its outputs; needed where there is no tokenizer."""

    def __post_init__(self) -> None:
        if self.__dict__["tokenizer"] is None:
            object.__setattr__(self, "tokenizer", CannedTokenizer() if "input_ids" in self.input_names else None)
        if self.labels:
            by_index = dict(enumerate(self.labels))
            object.__setattr__(self, "config", {"id2label": by_index, **self.config})

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name == "tokenizer" and value is None:
            raise TaskMismatchError(
                self.model_id, "text", ("its graph takes no input_ids, and it was given no tokenizer",)
            )
        return value

    @property
    def output_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """The outputs of a batch of one, as if all axes were dynamic."""
        row = self.row or dict.fromkeys(self.input_names, np.zeros(1, np.int64))
        if not self.row and self.__dict__["tokenizer"] is not None:
            row = dict.fromkeys(self.input_names, self.tokenizer.encode(["a"])[0].ids)
        outputs = self.run({name: values[np.newaxis] for name, values in row.items()}, ())
        return {name: (None,) * values.ndim for name, values in outputs.items()}

    def kind(self, row: Features) -> int:
        """Return the same for all rows."""
        del row
        return 0

    def neighbours(self, outputs: tuple[str, ...]) -> Neighbours:
        """Return what measures nothing: rows share any batch."""
        del outputs
        return Neighbours()

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """Return the canned outputs of a batch; all of them if none are named."""
        del beside
        if callable(self.outputs):
            found = {name: np.asarray(values, np.float32) for name, values in self.outputs(features).items()}
        else:
            size = len(next(iter(features.values())))
            found = {name: np.stack([np.asarray(values, np.float32)] * size) for name, values in self.outputs.items()}
        return {name: found[name] for name in outputs or found}

    def inputs(self, role: str) -> Mapping[str, GraphInput]:
        """Return the inputs, as if any array would do."""
        del role
        return {name: GraphInput(None, (None, None)) for name in self.input_names}

    def arrays(self, role: str, features: Features) -> Mapping[str, NDArray[np.generic]]:
        """Return the canned outputs."""
        del role
        return self.run(features, ())

    @property
    def image_processor(self) -> ImageProcessor:
        """What ``preprocessor_config.json``, one of ``files``, makes of images."""
        from onnxhub._backend.inputs.images import load_image_processor

        return load_image_processor(self)

    def json(self, name: str) -> Mapping[str, object] | None:
        """Return one of ``files``."""
        found = self.files.get(name)
        return found if isinstance(found, Mapping) else None

    def json_list(self, name: str) -> Sequence[object] | None:
        """Return one of ``files``."""
        found = self.files.get(name)
        return found if isinstance(found, list) else None

    def text(self, name: str) -> str | None:
        """One of ``files``."""
        found = self.files.get(name)
        return found if isinstance(found, str) else None

    def weights(self, name: str) -> Mapping[str, NDArray[np.float32]] | None:
        """Return None: canned models have no weights."""
        del name
        return None

    @property
    def sessions(self) -> Mapping[str, InferenceSession]:
        """None: canned models have no session."""
        return {}

    def ort_model(self, class_name: str) -> NoReturn:
        """Raise ``InvalidInputError``: canned models have no session."""
        msg = f"canned models have no session, which {class_name} would need; load a model from files"
        raise InvalidInputError(msg)

    def close(self) -> None:
        """Nothing to free."""

    # faces: begin overloads (make faces)
    @overload
    def load(
        self,
        task: Literal["feature-extraction", "embeddings", "sentence-similarity"],
        *,
        postprocessor: PostprocessorOf[NDArray[np.float32]] | None = ...,
    ) -> FeatureExtractionModel: ...
    @overload
    def load(
        self,
        task: Literal["fill-mask", "masked-lm"],
        *,
        postprocessor: PostprocessorOf[list[list[MaskFill]]] | None = ...,
    ) -> FillMaskModel: ...
    @overload
    def load(
        self,
        task: Literal["image-classification"],
        *,
        postprocessor: PostprocessorOf[Classification] | None = ...,
    ) -> ImageClassificationModel: ...
    @overload
    def load(
        self,
        task: Literal["image-feature-extraction", "image-embeddings"],
        *,
        postprocessor: PostprocessorOf[NDArray[np.float32]] | None = ...,
    ) -> ImageFeatureExtractionModel: ...
    @overload
    def load(
        self,
        task: Literal["multiple-choice"],
        *,
        postprocessor: PostprocessorOf[Choice] | None = ...,
    ) -> MultipleChoiceModel: ...
    @overload
    def load(
        self,
        task: Literal["question-answering"],
        *,
        postprocessor: PostprocessorOf[Answer] | None = ...,
    ) -> QuestionAnsweringModel: ...
    @overload
    def load(
        self,
        task: Literal["sparse-feature-extraction", "sparse-embeddings", "splade"],
        *,
        postprocessor: PostprocessorOf[SparseEmbedding] | None = ...,
    ) -> SparseFeatureExtractionModel: ...
    @overload
    def load(
        self,
        task: Literal["text-classification", "sentiment-analysis", "sequence-classification"],
        *,
        postprocessor: PostprocessorOf[Classification] | None = ...,
    ) -> TextClassificationModel: ...
    @overload
    def load(
        self,
        task: Literal["text-ranking", "rerank", "reranking"],
        *,
        postprocessor: PostprocessorOf[list[Ranked]] | None = ...,
    ) -> TextRankingModel: ...
    @overload
    def load(
        self,
        task: Literal["token-classification", "ner"],
        *,
        postprocessor: PostprocessorOf[list[Entity]] | None = ...,
    ) -> TokenClassificationModel: ...
    @overload
    def load(
        self,
        task: Literal["zero-shot-classification", "zero-shot"],
        *,
        postprocessor: PostprocessorOf[Classification] | None = ...,
    ) -> ZeroShotClassificationModel: ...
    # faces: end overloads
    @overload
    def load(self, task: Task[ModelT], *, postprocessor: AnyPostprocessor | None = ...) -> ModelT: ...
    @overload
    def load(self, task: str, *, postprocessor: AnyPostprocessor | None = ...) -> Any: ...
    def load(self, task: str | Task[Any], *, postprocessor: AnyPostprocessor | None = None) -> object:
        """Load a model of a task over the canned outputs.

        Args:
            task: The name of a task or an alias, or a Task.
            postprocessor: In place of the task's own, as ``onnxhub.load`` takes it.
        """
        row = get_task(task) if isinstance(task, str) else task
        check_postprocessor(row, postprocessor)
        return build_model(row, self, CANNED, postprocessor=postprocessor)


def check_task(
    task: str | Task[Any],
    *,
    model: Model[Any, Any, Any],
    inputs: Sequence[Any],
    bad_input: object = None,
    options: Mapping[str, object] | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Check that a task holds what onnxhub promises of every task, as the built-in ones do; needs no test runner.

    Lists, columns, streams, asyncio and threads give what each input gives alone, whatever it shares a batch with; an
    input that cannot be used is an error with its index, and takes no other along; results are ready for JSON, by
    ``to_dict`` or as plain dataclasses; options and pickles are the same model; the parts of the task fit together.

    Args:
        task: The name of a task, or a Task.
        model: A loaded model of it; one from files says most.
        inputs: Two or more inputs that give different results, of different lengths or sizes if the task takes such.
        bad_input: Something that is no input of the task.
        options: Options of a call, other than the defaults: they have to change the result of an input.
        tolerance: How far scores of one input may be apart.

    Raises:
        TaskContractError: a contract is broken, with which one in words, and what was found, or the error that was raised
            (its cause); an ``AssertionError``.

    Examples:
        >>> model = onnxhub.load("text-classification", "builtin:sentiment")
        >>> check_task("text-classification", model=model, inputs=["Quite easy!", "No."], options={"top_k": 1})
    """
    row = get_task(task) if isinstance(task, str) else task
    check_contract(row, model, inputs, bad_input=bad_input, options=options or {}, tolerance=tolerance)


def copy_examples(folder: str | PathLike[str]) -> tuple[str, ...]:
    """Write the small models of the documentation's examples into a folder, and return their names.

    They are for tasks that no bundled model is for: of random weights, a few kilobytes each. What they answer has the form
    of a real answer, and means nothing.

    Args:
        folder: Made if it is not there; what it has under other names is left alone.

    Raises:
        InvalidInputError: the folder cannot be written to.

    Examples:
        >>> from onnxhub.testing import copy_examples
        >>> copy_examples("models")
        ('chooser', 'masked', 'nli', 'qa', 'reranker', 'sentiment')
        >>> onnxhub.load("fill-mask", "models/masked").info.task
        'fill-mask'
    """
    home = Path(builtin.__file__).parent / "examples"
    names = tuple(sorted(path.parent.name for path in home.glob("*/config.json")))
    try:
        for name in names:
            shutil.copytree(home / name, Path(folder) / name, dirs_exist_ok=True)
    except OSError as error:
        msg = f"the examples cannot be written: {error}"
        raise InvalidInputError(msg) from error
    return names
