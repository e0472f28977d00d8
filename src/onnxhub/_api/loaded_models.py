"""The models that the one-liners keep loaded: each loaded once, however many threads ask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from onnxhub._api.load import load
from onnxhub._loading.request import make_absolute
from onnxhub._process.once import OnceCache
from onnxhub._process.public import publish
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import TypeAlias

    from onnxhub._calls.model import Model

    ModelId: TypeAlias = str | os.PathLike[str] | None
    Provider: TypeAlias = str | Sequence[str]

__all__ = ["load_once", "unload"]

_models: OnceCache[Model[Any, Any, Any]] = OnceCache(size=8)


def unload() -> None:
    """Let go of the models that the one-liners keep loaded (the eight used last).

    A folder that has been written anew, for one, is read again only after this.
    """
    _models.clear()


def load_once(task: str, model: ModelId, provider: Provider, dtype: str, revision: str | None) -> Any:
    """Return the cached model; it is of any task, so that each one-liner knows its type."""
    # A folder by its full path: the same name means another model in another working directory.
    name = make_absolute(model)
    # By its text, for `load` to say what is wrong with an argument that cannot be a key.
    key = repr((task, name, provider, dtype, revision))
    try:
        return _models.get(key, lambda: load(task, model, provider, dtype=dtype, revision=revision))
    except InvalidOptionError as error:
        if error.option != "model_id":
            raise
        # By the name of the argument that the caller knows.
        raise replace(error, option="model") from None


publish(globals(), "unload")
