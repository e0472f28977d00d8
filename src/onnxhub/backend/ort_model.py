"""optimum's ORTModelForXXX over a session that is already open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from onnxhub.errors import MissingDependencyError, TaskMismatchError

if TYPE_CHECKING:
    from optimum.onnxruntime import ORTModel

    from onnxhub.backend.model import OnnxBackend

__all__ = ["build_ort_model"]


def build_ort_model(backend: OnnxBackend, class_name: str) -> ORTModel:
    """The class of ``optimum.onnxruntime`` with this name, over the model's own session.

    IO binding is off: the session was built for numpy arrays, and optimum binds torch tensors only.

    Raises:
        MissingDependencyError: optimum is not installed.
        TaskMismatchError: transformers does not know the configuration's model type.
    """
    try:
        from optimum import onnxruntime as optimum_onnxruntime
        from transformers import AutoConfig
    except ImportError as error:
        raise MissingDependencyError("optimum", class_name, "pip install 'onnxhub[optimum]'") from error
    try:
        folder = backend.repository.path("config.json").parent
        # False, and not the default: that asks on the terminal whether code of the repository may run.
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ValueError as error:
        problem = f"transformers cannot read its config.json: {error}"
        raise TaskMismatchError(backend.model_id, class_name, (problem,)) from error
    model: ORTModel = getattr(optimum_onnxruntime, class_name)(
        config=config, session=backend.session.inference_session, use_io_binding=False
    )
    # An instance attribute, so that the class stays exactly optimum's.
    model.to = _refuse_to
    return model


def _refuse_to(*_args: object, **_options: object) -> NoReturn:
    msg = "this ORTModel shares its session with an onnxhub model; choose the device with load(..., provider=...)"
    raise TypeError(msg)
