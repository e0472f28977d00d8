"""The one reader of sentence-transformers' files: every setting that changes results is read here, or refused by name.

``modules.json`` lists the modules, each with a folder of its own (``1_Pooling/config.json``); the transformer's settings
are in ``sentence_bert_config.json``, those of the whole model in ``config_sentence_transformers.json``. The effect
of each key, and its default, are as in sentence-transformers 6.2, which reads all older forms too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from onnxhub._toolkit.sentence_transformers.files import (
    Settings,
    find_transformer_file,
    read_length,
    read_model_settings,
    read_transformer_settings,
    refuse,
    refuse_multi_vector,
)
from onnxhub._toolkit.sentence_transformers.layers import ACTIVATIONS, POOLINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from onnxhub._toolkit.sentence_transformers.files import ModelFiles, ModelSettings
    from onnxhub._toolkit.sentence_transformers.layers import Pooling

__all__ = [
    "SENTENCE",
    "DenseModule",
    "LayerNormModule",
    "NormalizeModule",
    "PoolingModule",
    "SentenceSettings",
    "SpladeModule",
    "find_vector_output",
    "read_settings",
]

SENTENCE: Final = "sentence_embedding"
"""sentence-transformers' name for the vector of a text, in its modules and in graphs that contain them."""
DENSE: Final = "feature-extraction"
RANKING: Final = "text-ranking"
SPARSE: Final = "sparse-feature-extraction"

TRANSFORMERS: Final = ("Transformer", "MLMTransformer")
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    DENSE: ("Transformer", "Pooling", "Dense", "LayerNorm", "Normalize", "Dropout"),
    RANKING: ("Transformer",),
    SPARSE: ("Transformer", "MLMTransformer", "SpladePooling"),
}
"""Task -> the modules that it knows."""
MULTI_VECTOR: Final = frozenset({"MultiVectorMask", "TokenPooling"})
_ASYMMETRIC = "queries and documents go different ways in it (it is asymmetric), and a graph is one of them"
_STATIC = "its vectors are looked up in a table of weights, without a run of the model"
REASONS: Final[Mapping[str, str]] = {
    "Router": _ASYMMETRIC,
    "Asym": _ASYMMETRIC,
    "SparseStaticEmbedding": _STATIC,
    "StaticEmbedding": _STATIC,
    "LogitScore": "its score is made of the logits of two words of a language model",
    "SparseAutoEncoder": "its weights are those of an autoencoder over a dense vector",
    "WeightedLayerPooling": "it mixes the vectors of all layers, and a graph gives those of the last",
    "CLIPModel": "it is a model of images and texts",
}
"""Class of sentence-transformers -> why a model with it cannot be run."""
ASYMMETRIC: Final = frozenset({"Router", "Asym"})
"""Modules that no graph can have in it as a whole."""
_OLD_POOLING_KEYS: Final[Mapping[str, str]] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
TANH: Final = "torch.nn.modules.activation.Tanh"


@dataclass(frozen=True, slots=True)
class PoolingModule:
    """``Pooling``: the vectors of tokens to one."""

    folder: str
    modes: tuple[Pooling, ...] = ("mean",)
    """Put one after another."""
    include_prompt: bool = True
    """Whether the tokens of a prompt are pooled with those of the text."""
    stated: bool = True
    """Whether its file is there; the mean is taken where it is not."""


@dataclass(frozen=True, slots=True)
class DenseModule:
    """``Dense``: a linear layer; its weights are in its folder."""

    folder: str
    in_features: int | None
    """None: the file does not say."""
    out_features: int | None
    """None: the file does not say."""
    bias: bool
    activation: str
    """The name of a class of ``torch.nn``, one of ``ACTIVATIONS``."""
    use_residual: bool


@dataclass(frozen=True, slots=True)
class LayerNormModule:
    """``LayerNorm``; its weights are in its folder."""

    folder: str
    dimension: int | None
    """None: the file does not say."""


@dataclass(frozen=True, slots=True)
class NormalizeModule:
    """``Normalize``: the length 1."""

    folder: str


