"""Sentence-transformers' files one by one: which keys each may have, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, Self, TypeVar

from onnxhub._toolkit.json_files import JSON_TYPES
from onnxhub._toolkit.sentence_transformers.layers import SIMILARITIES
from onnxhub.errors import TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "TRANSFORMER_TASKS",
    "ModelFiles",
    "ModelSettings",
    "Settings",
    "find_transformer_file",
    "read_length",
    "read_length_settings",
    "read_model_settings",
    "read_transformer_settings",
    "refuse",
    "refuse_multi_vector",
]

MODEL_FILE: Final = "config_sentence_transformers.json"
TRANSFORMER_FILES: Final = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""The first of them that is there is read."""
MODEL_TYPES: Final[Mapping[str, str]] = {
    "SentenceTransformer": "feature-extraction",
    "CrossEncoder": "text-ranking",
    "SparseEncoder": "sparse-feature-extraction",
}
"""``model_type`` -> task."""
MULTI_VECTOR_TYPES: Final = frozenset({"ColBERT", "MultiVectorEncoder"})
MULTI_VECTOR_KEYS: Final = (
    "query_prefix",
    "document_prefix",
    "do_query_expansion",
    "attend_to_expansion_tokens",
    "attend_to_mask_tokens",
)
"""Keys that only PyLate and Stanford's ColBERT write."""
TRANSFORMER_TASKS: Final[Mapping[str, tuple[str, str, str]]] = {
    "feature-extraction": ("feature-extraction", "last_hidden_state", "token_embeddings"),
    "text-ranking": ("sequence-classification", "logits", "scores"),
    "sparse-feature-extraction": ("fill-mask", "logits", "token_embeddings"),
}
"""Task -> ``transformer_task``, the output of the graph that is taken, and what it is called then."""
HARMLESS_ARGUMENTS: Final = frozenset(
    "add_pooling_layer attn_implementation device_map dtype low_cpu_mem_usage padding_side torch_dtype trust_remote_code "
    "use_cache use_fast use_safetensors".split()
)
"""Arguments of transformers' ``from_pretrained`` that decide how torch computes, not what."""
NOTHING: Final[tuple[object, ...]] = (None, "", {}, [])
"""Values that say nothing, whatever their key is."""

HARMLESS_PROCESSING: Final[Mapping[str, tuple[object, ...]]] = {
    "padding": (True, "longest", "max_length"),
    "truncation": (True, "longest_first"),
    "return_tensors": ("pt", "np"),
    "return_attention_mask": (True,),
    "add_special_tokens": (True,),
}
"""Arguments of the tokenizer's call -> the values that change nothing."""
LENGTH_KEYS: Final = (
    ("processing_kwargs", "text", "max_length"),
    ("processor_kwargs", "model_max_length"),
    ("tokenizer_args", "model_max_length"),
    ("max_seq_length",),
)
"""Places of the length limit; the first that is given counts: it is nearest to the tokenizer's call."""
LONGEST_VALUE: Final = 200
"""Characters of a value that an error shows."""

ValueT = TypeVar("ValueT", bound=object)


class Files(Protocol):
    """A repository."""

    def json(self, name: str) -> Mapping[str, object] | None:
        """Return the object of a JSON file; None if there is no such file."""
        ...


class ModelFiles(Files, Protocol):
    """A model, or what is known of a model that is not open yet: its settings are read from it and checked against it."""

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        ...

    @property
    def config(self) -> Mapping[str, object]:
        """``config.json``."""
        ...

    @property
    def output_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """The graph's outputs and their shapes; None where an axis is dynamic."""
        ...

    def json_list(self, name: str) -> Sequence[object] | None:
        """Return the list of a JSON file; None if there is no such file."""
        ...


def refuse(backend: ModelFiles, task: str, problem: str) -> NoReturn:
    """Raise ``TaskMismatchError`` about the model."""
    raise TaskMismatchError(backend.model_id, task, (problem,))


def refuse_multi_vector(backend: ModelFiles, task: str, evidence: str) -> NoReturn:
    """Raise ``TaskMismatchError`` about a model that gives more than one vector for a text."""
    problem = (
        f"it is a multi-vector model (late interaction), for {evidence}: it gives a vector for each token, not one for "
        "a text; load('custom', ...) gives what its graph gives"
    )
    refuse(backend, task, problem)


