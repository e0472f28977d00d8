"""What tasks may know of the outside world: a tokenizer, a session and a few files, behind protocols.

``onnxhub._backend`` implements them with tokenizers and ONNX Runtime, ``onnxhub.testing`` with canned values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from onnxhub._process.public import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from typing import SupportsIndex

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._contracts.foreign import InferenceSession, ORTModel
    from onnxhub._process.workers import Job


__all__ = [
    "Backend",
    "Column",
    "Engine",
    "Features",
    "GraphInput",
    "ImageProcessor",
    "Lanes",
    "ListOf",
    "ModelFiles",
    "Neighbours",
    "Outputs",
    "Tokenizer",
    "Tokens",
    "width",
]

if TYPE_CHECKING:
    Features: TypeAlias = Mapping[str, NDArray[np.generic]]
    """Graph input name -> array; of one row (``(length,)``) or of a batch (``(batch, length)``)."""

    Outputs: TypeAlias = Mapping[str, NDArray[np.float32]]
    """Graph output name -> float32 array ``(batch, ...)``."""

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class GraphInput:
    """What a graph declares of one of its inputs."""

    dtype: np.dtype[Any] | None
    """None: it is not an array of numbers that numpy knows."""
    shape: tuple[int | str | None, ...]
    """Sizes; a name or None where an axis may have any."""

    def __str__(self) -> str:
        return f"{self.dtype or 'other'} of shape ({', '.join(map(str, self.shape))})"


class ListOf(Protocol[T_co]):
    """A ``list``, read only: a ``list[str]`` is a ``ListOf[str | tuple[str, str]]``, a ``str`` or ``tuple`` is not."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[T_co]: ...
    def pop(self, index: SupportsIndex = -1, /) -> T_co: ...


class NumpyColumn(Protocol):
    """A numpy array or a pandas Series."""

    def __len__(self) -> int: ...
    def tolist(self) -> object: ...


class ArrowColumn(Protocol):
    """An array of Arrow, chunked or not."""

    def __len__(self) -> int: ...
    def to_pylist(self) -> list[Any]: ...


class PolarsColumn(Protocol):
    """A Polars Series."""

    def __len__(self) -> int: ...
    def to_list(self) -> list[Any]: ...


Column: TypeAlias = NumpyColumn | ArrowColumn | PolarsColumn
"""A column of inputs, or of texts of an option."""


class Tokens(Protocol):
    """One tokenised text, or pair of texts, whole and with its special tokens; n tokens.

    An array may be made anew each time that it is asked for.
    """

    def __len__(self) -> int: ...

    @property
    def ids(self) -> NDArray[np.int64]:
        """Shape ``(n,)``."""
        ...

    @property
    def type_ids(self) -> NDArray[np.int64]:
        """Segment ids, shape ``(n,)``."""
        ...

    @property
    def sequences(self) -> NDArray[np.int8]:
        """Which text a token is of: 0, 1, or -1 for a special token that the tokenizer added; shape ``(n,)``."""
        ...

    @property
    def words(self) -> NDArray[np.int32]:
        """The tokenizer's word index within its text, -1 for special tokens; shape ``(n,)``."""
        ...

    @property
    def offsets(self) -> NDArray[np.int32]:
        """Half-open character spans in the token's own text; shape ``(n, 2)``."""
        ...


class Tokenizer(Protocol):
    """Texts to tokens; never truncates, never pads, shared by any number of threads."""

    @property
    def max_length(self) -> int | None:
        """The most tokens that the model takes, special tokens included; None: no limit is known."""
        ...

    @property
    def has_offsets(self) -> bool:
        """Whether tokens know their characters (tokenizers without a fast form do not)."""
        ...

    @property
    def padding_side(self) -> str:
        """``"right"`` or ``"left"``; with ``"left"``, QA models see (context, question)."""
        ...

    @property
    def truncation_side(self) -> str:
        """``"right"`` or ``"left"``: which end a text that is too long loses."""
        ...

    @property
    def padding(self) -> Mapping[str, int]:
        """Graph input name -> the value that fills short rows."""
        ...

    @property
    def cls_token_id(self) -> int | None:
        """The classification token's id, where the tokenizer has one."""
        ...

    @property
    def unk_token_id(self) -> int | None:
        """The unknown token's id, where the tokenizer has one."""
        ...

    @property
    def mask_token_id(self) -> int | None:
        """The mask token's id, where the tokenizer has one."""
        ...

    @property
    def pad_token_id(self) -> int | None:
        """The padding token's id, where the tokenizer has one."""
        ...

    @property
    def marks_subwords(self) -> bool:
        """Whether continuing subwords are marked, as by WordPiece's ``##``."""
        ...

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = True
    ) -> Sequence[Tokens]:
        """Tokenise texts, or pairs of texts; their offsets and words may be asked for only if ``offsets`` says so."""
        ...

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of ids, as the vocabulary spells them."""
        ...

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """Return the ids of tokens; None for one that is not in the vocabulary."""
        ...

    def join(self, tokens: Sequence[str]) -> str:
        """Turn tokens back to text, as the tokenizer's decoder does."""
        ...

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Turn ids back to text; without special tokens, if they are to be skipped."""
        ...


class PillowImage(Protocol):
    """What type checkers need to know of ``PIL.Image.Image``: where Pillow is not installed, it would be anything."""

    @property
    def mode(self) -> str:
        """The kind of its pixels, such as ``"RGB"``."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        ...

    def convert(self, mode: str) -> PillowImage:
        """Return the image with pixels of another kind."""
        ...