@dataclass(frozen=True, slots=True)
class SpladeModule:
    """``SpladePooling``: logits of tokens to weights of words."""

    folder: str
    strategy: str = "max"
    """``"max"`` or ``"sum"``, over the tokens."""
    activation: str = "relu"
    """``"relu"``, or ``"log1p_relu"``: the logarithm twice."""


if TYPE_CHECKING:
    Module: TypeAlias = PoolingModule | DenseModule | LayerNormModule | NormalizeModule | SpladeModule


@dataclass(frozen=True, kw_only=True)
class SentenceSettings:
    """Everything that sentence-transformers' files say of how a model is used, checked for one task."""

    modules: tuple[Module, ...] = ()
    """The modules behind the transformer, in order, without those that change nothing. If the graph gives a vector for a
    text, they are inside it."""
    listed: bool = False
    """Whether ``modules.json`` names them; where not, the pooling is that of ``1_Pooling``, if there is one."""
    model: ModelSettings
    """Settings of ``config_sentence_transformers.json``, and of ``config.json`` in older repositories."""
    max_seq_length: int | None = None
    """The most tokens of a text; None: the tokenizer's limit."""
    length_file: str | None = None
    """The file that says so."""
    lower_case: bool = False
    """Whether texts are lowered before they are tokenised."""

    @property
    def pooling(self) -> PoolingModule | None:
        """The pooling, where one is named."""
        return next((module for module in self.modules if isinstance(module, PoolingModule)), None)

    @property
    def splade(self) -> SpladeModule:
        """The pooling of a sparse model; as of SPLADE v2, where none is named."""
        return next((module for module in self.modules if isinstance(module, SpladeModule)), SpladeModule(""))

    @property
    def normalizes(self) -> bool:
        """Whether the last of the modules makes the vector's length 1."""
        return bool(self.modules) and isinstance(self.modules[-1], NormalizeModule)


def read_settings(backend: ModelFiles, task: str) -> SentenceSettings:
    """Read all of sentence-transformers' files that a repository has, for one of its three tasks.

    A graph that gives a vector for a text has the modules in it, also those that are not known here: their configuration
    is not read, except whether prompts are pooled.

    Raises:
        TaskMismatchError: a file has a key, a value or a module that changes results and is not known; names it.
    """
    entries = _read_modules(backend, task)
    model = read_model_settings(backend, task)
    pooled = task == DENSE and find_vector_output(backend.output_shapes) is not None
    if entries is None:
        modules = _guess_modules(backend, task)
    elif pooled:
        modules = _read_graph_modules(backend, task, entries)
    else:
        modules = _read_modules_behind(backend, task, entries)
    path = next((path for kind, path in entries or () if kind in TRANSFORMERS), "")
    file = find_transformer_file(backend, path)
    lower_case = file is not None and read_transformer_settings(Settings.of(backend, task, file), task, pooled=pooled)
    length = read_length((backend.json(file) if file else None) or {})
    return SentenceSettings(
        modules=modules,
        listed=entries is not None,
        model=model,
        max_seq_length=length,
        length_file=file if length is not None else None,
        lower_case=lower_case,
    )


def find_vector_output(shapes: Mapping[str, tuple[int | None, ...]]) -> str | None:
    """Return the output with one vector for a text: by its usual name, or the only output of 2 axes; else None."""
    if SENTENCE in shapes:
        return SENTENCE
    name, shape = next(iter(shapes.items()), ("", ()))
    return name if len(shapes) == 1 and len(shape) == 2 else None


def _read_modules(backend: ModelFiles, task: str) -> list[tuple[str, str]] | None:
    """Return class and folder of each module of ``modules.json``; None without the file.

    Classes of sentence-transformers are without their package, which has changed over the years.
    """
    listed = backend.json_list("modules.json")
    if listed is None:
        return None
    found: list[tuple[str, str]] = []
    for entry in listed:
        kind, path = (entry.get("type"), entry.get("path", "")) if isinstance(entry, Mapping) else (None, None)
        if not isinstance(kind, str) or not isinstance(path, str):
            refuse(backend, task, f"its modules.json has an entry without a type or a path: {entry!r}")
        own, name = kind.startswith("sentence_transformers."), kind.rpartition(".")[2]
        if kind.startswith("pylate.") or (own and ("multi_vector" in kind or name in MULTI_VECTOR)):
            refuse_multi_vector(backend, task, f"modules.json has {kind}")
        # A class of another library is another class, whatever its last name.
        found.append((name if own else kind, path))
    return found


