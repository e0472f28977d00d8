"""optimum's ORTModelForXXX over a session that is already open."""

from __future__ import annotations

import inspect
import weakref
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from onnxhub._backend.files.roles import MODEL
from onnxhub._backend.making.staging import stage
from onnxhub.errors import MissingDependencyError, TaskMismatchError, listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimum.onnxruntime import ORTModel

    from onnxhub._backend.repository.repository import Repository
    from onnxhub._contracts.foreign import InferenceSession

__all__ = ["build_ort_model"]

READ = ("config.json", "generation_config.json")
"""Files of the repository that transformers reads, as copies in which nothing names code or a file elsewhere."""
MODEL_ARGUMENTS = {MODEL: "session"}
SPEECH = {"whisper": "ORTModelForWhisper", "moonshine": "ORTModelForMoonshine"}


def build_ort_model(
    repository: Repository, sessions: Mapping[str, InferenceSession], files: Mapping[str, str], class_name: str
) -> ORTModel:
    """Build the class of ``optimum.onnxruntime`` with this name over the model's own sessions.

    ``sessions`` and ``files`` (paths in the repository) are by role. IO binding is off: the session was built for numpy arrays, and optimum binds torch tensors only.

    Raises:
        MissingDependencyError: Optimum is not installed.
        TaskMismatchError: Transformers does not know the configuration's model type.
    """
    try:
        from optimum import onnxruntime as optimum_onnxruntime
        from optimum.onnxruntime import modeling_seq2seq
        from transformers import AutoConfig, GenerationMixin
    except ImportError as error:
        raise MissingDependencyError.of(error, "optimum", class_name, "pip install 'onnxhub[optimum]'") from error
    with TemporaryDirectory(prefix="onnxhub-") as folder:
        stage(repository, [name for name in READ if repository.has(name)], Path(folder))
        try:
            # False, and not the default: that asks on the terminal whether code of the repository may run.
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            saved = _read_generation(Path(folder))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            said = str(error).replace(folder, repository.model_id)
            problem = f"transformers cannot read its config.json: {said}"
            raise TaskMismatchError(repository.model_id, class_name, (problem,)) from error
    config.name_or_path = str(repository.folder)
    # As optimum's from_pretrained: two kinds of speech models have classes of their own, which it does not export.
    speech = SPEECH.get(config.model_type) if class_name == "ORTModelForSpeechSeq2Seq" else None
    kind: Any = getattr(modeling_seq2seq, speech) if speech else getattr(optimum_onnxruntime, class_name)
    _require_arguments(repository, kind, tuple(sessions))
    for role, session in sessions.items():
        # The file that save_pretrained copies: the repository's own, not a compiled graph for this processor alone.
        private: Any = session
        private._model_path = str(repository.path(files[role]))  # noqa: SLF001
    arguments = {_name_argument(role): session for role, session in sessions.items()}
    generating = {}
    if issubclass(kind, GenerationMixin):
        generating = {"generation_config": _configure_generation(sessions, config, saved)}
    build: Any = kind  # with what its class takes, which type checkers do not know of any subclass
    built = build(config=config, use_io_binding=False, **arguments, **generating)
    if not hasattr(built, "main_input_name"):  # ORTModelForCTC has none, and transformers' pipeline asks for it
        built.main_input_name = next(iter(sessions.values())).get_inputs()[0].name
    model: ORTModel = built
    # An instance attribute, so that the class stays exactly optimum's.
    model.to = partial(_stay_or_refuse, weakref.ref(model))  # else nothing would free the model at once
    return model


def _name_argument(role: str) -> str:
    return MODEL_ARGUMENTS.get(role, f"{role}_session")


def _require_arguments(repository: Repository, kind: Any, roles: Sequence[str]) -> None:
    """Raise ``TaskMismatchError`` if a class of optimum has no place for the session of a role."""
    # A class may hand on what it takes to those that it derives from.
    taken = {name for base in kind.__mro__ for name in inspect.signature(base.__init__).parameters}
    if not all(_name_argument(role) in taken for role in roles):
        problem = f"its files are {listing(roles)}, and optimum's class takes no sessions of all these roles"
        raise TaskMismatchError(repository.model_id, kind.__name__, (problem,))


def _read_generation(folder: Path) -> Any:
    """Return the repository's own settings of generation; None if it has none."""
    from transformers import GenerationConfig

    if not (folder / "generation_config.json").exists():
        return None
    return GenerationConfig.from_pretrained(folder, local_files_only=True)


def _configure_generation(sessions: Mapping[str, InferenceSession], config: Any, saved: Any) -> Any:
    """Return the settings of generation, the repository's own if it has some, and set the configuration accordingly.

    This is what optimum's ``from_pretrained`` does between reading the files and building the object.
    """
    from transformers import GenerationConfig

    names = {entry.name for session in sessions.values() for entry in session.get_inputs()}
    config.use_cache = any(name.startswith("past_key_values") for name in names)
    if hasattr(config, "is_decoder"):
        config.is_decoder = len(sessions) == 1
    if hasattr(config, "is_encoder_decoder"):
        config.is_encoder_decoder = len(sessions) > 1
    if hasattr(config, "_attn_implementation"):
        config._attn_implementation = "onnxruntime"  # noqa: SLF001  # so does optimum
    generation = saved if saved is not None else GenerationConfig.from_model_config(config)
    generation.use_cache = config.use_cache
    for name, value in config._get_non_default_generation_parameters().items():  # noqa: SLF001  # so does optimum
        setattr(generation, name, value)
        setattr(config, name, None)
    return generation


def _stay_or_refuse(reference: weakref.ref[Any], *asked: object, **options: object) -> ORTModel:
    """Return the model itself, if ``to`` asks for the device and the dtype that it has.

    Raises:
        TypeError: It asks for others.
    """
    import torch

    model: Any = reference()  # the caller of its method holds it
    wanted = [*asked, options.get("device"), options.get("dtype")]
    for value in wanted:
        if isinstance(value, torch.dtype):
            if value == model.dtype:
                continue
        elif value is None or isinstance(value, bool) or _is_device(model.device, value):
            continue
        msg = (
            f"this ORTModel shares its session, on {model.device} in {model.dtype}, with an onnxhub model, and does not "
            "change; load(..., provider=..., dtype=...) chooses"
        )
        raise TypeError(msg)
    return model


def _is_device(device: Any, asked: Any) -> bool:
    import torch

    try:
        wanted = torch.device(asked)
    except (RuntimeError, TypeError, ValueError):
        return False
    return bool(wanted.type == device.type and (wanted.index or 0) == (device.index or 0))