@dataclass
class Settings:
    """The keys of one JSON file, taken one by one; what is left over at the end is refused."""

    backend: ModelFiles
    task: str
    file: str
    left: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, backend: ModelFiles, task: str, file: str) -> Self:
        """Read the keys of a file of the repository; no keys if it does not exist."""
        return cls(backend, task, file, dict(backend.json(file) or {}))

    def take(self, key: str, kinds: tuple[type[ValueT], ...], default: ValueT | None) -> ValueT | None:
        """Return the value of a key, of one of these types; the default if it is missing or null.

        Raises:
            TaskMismatchError: it is of another type.
        """
        value = self.left.pop(key, None)
        if value is None:
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.refuse(key, value, f"where {' or '.join(map(JSON_TYPES.__getitem__, kinds))} is expected")
        return value

    def take_size(self, key: str) -> int | None:
        """Return a whole number of at least 1, or None if the file has none."""
        value = self.take(key, (int,), None)
        if value is not None and value < 1:
            self.refuse(key, value, "where a number of at least 1 is expected")
        return value

    def choose(self, key: str, known: tuple[str, ...], default: str) -> str:
        """Return the value of a key if it is a known one.

        Raises:
            TaskMismatchError: it is another.
        """
        value = self.take(key, (str,), default)
        if value not in known:
            self.refuse(key, value, f"and known are {', '.join(known)}")
        return str(value)

    def ignore(self, *keys: str) -> None:
        """Take keys whose value does not change results."""
        for key in keys:
            self.left.pop(key, None)

    def beginning(self, start: str) -> tuple[str, ...]:
        """Return the remaining keys with this prefix."""
        return tuple(key for key in self.left if key.startswith(start))

    def refuse(self, key: str, value: object, why: str) -> NoReturn:
        """Raise ``TaskMismatchError`` that names file, key and value."""
        said = json.dumps(value, ensure_ascii=False)
        shown = said if len(said) <= LONGEST_VALUE else f"{said[:LONGEST_VALUE]}..."
        refuse(self.backend, self.task, f"its {self.file} says {key}: {shown}, {why}")

    def close(self) -> None:
        """Raise ``TaskMismatchError`` if a key that was not taken has a value that is not empty."""
        for key, value in self.left.items():
            if value not in NOTHING:
                why = "which is not known here and may change results; take it out of a local copy to load without it"
                self.refuse(key, value, why)


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The settings of ``config_sentence_transformers.json``."""

    prompts: Mapping[str, str] | None = None
    """Name -> text; None: the file has none. A prompt that is null there is empty."""
    default_prompt_name: str | None = None
    """The prompt that is put before each text."""
    similarity_fn_name: str = "cosine"
    """One of ``SIMILARITIES``."""
    truncate_dim: int | None = None
    """Dimensions that are kept of a vector."""
    max_active_dims: int | None = None
    """Weights that are kept of a sparse vector."""
    activation_fn: str | None = None
    """The function from logit to score: a class by its full name; from ``config.json`` if this file has none."""


def read_model_settings(backend: ModelFiles, task: str) -> ModelSettings:
    """Read ``config_sentence_transformers.json``, and what older repositories have in ``config.json`` instead.

    Raises:
        TaskMismatchError: it says something that is not known, or the model is for another task.
    """
    settings = Settings.of(backend, task, MODEL_FILE)
    _check_kind(backend, task, settings)
    # Versions, names, and the type of torch's numbers.
    settings.ignore("__version__", "requirements", "keep_in_fp32_modules", "model_name", "_name_or_path")
    prompts = _read_prompts(settings)
    default = settings.take("default_prompt_name", (str,), None)
    if default is not None and default not in (prompts or {}):
        refuse(backend, task, f"its default prompt {default!r} is none of its prompts")
    similarity = settings.choose("similarity_fn_name", tuple(SIMILARITIES), "cosine")
    # Each of these is for one task, and left over, so refused, in the others.
    dense, ranking, sparse = (task == known for known in TRANSFORMER_TASKS)
    found = ModelSettings(
        prompts=prompts,
        default_prompt_name=default,
        similarity_fn_name=similarity,
        truncate_dim=settings.take_size("truncate_dim") if dense else None,
        max_active_dims=settings.take_size("max_active_dims") if sparse else None,
        activation_fn=(settings.take("activation_fn", (str,), None) or _read_old_activation(backend))
        if ranking
        else None,
    )
    settings.close()
    return found


def _check_kind(backend: ModelFiles, task: str, settings: Settings) -> None:
    declared = settings.take("model_type", (str,), None)
    if declared in MULTI_VECTOR_TYPES:
        refuse_multi_vector(backend, task, f"{MODEL_FILE} says model_type: {declared}")
    similarity = settings.left.get("similarity_fn_name")
    if str(similarity).lower() == "maxsim":
        refuse_multi_vector(backend, task, f"{MODEL_FILE} says similarity_fn_name: {similarity}")
    if found := next((key for key in MULTI_VECTOR_KEYS if key in settings.left), None):
        refuse_multi_vector(backend, task, f"{MODEL_FILE} has {found}")
    architectures = backend.config.get("architectures")
    for name in map(str, architectures if isinstance(architectures, list) else ()):
        if "colbert" in name.lower() or name.endswith("ForRetrieval"):
            refuse_multi_vector(backend, task, f"config.json says {name}")
    if declared is not None and MODEL_TYPES.get(declared) != task:
        other = MODEL_TYPES.get(declared)
        advice = f"which is for {other}: load({other!r}, ...)" if other else f"and known are {', '.join(MODEL_TYPES)}"
        settings.refuse("model_type", declared, advice)


def _read_prompts(settings: Settings) -> Mapping[str, str] | None:
    prompts = settings.take("prompts", (dict,), None)
    if prompts is None:
        return None
    for name, text in prompts.items():
        if not isinstance(text, str | None):
            settings.refuse("prompts", {name: text}, "where a text is expected")
    return {name: text or "" for name, text in prompts.items()}


def _read_old_activation(backend: ModelFiles) -> str | None:
    nested = backend.config.get("sentence_transformers")
    named = nested.get("activation_fn") if isinstance(nested, Mapping) else None
    named = named or backend.config.get("sbert_ce_default_activation_function")
    return None if not named else str(named)


def find_transformer_file(files: Files, folder: str = "") -> str | None:
    """Return the file of the transformer's settings, preferably in its own folder; None if there is none."""
    folders = (f"{folder}/", "") if folder else ("",)
    names = (f"{parent}{name}" for parent in folders for name in TRANSFORMER_FILES)
    return next((name for name in names if files.json(name)), None)