def _guess_modules(backend: ModelFiles, task: str) -> tuple[Module, ...]:
    """Return the modules of a repository without ``modules.json``: some have the pooling's configuration alone."""
    if task == SPARSE:
        if backend.json("idf.json") is not None:
            refuse(backend, task, f"it has an idf.json, with weights for the words of queries: {_ASYMMETRIC}")
        return ()
    if task != DENSE or find_vector_output(backend.output_shapes) is not None:
        return ()
    for folder in ("1_Dense", "2_Dense", "3_Dense"):
        if backend.json(f"{folder}/config.json") is not None:
            problem = f"it has {folder}/config.json and no modules.json, which would say what it is applied to"
            refuse(backend, task, problem)
    return (_read_pooling(backend, task, "1_Pooling"),) if backend.json("1_Pooling/config.json") else ()


def _read_graph_modules(backend: ModelFiles, task: str, entries: Sequence[tuple[str, str]]) -> tuple[Module, ...]:
    """Return the modules inside a graph that its user can notice: the pooling, and a last step to length 1."""
    for kind, _ in entries:
        if kind in ASYMMETRIC:
            refuse(backend, task, f"modules.json has {kind}: {REASONS[kind]}")
    last = next((kind for kind, _ in reversed(entries) if kind != "Dropout"), None)
    pooling = [path for kind, path in entries if kind == "Pooling"]
    seen: list[Module] = [_read_pooling(backend, task, path) for path in pooling[:1]]
    return (*seen, NormalizeModule("")) if last == "Normalize" else tuple(seen)


def _read_modules_behind(backend: ModelFiles, task: str, entries: Sequence[tuple[str, str]]) -> tuple[Module, ...]:
    """Return the modules behind the transformer, in order, each with its configuration."""
    kinds = [kind for kind, _ in entries]
    if unknown := [kind for kind in kinds if kind not in KNOWN[task]]:
        names = [kind.rpartition(".")[2] for kind in unknown]
        shown = [kind if name in KNOWN[task] else name for kind, name in zip(unknown, names, strict=True)]
        reasons = [f"{kind}: {REASONS[kind]}" for kind in unknown if kind in REASONS]
        reasons = reasons or [f"known are {', '.join(KNOWN[task])}"]
        reasons += [f"{kind} is of another library" for kind in unknown if "." in kind]
        refuse(backend, task, f"modules.json has {'; '.join([', '.join(shown), *reasons])}")
    _check_order(backend, task, kinds)
    modules = [READERS[kind](backend, task, path) for kind, path in entries if kind in READERS]
    return tuple(module for module in modules if module is not None)


def _check_order(backend: ModelFiles, task: str, kinds: Sequence[str]) -> None:
    wanted = {DENSE: "Pooling", SPARSE: "SpladePooling"}.get(task)
    said = f"modules.json has {', '.join(kinds) or 'no modules'}"
    if wanted is not None and wanted not in kinds:
        if "Dense" in kinds:
            refuse_multi_vector(backend, task, f"{said} and no Pooling")
        refuse(backend, task, f"{said}; there must be a {wanted}, which makes one vector of those of the tokens")
    start = ["Transformer"] if wanted is None else ["Transformer", wanted]
    given = ["Transformer" if kind in TRANSFORMERS else kind for kind in kinds]
    if given[: len(start)] != start or any(kind in start for kind in given[len(start) :]):
        refuse(backend, task, f"{said} in this order; known is the order {', '.join(KNOWN[task])}")


