"""The base of the pipelines: options at construction and at the call; single inputs, lists and generators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

import numpy as np

from onnxhub._backend.inputs.tokenizer_limits import parse_declared_tokens
from onnxhub._calls.model import Model
from onnxhub._contracts.checks import positive
from onnxhub._contracts.inputs import holds_columns, is_column
from onnxhub._contracts.options import REPLACED
from onnxhub._contracts.postprocessor import ItemT
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub._toolkit.text.requirements import require_inputs
from onnxhub._toolkit.text.windows import truncate, truncate_one
from onnxhub.errors import InvalidInputError, InvalidOptionError, nearest

if TYPE_CHECKING:
    import os
    from typing import Self, TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.postprocessor import Postprocessor
    from onnxhub._contracts.protocols import Backend, Tokenizer, Tokens

    Json: TypeAlias = Any
    """Dicts and lists of strings and numbers. Their nesting depends on the values of options and inputs, as
    transformers' does, so that no narrower type would be true."""
    Truncation: TypeAlias = bool | str | None

__all__ = [
    "PASSED_ON",
    "CallOptions",
    "Pipeline",
    "TokenizerKwargs",
    "TruncatingPreprocessor",
    "choose_strategy",
    "read_max_length",
    "read_tokenizer_kwargs",
    "select_positions",
]

LOADING = frozenset(
    "config device device_map dtype file framework model_kwargs outputs provider revision token tokenizer torch_dtype "
    "trust_remote_code use_fast".split()
)
"""Options that decide how the model is loaded."""
PASSED_ON: Final = frozenset({"cache_dir", "local_files_only"})
"""Keys of ``model_kwargs`` that are arguments of ``onnxhub.load``."""
ELSEWHERE: Final[Mapping[str, str]] = {
    "forward": "pipe.model.outputs(inputs) gives the raw outputs",
    "framework": "ONNX Runtime runs the model",
    "postprocess": "pipe.model.postprocessor makes the results",
    "preprocess": "pipe.model.encode(inputs) gives what the graph is given",
    "push_to_hub": "save_pretrained writes a folder, which huggingface_hub uploads",
}
"""Attribute of transformers' pipelines -> what there is in its place."""
STRATEGIES = ("longest_first", "only_first", "only_second", "do_not_truncate")


class CallOptions(TypedDict, total=False):
    """Options that every pipeline takes at the call, too."""

    batch_size: int | None
    num_workers: int | None


class TokenizerKwargs(TypedDict, total=False):
    """Arguments that may be passed on to the tokenizer."""

    truncation: Truncation
    max_length: int | None
    padding: bool | str | None


@dataclass(frozen=True)
class NamedTokens:
    """A tokenizer, and its special tokens as they are written."""

    tokenizer: Tokenizer

    @property
    def cls_token(self) -> str | None:
        """The classification token."""
        return self._spell(self.tokenizer.cls_token_id)

    @property
    def mask_token(self) -> str | None:
        """The mask token."""
        return self._spell(self.tokenizer.mask_token_id)

    @property
    def pad_token(self) -> str | None:
        """The padding token."""
        return self._spell(self.tokenizer.pad_token_id)

    @property
    def unk_token(self) -> str | None:
        """The unknown token."""
        return self._spell(self.tokenizer.unk_token_id)

    @property
    def model_max_length(self) -> int | None:
        """Tokens that the model takes, special tokens included; None: no limit is known."""
        return self.tokenizer.max_length

    def __getattr__(self, name: str) -> Any:
        if name == "tokenizer":  # of a copy that is being made
            raise AttributeError(name)
        return getattr(self.tokenizer, name)

    def _spell(self, number: int | None) -> str | None:
        return None if number is None else self.tokenizer.tokens([number])[0]