class ImageProcessor(Protocol):
    """Images to the numbers that a graph takes; shared by any number of threads."""

    def __call__(self, image: object, index: int | None) -> NDArray[np.float32]:
        """Return the numbers of an image, shape ``(3, height, width)``.

        Raises:
            InvalidInputError: It cannot be read; with the index.
        """
        ...


class Lanes(Protocol):
    """How many batches of a model run at once, and their threads."""

    @property
    def number(self) -> int:
        """Batches at once."""
        ...

    def begin(self, job: Job[Any]) -> None:
        """Do a job in one of the threads, as soon as one is free."""
        ...


class Neighbours(Protocol):
    """What sees to it that no row's outputs depend on the other rows of its batch."""

    @property
    def need_one_length(self) -> bool:
        """Whether only rows of one length may share a batch, as far as it is known."""
        ...

    def run(
        self, rows: Sequence[Features], run_batch: Callable[[Sequence[Features]], Outputs]
    ) -> Sequence[tuple[Sequence[int], Outputs]]:
        """Run rows in one batch, or in several if padding makes a difference.

        Returns:
            What ran together: the places of rows, and their outputs ``(places, ...)``.
        """
        ...


class ModelFiles(Protocol):
    """What a task may read of a model."""

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        ...

    @property
    def config(self) -> Mapping[str, object]:
        """``config.json``."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Raises ``TaskMismatchError`` if the model has none."""
        ...

    @property
    def image_processor(self) -> ImageProcessor:
        """Raises ``TaskMismatchError`` if the model does not say how images are prepared."""
        ...

    def json(self, name: str) -> Mapping[str, object] | None:
        """Return the object of a JSON file of the repository; None if it has no such file."""
        ...

    def json_list(self, name: str) -> Sequence[object] | None:
        """Return the list of a JSON file of the repository; None if it has no such file."""
        ...

    def text(self, name: str) -> str | None:
        """Return the text of a UTF-8 file of the repository; None if it has no such file."""
        ...

    def weights(self, name: str) -> Mapping[str, NDArray[np.float32]] | None:
        """Return the tensors of a safetensors file of the repository; None if it has no such file."""
        ...


class Engine(Protocol):
    """What runs the graphs of a model."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The graph's inputs."""
        ...

    @property
    def output_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """The graph's outputs and their shapes; None where an axis is dynamic."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one batch; 1 keeps every row alone (dynamic quantisation scales over the whole batch)."""
        ...

    @property
    def lanes(self) -> Lanes:
        """How many batches run at once, and their threads."""
        ...

    def kind(self, row: Features) -> Hashable:
        """Return what the rows of one batch must have in common; the same for all rows of most models."""
        ...

    def neighbours(self, outputs: tuple[str, ...]) -> Neighbours:
        """Return what sees to it that no row depends on others of its batch, for these outputs."""
        ...

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """Run one batch; only the outputs that were asked for. ``beside``: whether others run at the same time."""
        ...

    def inputs(self, role: str) -> Mapping[str, GraphInput]:
        """Return what the graph of a role takes, by name; a model in one file has one role, ``"model"``."""
        ...

    def arrays(self, role: str, features: Features) -> Mapping[str, NDArray[np.generic]]:
        """Run the graph of a role as it is, and return all its outputs, of whatever type."""
        ...

    @property
    def sessions(self) -> Mapping[str, InferenceSession]:
        """ONNX Runtime's sessions, by the role of their file."""
        ...

    def ort_model(self, class_name: str) -> ORTModel:
        """Return the class of optimum with this name over the sessions."""
        ...

    def close(self) -> None:
        """Free the sessions."""
        ...


class Backend(ModelFiles, Engine, Protocol):
    """A loaded model: its files, and what runs its graphs."""


def width(backend: Backend, output: str = "logits") -> int | None:
    """Size of the last axis of an output; None if the graph has no such output, or does not say."""
    shape = backend.output_shapes.get(output)
    return shape[-1] if shape else None


publish(globals(), "Backend", "Tokenizer", "Tokens")
