"""An opened model: its files, its tokenizer and its session, behind the protocol that tasks see."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxhub._backend.inputs.safetensors import read_safetensors
from onnxhub._backend.inputs.tokenizer import load_tokenizer
from onnxhub._backend.kept.entries import retry_if_cleared
from onnxhub._backend.plan import ChosenFiles, prepare
from onnxhub._backend.runtime.compiled import ModelFile, build_compiled
from onnxhub._backend.runtime.padding import Padding
from onnxhub._backend.runtime.pair import Pair
from onnxhub._backend.runtime.scheduling import choose_pace
from onnxhub._backend.runtime.static_shapes import FixedSizes
from onnxhub._backend.runtime.threads import usable_cores
from onnxhub._calls.lanes import Lanes
from onnxhub._calls.neighbours import Neighbours
from onnxhub._contracts.outputs import match_outputs, rename
from onnxhub._process.once import lazy
from onnxhub._toolkit.json_files import token_ids
from onnxhub.errors import InvalidInputError, TaskMismatchError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from optimum.onnxruntime import ORTModel

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.inputs.tokenizer import TextTokenizer
    from onnxhub._backend.making.export import Conversion
    from onnxhub._backend.making.tokenizer_conversion import SlowTokenizer
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._backend.runtime.session import Session, SessionOptions
    from onnxhub._contracts.protocols import Features, GraphInput, Outputs, Tokenizer
    from onnxhub._contracts.registry import Task

__all__ = ["OnnxBackend", "open_model"]

DECODERS = frozenset({
    "bloom", "codegen", "falcon", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj",
    "llama", "mistral", "mpt", "olmo", "opt", "phi", "phi3", "qwen2", "qwen3", "stablelm",
})  # fmt: skip
"""Model types whose classifiers read the last token that is not padding."""


@dataclass(frozen=True, eq=False)
class OnnxBackend:
    """A model of a Hub repository or local folder on ONNX Runtime."""

    repository: Repository
    choices: Mapping[str, Choice]
    """The file of each part; a model in one file has one part, ``"model"``."""
    config: Mapping[str, object]
    parts: Mapping[str, Session] = field(repr=False)
    """Their sessions, the one that takes the model's inputs first."""
    size: int
    """Bytes of all its files, external data included."""
    batch_tokens: int
    lanes: Lanes = field(repr=False)
    pair: Pair | None = field(repr=False)
    """The session with another beside it, for batches that run at once; None: one session runs them all."""
    padding: Padding = field(repr=False)
    """Whether padding makes a difference to the session that takes the model's inputs."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The task's name of an output -> the graph's, where they differ."""

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        return self.repository.model_id

    @property
    def session(self) -> Session:
        """The session that takes the model's inputs."""
        return next(iter(self.parts.values()))

    @property
    def input_names(self) -> tuple[str, ...]:
        """The graph's inputs."""
        return self.session.input_names

    @property
    def output_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """The graph's outputs, under the names that the task has for them."""
        return rename(self.session.output_shapes, self.renamed)

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer.

        Raises:
            TaskMismatchError: the repository has none.
        """
        return self._tokenizer

    @lazy
    @retry_if_cleared
    def _tokenizer(self) -> Tokenizer:
        if self.repository.has("tokenizer.json"):
            return self._fitted(load_tokenizer(self.repository, self.config))
        from onnxhub._backend.making.tokenizer_conversion import convert_tokenizer

        return self._fitted(convert_tokenizer(self.repository, self.config))

    def _fitted(self, tokenizer: TextTokenizer | SlowTokenizer) -> Tokenizer:
        """The tokenizer, for no longer texts than the graph takes."""
        most = None if self._fixed is None else self._fixed.tokens
        if most is None or (tokenizer.max_length is not None and tokenizer.max_length <= most):
            return tokenizer
        special = getattr(tokenizer, "special", 0)
        if most <= special:
            problem = f"its graph takes {most} tokens of each text, and {special} special ones are added to it"
            raise TaskMismatchError(self.model_id, "text", (problem,))
        return replace(tokenizer, max_length=most)

    @lazy
    def _fixed(self) -> FixedSizes | None:
        return FixedSizes.of(self.session.inputs)

    def kind(self, row: Features) -> tuple[int, int]:
        """What the rows of a batch must have in common, so that none depends on its neighbours.

        The number of end tokens, with encoder-decoder models: classifiers of BART's kind find the last end token of
        each row by an arithmetic that holds only if all rows have equally many (a pair has three, a text one). And the
        length, where the graph could not tell padding from text: without an attention mask, or, for decoders, which
        look for the last token that is not padding, without a padding token.
        """
        ids = row["input_ids"] if "input_ids" in row else next(iter(row.values()))
        number = np.count_nonzero(np.isin(ids, self._ends)) if self._ends else 0
        return int(number), 0 if self._tells_padding else ids.shape[-1]

    @lazy
    def _ends(self) -> tuple[int, ...]:
        return token_ids(self.config, "eos_token_id") if self.config.get("is_encoder_decoder") else ()

    @lazy
    def _tells_padding(self) -> bool:
        decoder = str(self.config.get("model_type")) in DECODERS
        return "attention_mask" in self.input_names and not (decoder and self.config.get("pad_token_id") is None)

    def neighbours(self, outputs: tuple[str, ...]) -> Neighbours:
        """What measures padding; nothing where rows run alone, or are all filled up to one length."""
        if self.batch_tokens == 1 or (self._fixed is not None and self._fixed.tokens is not None):
            return Neighbours()
        return self.padding.neighbours(outputs, self.session.provider)

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """Run one batch, alone or beside others."""
        if self._fixed is None:
            return self._run(features, outputs, beside=beside)
        run = partial(self._run, outputs=outputs, beside=beside)
        return self._fixed.run(run, features, self.tokenizer.padding)

    def _run(self, features: Features, outputs: Sequence[str], *, beside: bool) -> Outputs:
        if self.renamed:
            theirs = [self.renamed.get(name, name) for name in outputs]
            return rename(self._run_graph(features, theirs, beside=beside), self.renamed)
        return self._run_graph(features, outputs, beside=beside)

    def _run_graph(self, features: Features, outputs: Sequence[str], *, beside: bool) -> Outputs:
        try:
            if self.pair is None:
                return self.session.run(features, outputs)
            return self.pair.run(features, outputs, beside=beside)
        except InvalidInputError as error:
            raise self._explain(error, features) from error.__cause__

    def _explain(self, error: InvalidInputError, features: Features) -> InvalidInputError:
        """The error of a graph that failed, with what may be the cause where no length is known to be too long."""
        ids = features.get("input_ids")
        if ids is None or not self.repository.has("tokenizer.json") or self._tokenizer.max_length is not None:
            return error
        hint = f"its files tell no most number of tokens, and {ids.shape[-1]:,} may be too many; give it shorter texts"
        return replace(error, reason=f"{error.reason}; {hint}")

    def inputs(self, part: str) -> Mapping[str, GraphInput]:
        """What the graph of a part wants."""
        return self.parts[part].inputs

    def arrays(self, part: str, features: Features) -> Mapping[str, NDArray[np.generic]]:
        """Run the graph of a part as it is."""
        return self.parts[part].arrays(features)

    def json(self, name: str) -> Mapping[str, object] | None:
        """The object of a JSON file of the repository; None if it has no such file."""
        return self.repository.json(name)

    def json_list(self, name: str) -> Sequence[object] | None:
        """The list of a JSON file of the repository; None if it has no such file."""
        return self.repository.json_list(name)

    def weights(self, name: str) -> Mapping[str, NDArray[np.float32]] | None:
        """A safetensors file of the repository; None if it has no such file."""
        return read_safetensors(self.repository.path(name)) if self.repository.has(name) else None

    @property
    def compiled(self) -> bool:
        """Whether all sessions are of compiled graphs."""
        return all(self.parts[part].path != self.repository.path(choice.file) for part, choice in self.choices.items())

    @property
    def sessions(self) -> Mapping[str, InferenceSession]:
        """ONNX Runtime's sessions, by the role of their file."""
        return {part: session.inference_session for part, session in self.parts.items()}

    def ort_model(self, class_name: str) -> ORTModel:
        """The class of optimum with this name, over the session."""
        from onnxhub._backend.ort_model import build_ort_model

        files = {part: choice.file for part, choice in self.choices.items()}
        return build_ort_model(self.repository, self.sessions, files, class_name)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder that ``load`` takes; other files in it stay."""
        from onnxhub._backend.export_folder import write_folder
        from onnxhub._backend.repository.repository import fetch_model

        made_of = {"model": self.model_id, "revision": self.repository.commit}
        facts = {choice.file: fetch_model(self.repository, choice.file) for choice in self.choices.values()}
        write_folder(ChosenFiles(self.repository, self.choices, facts), Path(folder), made_of, force=True)

    def close(self) -> None:
        """Free the sessions."""
        for session in (*self.parts.values(), self.pair):
            if session is not None:
                session.close()


@retry_if_cleared
def open_model(
    repository: Repository,
    task: Task[Any],
    *,
    providers: Sequence[Provider],
    dtype: str,
    file: str | Mapping[str, str] | None,
    outputs: Mapping[str, str] | None,
    compiled: bool | str,
    conversion: Conversion,
    options: SessionOptions,
    batch_tokens: int | None,
) -> OnnxBackend:
    """Choose the ONNX file of each part, or have it made, fetch what they need, and build the sessions."""
    config = repository.json("config.json") or {}
    kind = task.ort_class_of(config)
    ready = prepare(repository, kind, dtype=dtype, file=file, gpu=providers[0].is_gpu, conversion=conversion)
    files = {part: _model_file(ready, choice.file) for part, choice in ready.choices.items()}
    size = sum(one.size for one in files.values())
    padding = Padding(next(iter(files.values())))
    parts: dict[str, Session] = {}
    with ExitStack() as failing:  # the parts that were built must not wait for the traceback to go
        for part, one in files.items():
            # All on one provider: the first part decides where a sequence leaves a choice.
            wanted = [asked for asked in providers if not parts or asked.name == next(iter(parts.values())).provider]
            parts[part] = build_compiled(one, wanted, options, compiled=compiled)
            failing.callback(parts[part].close)
        renamed = match_outputs(task, next(iter(parts.values())).output_shapes, outputs)
        failing.pop_all()
    role, first = next(iter(parts.items()))
    pace = choose_pace(
        size=size,
        operators=frozenset().union(*(one.operators for one in files.values())),
        on_cpu=first.provider == "cpu",
        cores=usable_cores(),
        mapped=first.path != files[role].path,
        together=not (options.threads or options.sets_threads or task.raw),  # arrays are run as they come
        batch_tokens=batch_tokens,
    )
    pair = Pair(first, after=pace.patience) if pace.lanes > 1 else None
    lanes = Lanes(pace.lanes)
    return OnnxBackend(
        ready.repository, ready.choices, config, parts, size, pace.batch_tokens, lanes, pair, padding, renamed
    )


def _model_file(ready: ChosenFiles, file: str) -> ModelFile:
    """The file and all that it refers to."""
    repository, facts = ready.repository, ready.facts[file]
    weights = (repository.path((PurePosixPath(file).parent / name).as_posix()) for name in facts.external_data)
    return ModelFile(repository.model_id, repository.path(file), tuple(weights), facts.operators, facts.weights)
