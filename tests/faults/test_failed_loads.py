"""A load that fails keeps no session, though its traceback is kept, as in a notebook."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import onnx
import pytest

import onnxhub
from onnxhub._backend.runtime.session import Session
from onnxhub.errors import InvalidOptionError, OnnxHubError, TaskMismatchError, UnclearTaskError
from tests.runtime import compiles
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """All sessions of ONNX Runtime that are built from now on."""
    seen: list[weakref.ref[Any]] = []
    take_over = Session.__init__

    def noted(self: Session, session: Any, *rest: Any) -> None:
        take_over(self, session, *rest)
        seen.append(weakref.ref(session))

    monkeypatch.setattr(Session, "__init__", noted)
    return seen


def broken(folder: Path) -> Path:
    """An encoder, and a decoder whose operator nobody has."""
    make_model(folder, file="encoder_model.onnx", config_extra={"architectures": ["MarianMTModel"]})
    decoder = (folder / "encoder_model.onnx").read_bytes().replace(b"Tanh", b"Nope")
    (folder / "decoder_model.onnx").write_bytes(decoder)
    return folder


def unclear(folder: Path) -> Path:
    """Logits that could be anything, and of which the file itself says no shape, so that a session is asked."""
    make_model(folder, "fill-mask", config_extra={"architectures": None, "vocab_size": 7})
    graph = onnx.load(folder / "model.onnx")
    graph.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(graph, folder / "model.onnx")
    return folder


@pytest.mark.parametrize(
    ("make", "arguments", "error"),
    [
        (make_model, {"task": "question-answering"}, TaskMismatchError),
        pytest.param(make_model, {"task": "question-answering", "compiled": True}, TaskMismatchError, marks=compiles),
        (make_model, {"task": "auto", "postprocessor": onnxhub.QuestionAnsweringPostprocessor}, InvalidOptionError),
        (unclear, {"task": "auto"}, UnclearTaskError),
        (broken, {"task": "translation"}, OnnxHubError),
    ],
)
def test_no_session_is_left(
    make: Any, arguments: dict[str, Any], error: type[Exception], built: list[weakref.ref[Any]], tmp_path: Path
) -> None:
    """While the error is still at hand."""
    folder = make(tmp_path / "model")
    with pytest.raises(error) as caught:
        onnxhub.load(model_id=folder, **arguments)
    gc.collect()
    assert caught.tb is not None
    assert built
    assert [session() for session in built] == [None] * len(built)