def _read_pooling(backend: ModelFiles, task: str, folder: str) -> PoolingModule:
    settings = Settings.of(backend, task, f"{folder}/config.json")
    stated = bool(settings.left)
    # Their sizes are those of the graph, which is there to ask.
    settings.ignore("word_embedding_dimension", "embedding_dimension")
    modes = settings.take("pooling_mode", (str, list), None)
    # The older form has a switch for each mode; those that are off are taken too, so that none is left over.
    switches = {key: settings.take(key, (bool,), False) for key in settings.beginning("pooling_mode_")}
    if modes is None:
        modes = [_OLD_POOLING_KEYS.get(key, key) for key in (*_OLD_POOLING_KEYS, *switches) if switches.pop(key, False)]
        modes = modes or ["mean"]
    named = [modes] if isinstance(modes, str) else modes
    unknown = [mode for mode in named if str(mode) not in POOLINGS]
    if unknown or not named:
        said = ", ".join(map(repr, unknown)) or "no mode"
        refuse(backend, task, f"its pooling is {said} (in {folder}/config.json); known are {', '.join(POOLINGS)}")
    include = settings.take("include_prompt", (bool,), True)
    settings.close()
    return PoolingModule(folder, cast("tuple[Pooling, ...]", tuple(named)), bool(include), stated)


def _is_applied(settings: Settings) -> bool:
    """Return whether a module changes the vector of the text: one that writes elsewhere does not."""
    source = settings.take("module_input_name", (str,), SENTENCE)
    target = settings.take("module_output_name", (str,), source)
    if source != SENTENCE:
        settings.refuse("module_input_name", source, f"and behind the pooling only {SENTENCE} is known")
    return target == SENTENCE


def _read_dense(backend: ModelFiles, task: str, folder: str) -> DenseModule | None:
    if backend.json(f"{folder}/config.json") is None:
        refuse(backend, task, f"it has no {folder}/config.json, which would say what its dense layer does")
    settings = Settings.of(backend, task, f"{folder}/config.json")
    activation = settings.take("activation_function", (str,), TANH)
    name = str(activation).rpartition(".")[2]
    if not str(activation).startswith("torch.") or name not in ACTIVATIONS:
        known = f"known are {', '.join(ACTIVATIONS)}, of torch.nn"
        refuse(backend, task, f"its dense layer {folder} has the activation {activation}; {known}")
    found = DenseModule(
        folder,
        in_features=settings.take_size("in_features"),
        out_features=settings.take_size("out_features"),
        bias=bool(settings.take("bias", (bool,), True)),
        activation=name,
        use_residual=bool(settings.take("use_residual", (bool,), False)),
    )
    applied = _is_applied(settings)
    settings.close()
    return found if applied else None


def _read_layer_norm(backend: ModelFiles, task: str, folder: str) -> LayerNormModule:
    settings = Settings.of(backend, task, f"{folder}/config.json")
    found = LayerNormModule(folder, settings.take_size("dimension"))
    settings.close()
    return found


def _read_normalize(backend: ModelFiles, task: str, folder: str) -> NormalizeModule | None:
    settings = Settings.of(backend, task, f"{folder}/config.json")
    applied = _is_applied(settings)
    settings.close()
    return NormalizeModule(folder) if applied else None


def _read_splade(backend: ModelFiles, task: str, folder: str) -> SpladeModule:
    settings = Settings.of(backend, task, f"{folder}/config.json")
    # The chunks of a long text change how it is computed, not what comes out.
    settings.ignore("word_embedding_dimension", "embedding_dimension", "chunk_size")
    found = SpladeModule(
        folder,
        settings.choose("pooling_strategy", ("max", "sum"), "max"),
        settings.choose("activation_function", ("relu", "log1p_relu"), "relu"),
    )
    settings.close()
    return found


READERS: Final[Mapping[str, Callable[[ModelFiles, str, str], Module | None]]] = {
    "Pooling": _read_pooling,
    "Dense": _read_dense,
    "LayerNorm": _read_layer_norm,
    "Normalize": _read_normalize,
    "SpladePooling": _read_splade,
}
"""Class -> the reader of its folder; those that are missing here change nothing (``Dropout``) or have read before."""