class Pipeline:
    """A callable that gives what transformers' pipeline of the same name gives.

    It wraps a Model, ``model``, whose preprocessor and postprocessor are replaced by those of the subclass.
    """

    options: ClassVar[frozenset[str]]
    """Names of the options, at construction and at the call."""
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]]
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]]
    loaded_with: ClassVar[type[Postprocessor[Any, Any]] | None] = None
    """The postprocessor that ``model`` itself is loaded with; None: its task's own."""

    def __init__(
        self, model: Model[Any, Any, Any], options: Mapping[str, object] | None = None, batch_size: int | None = None
    ) -> None:
        """Wrap a loaded model; ``onnxhub.pipeline`` does this.

        Args:
            model: Any Model of the task.
            options: Defaults for the options of the call.
            batch_size: Inputs of a generator that are read at once. Lists are batched by their tokens.
        """
        positive("batch_size", batch_size, optional=True)
        self.model = model
        self._options = dict(options or {})
        self._batch_size = batch_size
        plain: Model[Any, Any, Any] = Model(
            model.task,
            model.backend,
            preprocessor=self.preprocessor.for_model(model.backend),
            postprocessor=self.postprocessor.for_model(model.backend),
            info=model.info,
        )
        self._runner = self._configure(plain, self._options)

    @property
    def task(self) -> str:
        """The task's name."""
        return self.model.task.name

    @property
    def tokenizer(self) -> NamedTokens:
        """The model's tokenizer: onnxhub's, and its special tokens by transformers' names for them."""
        return NamedTokens(self.model.backend.tokenizer)

    @property
    def device(self) -> str:
        """The provider that runs it: ``"cpu"``, ``"cuda"``, or another provider's name."""
        return self.model.info.provider

    @property
    def dtype(self) -> str:
        """The precision of the file, as ``onnxhub.load`` names it: ``"fp32"``, ``"q8"``, ..."""
        return self.model.info.dtype

    @property
    def torch_dtype(self) -> str:
        """The older name of ``dtype``."""
        return self.dtype

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Write the model's files into a folder, which ``pipeline`` and ``load`` take; other files in it stay."""
        write: Any = getattr(self.model.backend, "write", None)
        if write is None:
            raise InvalidOptionError("save_directory", save_directory, "a model of files; this one has none")
        write(save_directory)

    def predict(self, inputs: Json) -> Json:
        """Call the pipeline, by scikit-learn's name for that."""
        run: Any = self
        return run(inputs)

    def transform(self, inputs: Json) -> Json:
        """Call the pipeline, by scikit-learn's name for that."""
        return self.predict(inputs)

    def __call__(self, *inputs: Json, **options: Any) -> Json:
        """Return a result for an input, a list for a list; each task's pipeline says what it takes."""
        raise NotImplementedError

    if not TYPE_CHECKING:  # else no checker would find an attribute that is not there

        def __getattr__(self, name: str) -> Any:
            """Say where what transformers' pipelines have besides is."""
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                msg = f"{msg}; {ELSEWHERE.get(name, 'pipe.model is the onnxhub Model underneath')}"
            raise AttributeError(msg, name=name, obj=self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.model!r}>"

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), (self.model, self._options, self._batch_size)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        """Return the fields of preprocessor and postprocessor for the given options, by transformers' precedence."""
        return dict(options)

    @classmethod
    def check(cls, options: Mapping[str, object]) -> None:
        """Raise ``InvalidOptionError`` for an option that the pipeline does not have."""
        for name in sorted(options.keys() - cls.options):
            meant = "" if name in REPLACED else nearest(name, cls.options)
            expected = f"an option of {cls.__name__}{meant}: {', '.join(sorted(cls.options))}"
            if name in LOADING:
                expected = f"it at the constructor, onnxhub.pipeline(..., {name}=...), not at the call"
            elif name in PASSED_ON:
                expected = (
                    f"it in the constructor's model_kwargs, onnxhub.pipeline(..., model_kwargs={{{name!r}: ...}})"
                )
            elif name in REPLACED:
                expected = f"{expected} ({REPLACED[name]})"
            raise InvalidOptionError(name, options[name], expected)

    def _configure(self, model: Model[Any, Any, Any], options: Mapping[str, Any]) -> Model[Any, Any, Any]:
        self.check(options)
        positive("batch_size", options.get("batch_size"), optional=True)
        workers = options.get("num_workers")
        if workers is not None and (not isinstance(workers, int) or workers < 0):
            raise InvalidOptionError("num_workers", workers, "a whole number, which does nothing here, or None")
        own = {name: value for name, value in options.items() if name not in CallOptions.__annotations__}
        return model.replace_fields(self._fields(own))

    def _run(self, inputs: Json, options: Mapping[str, Any]) -> Json:
        """Return a result for an input, a list for a list, an iterator for a generator or a data set."""
        model = self._configure(self._runner, options)
        lazy = as_iterator(inputs)
        size = options.get("batch_size") or self._batch_size or 1
        return model(inputs) if lazy is None else self._stream(model, lazy, size)

    def _stream(self, model: Model[Any, Any, Any], inputs: Iterator[object], size: int) -> Iterator[Json]:
        # Not Model.stream: a generator that waits for the last result must not be read ahead.
        while chunk := list(islice(inputs, size)):
            yield from model(chunk)