def read_transformer_settings(settings: Settings, task: str, *, pooled: bool) -> bool:
    """Check the transformer's settings, and tell whether texts are lowered before they are tokenised.

    Args:
        settings: The keys of its file.
        task: The task whose output it must give.
        pooled: Whether the graph gives a vector for a text: how torch's model came to it is in the graph then.

    Raises:
        TaskMismatchError: it wants something that changes what the graph gets or gives, and is not done here.
    """
    # Whether torch leaves out padding, and what runs the model.
    settings.ignore("unpad_inputs", "backend", "cache_dir")
    wanted, output, name = TRANSFORMER_TASKS[task]
    settings.choose("transformer_task", (wanted,), wanted)
    settings.choose("module_output_name", (name, "sentence_embedding") if pooled else (name,), name)
    _check_modalities(settings, None if pooled else output)
    _check_processing(settings)
    for key in ("query_length", "document_length", "query_expansion"):
        value = settings.left.pop(key, None)
        if value is not None:
            settings.refuse(key, value, "which treats queries and documents differently, and is not known")
    for key in ("model_args", "model_kwargs", "config_args", "config_kwargs"):
        _check_arguments(settings, key, HARMLESS_ARGUMENTS)
    for key in ("tokenizer_args", "processor_kwargs"):
        _check_arguments(settings, key, HARMLESS_ARGUMENTS | {"model_max_length"})
    settings.ignore("max_seq_length")  # see `read_length`
    lower = settings.take("do_lower_case", (bool,), False)
    settings.close()
    return bool(lower)


def _check_modalities(settings: Settings, output: str | None) -> None:
    """Check the entry for texts; the others do not count, unless texts become messages of a chat."""
    modalities = settings.take("modality_config", (dict,), None)
    if modalities is None:
        return
    if "message" in modalities:
        problem = "which puts texts into the tokenizer's chat template, and that is not known"
        settings.refuse("modality_config", modalities, problem)
    text = modalities.get("text")
    if output is None and text is not None:
        return
    known = {"method": "forward", "method_output_name": output}
    if not isinstance(text, Mapping) or {key: text.get(key) for key in known} != known or text.keys() - known:
        settings.refuse("modality_config", modalities, f"and known for a text is {json.dumps(known)}")


def _check_processing(settings: Settings) -> None:
    """Refuse arguments of the tokenizer's call but those that are as always, and the length."""
    processing = settings.take("processing_kwargs", (dict,), None) or {}
    for group in ("common", "text"):
        arguments = processing.get(group) or {}
        for key, value in arguments.items() if isinstance(arguments, Mapping) else [(group, arguments)]:
            if value not in HARMLESS_PROCESSING.get(key, NOTHING) and (group, key) != ("text", "max_length"):
                settings.refuse("processing_kwargs", {group: {key: value}}, "which is not known")
    for group in processing.keys() - {"common", "text", "audio", "image", "video"}:
        if processing[group] not in NOTHING:
            settings.refuse("processing_kwargs", {group: processing[group]}, "which is not known")


def _check_arguments(settings: Settings, key: str, harmless: frozenset[str]) -> None:
    arguments = settings.take(key, (dict,), None) or {}
    for name, value in arguments.items():
        if name not in harmless and value not in NOTHING:
            settings.refuse(key, {name: value}, "which is not known here and may change results")


def read_length_settings(files: Files) -> Mapping[str, object]:
    """Return the transformer's ``max_seq_length``, wherever its settings have it, for ``find_usable_length``."""
    file = find_transformer_file(files)
    return {"max_seq_length": _find_length((files.json(file) if file else None) or {})}


def read_length(values: Mapping[str, object]) -> int | None:
    """Return the most tokens of a text; None if there is no limit, or none that is a number."""
    length = _find_length(values)
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None


def _find_length(values: Mapping[str, object]) -> object:
    """Return the limit as it is written; of several, the one nearest to the tokenizer's call wins."""
    for path in LENGTH_KEYS:
        found: object = values
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None:
            return found
    return None
