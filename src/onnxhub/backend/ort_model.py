"""optimum's ORTModelForXXX over a session that is already open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from onnxhub.backend.parts import MODEL
from onnxhub.errors import MissingDependencyError, TaskMismatchError

if TYPE_CHECKING:
    from optimum.onnxruntime import ORTModel

    from onnxhub.backend.model import OnnxBackend

__all__ = ["build_ort_model"]

MODEL_ARGUMENTS = {MODEL: "session"}
SPEECH = {"whisper": "ORTModelForWhisper", "moonshine": "ORTModelForMoonshine"}


def build_ort_model(backend: OnnxBackend, class_name: str) -> ORTModel:
    """The class of ``optimum.onnxruntime`` with this name, over the model's own sessions.

    IO binding is off: the session was built for numpy arrays, and optimum binds torch tensors only.

    Raises:
        MissingDependencyError: optimum is not installed.
        TaskMismatchError: transformers does not know the configuration's model type.
    """
    try:
        from optimum import onnxruntime as optimum_onnxruntime
        from optimum.onnxruntime import modeling_seq2seq
        from transformers import AutoConfig, GenerationMixin
    except ImportError as error:
        raise MissingDependencyError.of(error, "optimum", class_name, "pip install 'onnxhub[optimum]'") from error
    try:
        folder = backend.repository.path("config.json").parent
        # False, and not the default: that asks on the terminal whether code of the repository may run.
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ValueError as error:
        problem = f"transformers cannot read its config.json: {error}"
        raise TaskMismatchError(backend.model_id, class_name, (problem,)) from error
    # As optimum's from_pretrained: two kinds of speech models have classes of their own, which it does not export.
    speech = SPEECH.get(config.model_type) if class_name == "ORTModelForSpeechSeq2Seq" else None
    kind: Any = getattr(modeling_seq2seq, speech) if speech else getattr(optimum_onnxruntime, class_name)
    for part, session in backend.sessions.items():
        # The file that save_pretrained copies: the repository's own, not a compiled graph for this processor alone.
        private: Any = session
        private._model_path = str(backend.repository.path(backend.choices[part].file))  # noqa: SLF001
    sessions = {MODEL_ARGUMENTS.get(part, f"{part}_session"): one for part, one in backend.sessions.items()}
    generating = {}
    if issubclass(kind, GenerationMixin):
        generating = {"generation_config": _generation(backend, config, several=len(sessions) > 1)}
    build: Any = kind  # with what its class takes, which type checkers do not know of any subclass
    model: ORTModel = build(config=config, use_io_binding=False, **sessions, **generating)
    # An instance attribute, so that the class stays exactly optimum's.
    model.to = _refuse_to
    return model


def _generation(backend: OnnxBackend, config: Any, *, several: bool) -> Any:
    """How the model generates, by the repository's own file if it has one; sets the configuration accordingly.

    This is what optimum's ``from_pretrained`` does between reading the files and building the object.
    """
    from transformers import GenerationConfig

    names = {entry.name for session in backend.sessions.values() for entry in session.get_inputs()}
    config.use_cache = any(name.startswith("past_key_values") for name in names)
    if hasattr(config, "is_decoder"):
        config.is_decoder = not several
    if hasattr(config, "is_encoder_decoder"):
        config.is_encoder_decoder = several
    if hasattr(config, "_attn_implementation"):
        config._attn_implementation = "onnxruntime"  # noqa: SLF001  # so does optimum
    if backend.repository.has("generation_config.json"):
        folder = backend.repository.path("generation_config.json").parent
        generation = GenerationConfig.from_pretrained(folder, local_files_only=True)
    else:
        generation = GenerationConfig.from_model_config(config)
    generation.use_cache = config.use_cache
    for name, value in config._get_non_default_generation_parameters().items():  # noqa: SLF001  # so does optimum
        setattr(generation, name, value)
        setattr(config, name, None)
    return generation


def _refuse_to(*_args: object, **_options: object) -> NoReturn:
    msg = "this ORTModel shares its session with an onnxhub model; choose the device with load(..., provider=...)"
    raise TypeError(msg)
