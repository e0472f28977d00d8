"""An open model: its files, its tokenizer and its sessions, behind the protocol that tasks see."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxhub._backend.inputs.tokenizer import load_tokenizer
from onnxhub._backend.kept.entries import retry_if_cleared
from onnxhub._backend.model_files import RepositoryFiles
from onnxhub._backend.plan import ChosenFiles, name_files
from onnxhub._backend.runtime.compiled import plan_compile
from onnxhub._backend.runtime.padding import Padding
from onnxhub._backend.runtime.pair import SessionPair
from onnxhub._backend.runtime.scheduling import choose_schedule
from onnxhub._backend.runtime.static_shapes import StaticShapes
from onnxhub._backend.runtime.threads import count_usable_cores
from onnxhub._calls.lanes import Lanes
from onnxhub._calls.neighbours import Neighbours
from onnxhub._contracts.outputs import match_outputs, rename
from onnxhub._process.once import lazy
from onnxhub._toolkit.json_files import read_token_ids
from onnxhub.errors import InvalidInputError, TaskMismatchError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from optimum.onnxruntime import ORTModel

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.inputs.japanese import JapaneseTokenizer
    from onnxhub._backend.inputs.tokenizer import TextTokenizer
    from onnxhub._backend.making.tokenizer_conversion import SlowTokenizer
    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._backend.runtime.session import Session, SessionOptions
    from onnxhub._contracts.protocols import Features, GraphInput, Outputs, Tokenizer
    from onnxhub._contracts.registry import Task

__all__ = ["OnnxBackend", "open_model"]

DECODERS = frozenset(
    [
        "bloom",
        "codegen",
        "falcon",
        "gemma",
        "gemma2",
        "gemma3_text",
        "gpt2",
        "gpt_bigcode",
        "gpt_neo",
        "gpt_neox",
        "gptj",
        "llama",
        "mistral",
        "mpt",
        "olmo",
        "opt",
        "phi",
        "phi3",
        "qwen2",
        "qwen3",
        "stablelm",
    ]
)
"""Model types whose classifiers read the last token that is not padding."""


@dataclass(frozen=True, eq=False, kw_only=True)
class OnnxBackend(RepositoryFiles):
    """A model of a Hub repository or local folder on ONNX Runtime."""

    choices: Mapping[str, Choice]
    """The file of each role; a model in one file has one role, ``"model"``."""
    roles: Mapping[str, Session] = field(repr=False)
    """The session of each role, the one that takes the model's inputs first."""
    compiled: bool
    """Whether all sessions are of compiled graphs."""
    size: int
    """Bytes of all its files, external data included."""
    batch_tokens: int
    lanes: Lanes = field(repr=False)
    pair: SessionPair | None = field(repr=False)
    """The session with another beside it, for batches that run at once; None: one session runs them all."""
    padding: Padding = field(repr=False)
    """Whether padding makes a difference to the session that takes the model's inputs."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The task's name of an output -> the graph's, where they differ."""

    @property
    def session(self) -> Session:
        """The session that takes the model's inputs."""
        return next(iter(self.roles.values()))

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
            return self._limit_length(load_tokenizer(self.repository, self.config))
        from onnxhub._backend.inputs.japanese import find_japanese_tokenizer, load_japanese_tokenizer

        if (settings := find_japanese_tokenizer(self.repository, self.config)) is not None:
            return self._limit_length(load_japanese_tokenizer(self.repository, settings, self.config))
        from onnxhub._backend.making.tokenizer_conversion import convert_tokenizer

        return self._limit_length(convert_tokenizer(self.repository, self.config))

    def _limit_length(self, tokenizer: TextTokenizer | JapaneseTokenizer | SlowTokenizer) -> Tokenizer:
        """Return the tokenizer with a limit at the tokens that the graph takes."""
        most = None if self._static_shapes is None else self._static_shapes.tokens
        if most is None or (tokenizer.max_length is not None and tokenizer.max_length <= most):
            return tokenizer
        special = getattr(tokenizer, "special", 0)
        if most <= special:
            problem = f"its graph takes {most} tokens of each text, and {special} special ones are added to it"
            raise TaskMismatchError(self.model_id, "text", (problem,))
        return replace(tokenizer, max_length=most)

    @lazy
    def _static_shapes(self) -> StaticShapes | None:
        return StaticShapes.read(self.session.inputs)

    def kind(self, row: Features) -> tuple[int, int]:
        """Return what the rows of a batch must have in common, so that none depends on its neighbours.

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
        return read_token_ids(self.config, "eos_token_id") if self.config.get("is_encoder_decoder") else ()

    @lazy
    def _tells_padding(self) -> bool:
        decoder = str(self.config.get("model_type")) in DECODERS
        return "attention_mask" in self.input_names and not (decoder and self.config.get("pad_token_id") is None)

    def neighbours(self, outputs: tuple[str, ...]) -> Neighbours:
        """Return what measures the effect of padding; it measures nothing where no row is padded, or all are to one length."""
        if self.batch_tokens == 1 or (self._static_shapes is not None and self._static_shapes.tokens is not None):
            return Neighbours()
        return self.padding.get_neighbours(outputs, self.session.provider)

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """Run one batch, alone or beside others."""
        if self._static_shapes is None:
            return self._run(features, outputs, beside=beside)
        run = partial(self._run, outputs=outputs, beside=beside)
        return self._static_shapes.run(run, features, self.tokenizer.padding)

    def _run(self, features: Features, outputs: Sequence[str], *, beside: bool) -> Outputs:
        if self.renamed:
            theirs = [self.renamed.get(name, name) for name in outputs]
            return rename(self._run_graph(features, theirs, beside=beside), self.renamed)
        return self._run_graph(features, outputs, beside=beside)

    def _run_graph(self, features: Features, outputs: Sequence[str], *, beside: bool) -> Outputs:
        try:
            if self.pair is None:
                return self.session.run(features, outputs)
            return self.pair.run(features, outputs, concurrent=beside)
        except InvalidInputError as error:
            raise self._explain(error, features) from error.__cause__

    def _explain(self, error: InvalidInputError, features: Features) -> InvalidInputError:
        """Return the error of a run that failed; where no most number of tokens is known, it says that these may be too many."""
        ids = features.get("input_ids")
        if ids is None or not self.repository.has("tokenizer.json") or self._tokenizer.max_length is not None:
            return error
        hint = f"its files tell no most number of tokens, and {ids.shape[-1]:,} may be too many; give it shorter texts"
        return replace(error, reason=f"{error.reason}; {hint}")

    def inputs(self, role: str) -> Mapping[str, GraphInput]:
        """Return what the graph of a role takes, by name."""
        return self.roles[role].inputs

    def arrays(self, role: str, features: Features) -> Mapping[str, NDArray[np.generic]]:
        """Run the graph of a role as it is, and return all its outputs, of whatever type."""
        return self.roles[role].arrays(features)

    @property
    def sessions(self) -> Mapping[str, InferenceSession]:
        """ONNX Runtime's sessions, by the role of their file."""
        return {role: session.inference_session for role, session in self.roles.items()}

    def ort_model(self, class_name: str) -> ORTModel:
        """Return the class of optimum with this name over the sessions."""
        from onnxhub._backend.ort_model import build_ort_model

        files = {role: choice.file for role, choice in self.choices.items()}
        return build_ort_model(self.repository, self.sessions, files, class_name)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder that ``load`` takes; other files in it stay."""
        from onnxhub._backend.export_folder import write_folder
        from onnxhub._backend.repository.repository import fetch_files

        made_of = {"model": self.model_id, "revision": self.repository.commit}
        fetched = {choice.file: fetch_files(self.repository, choice.file) for choice in self.choices.values()}
        write_folder(ChosenFiles(self.repository, self.choices, fetched), Path(folder), made_of, force=True)

    def close(self) -> None:
        """Free the sessions."""
        for session in (*self.roles.values(), self.pair):
            if session is not None:
                session.close()


def open_model(
    ready: ChosenFiles,
    task: Task[Any],
    *,
    config: Mapping[str, object],
    providers: Sequence[Provider],
    outputs: Mapping[str, str] | None,
    compiled: bool | str,
    options: SessionOptions,
    batch_tokens: int | None,
) -> OnnxBackend:
    """Build the sessions of the chosen files.

    Args:
        ready: The files, which are on disk.
        task: The task that the model is opened for.
        config: Its ``config.json``.
        providers: What may run it, the most wanted first.
        outputs: The task's name of an output -> the graph's, as it was asked for.
        compiled: Whether compiled graphs are used, as ``plan_compile`` takes it.
        options: Options of all sessions.
        batch_tokens: The most tokens of a batch; None: chosen by the model.

    Raises:
        InvalidOptionError: See ``match_outputs`` and ``plan_compile``.
        ProviderUnavailableError: None of the providers runs it.
        IntegrityError, TooNewError, UnsafeModelError: ONNX Runtime does not take the graph.
    """
    model_id = ready.repository.model_id
    files = {role: name_files(model_id, ready.fetched[choice.file]) for role, choice in ready.choices.items()}
    first_file = next(iter(files.values()))
    size = sum(file.size for file in files.values())
    padding = Padding(first_file)  # before its session is built
    roles: dict[str, Session] = {}
    with ExitStack() as failing:  # sessions that were built must not wait for the traceback to go
        for role, file in files.items():
            # All on one provider: the first session decides where a sequence leaves a choice.
            wanted = [asked for asked in providers if not roles or asked.name == next(iter(roles.values())).provider]
            roles[role] = plan_compile(file, wanted, options, compiled=compiled).run().open()
            failing.callback(roles[role].close)
        renamed = match_outputs(task, next(iter(roles.values())).output_shapes, outputs)
        failing.pop_all()
    first = next(iter(roles.values()))
    schedule = choose_schedule(
        size=size,
        operators=frozenset().union(*(file.operators for file in files.values())),
        on_cpu=first.provider == "cpu",
        cores=count_usable_cores(),
        shares_weights=first.path != first_file.path,
        allow_concurrent=not (options.threads or options.sets_threads or task.raw),  # arrays are run as they come
        budget=batch_tokens,
    )
    return OnnxBackend(
        repository=ready.repository,
        config=config,
        choices=ready.choices,
        roles=roles,
        compiled=all(roles[role].path != file.path for role, file in files.items()),
        size=size,
        batch_tokens=schedule.budget,
        lanes=Lanes(schedule.lanes),
        pair=SessionPair(first, after=schedule.batches_before_second_session) if schedule.lanes > 1 else None,
        padding=padding,
        renamed=renamed,
    )