@dataclass(frozen=True)
class TruncatingPreprocessor(Preprocessor[Any, ItemT]):
    """Inputs to one row each; whole, unless transformers' tokenizer arguments ask for a cut."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    longest: int | None
    """The length that ``truncation`` without ``max_length`` cuts to."""
    truncation: Truncation = None
    max_length: int | None = None
    padding: bool | str | None = None
    """Decides only whether ``max_length`` alone truncates: a row is as long as its batch wants."""

    def __post_init__(self) -> None:
        choose_strategy(self.truncation, self.max_length, self.padding)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names."""
        return cls(backend.tokenizer, require_inputs(backend, "this pipeline"), read_max_length(backend))

    def cut(self, tokens: Tokens) -> NDArray[np.intp]:
        """Return the positions of the tokens that are kept."""
        how = choose_strategy(self.truncation, self.max_length, self.padding)
        limit = self.longest if self.max_length is None else self.max_length
        return select_positions(tokens.sequences, how, limit, self.tokenizer.truncation_side)


def read_tokenizer_kwargs(option: str, given: Mapping[str, Any] | None) -> dict[str, object]:
    """Return the fields of a ``TruncatingPreprocessor`` for tokenizer arguments that are this option's value.

    Raises:
        InvalidOptionError: it has others.
    """
    known = TokenizerKwargs.__annotations__
    if given is not None and not isinstance(given, Mapping):
        raise InvalidOptionError(option, given, f"a dict with keys of {', '.join(known)}")
    for name in (given or {}).keys() - known.keys():
        expected = f"no key {name!r}{nearest(name, known)}; the keys are {', '.join(known)}"
        raise InvalidOptionError(option, given, expected)
    return dict(given or {})


def as_iterator(inputs: Json) -> Iterator[object] | None:
    """Return the inputs of a generator or a data set (anything with a length and indices); None for other inputs."""
    if isinstance(inputs, Iterator):
        return inputs
    if isinstance(inputs, str | bytes | list | tuple | dict) or is_column(inputs) or holds_columns(inputs):
        return None
    if hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__"):
        return (inputs[index] for index in range(len(inputs)))
    return None


def read_max_length(backend: Backend) -> int | None:
    """Return transformers' ``tokenizer.model_max_length``, else the configuration's limit, else None."""
    declared = parse_declared_tokens((backend.json("tokenizer_config.json") or {}).get("model_max_length"))
    return backend.tokenizer.max_length if declared is None else declared


def choose_strategy(truncation: Truncation, max_length: int | None, padding: bool | str | None) -> str:
    """Return the truncation strategy that transformers derives from these tokenizer arguments.

    Raises:
        InvalidOptionError: there is none of that name.
    """
    if truncation is None:
        return "longest_first" if max_length is not None and padding in (None, False) else "do_not_truncate"
    if isinstance(truncation, bool):
        return "longest_first" if truncation else "do_not_truncate"
    if truncation not in STRATEGIES:
        raise InvalidOptionError("truncation", truncation, f"True, False or one of {', '.join(STRATEGIES)}", STRATEGIES)
    return truncation


def select_positions(sequences: NDArray[np.int8], how: str, max_length: int | None, side: str) -> NDArray[np.intp]:
    """Return the positions of the tokens that are kept.

    Args:
        sequences: Which text each token is of, -1 for special tokens; shape ``(n,)``.
        how: A strategy, see ``strategy``.
        max_length: The most tokens.
        side: The end that a text loses.

    Raises:
        InvalidInputError: the one text that may be cut has too few tokens.
    """
    size = len(sequences)
    if how == "do_not_truncate" or max_length is None or size <= max_length:
        return np.arange(size)
    if how == "longest_first":
        return truncate(sequences, max_length, side)
    positions = truncate_one(sequences, 0 if how == "only_first" else 1, max_length, side)
    if not len(positions):
        msg = f"the text that truncation={how!r} cuts is too short to bring {size} tokens down to {max_length}"
        raise InvalidInputError(msg)
    return positions
