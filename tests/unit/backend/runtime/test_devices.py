"""What a GPU would get; and, where there is one, that it gives what the CPU gives."""

from __future__ import annotations

from threading import Thread
from typing import Any

import numpy as np
import onnxruntime
import pytest

import onnxhub
from onnxhub._backend.runtime.devices import find_device, preload, run_on_device
from tests import tiny

CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def test_only_known_memory_is_bound() -> None:
    """Of the device that the session runs on."""
    assert find_device("cuda", {"device_id": "1"}) == ("cuda", 1)
    assert find_device("tensorrt", {}) == ("cuda", 0)
    assert find_device("cpu", {}) is None
    assert find_device("openvino", {"device_id": "0"}) is None


def test_bound_arrays_give_what_others_give(tiny_model: Any) -> None:
    """Whatever memory they are in: here it is that of the host."""
    model = onnxhub.load("text-classification", tiny_model())
    feeds = {name: np.stack([values] * 3) for name, values in model.encode("a great film")[0].rows[0].items()}
    expected = model.session.run(["logits"], feeds)[0]
    np.testing.assert_array_equal(run_on_device(("cpu", 0), model.session, ["logits"], feeds, None)[0], expected)


def test_preloading_says_nothing_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever ONNX Runtime prints about libraries that are not there."""
    preload("cuda")
    preload("cpu")
    assert capfd.readouterr().out == ""


def test_preloading_keeps_what_other_threads_print(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Meanwhile, which may be seconds; what the libraries' loader prints is logged."""
    caplog.set_level("INFO", logger="onnxhub")

    def loads() -> None:
        print("a library is missing")  # noqa: T201  # as ONNX Runtime does
        thread = Thread(target=print, args=("an answer",))
        thread.start()
        thread.join()

    monkeypatch.setattr(onnxruntime, "preload_dlls", loads)
    preload("cuda")
    assert capsys.readouterr().out == "an answer\n"
    assert "a library is missing" in caplog.text


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="onnxruntime has no CUDA here")
@pytest.mark.parametrize("task", ["text-classification", "token-classification", "feature-extraction"])
def test_a_gpu_gives_what_the_cpu_gives(task: str, tiny_model: Any) -> None:
    """For texts of all lengths, in batches."""
    models = [onnxhub.load(task, tiny_model(task), provider) for provider in ("cpu", "cuda")]
    assert [model.provider for model in models] == ["cpu", "cuda"]
    one, other = (model.outputs([*tiny.TEXTS]) for model in models)
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="onnxruntime has no CUDA here")
def test_a_gpu_takes_the_fp16_file(tmp_path: Any) -> None:
    """Where the repository has one; the CPU takes fp32."""
    tiny.make_model(tmp_path)
    tiny.make_model(tmp_path, file="onnx/model_fp16.onnx", dtype="fp16")
    loaded = [onnxhub.load("text-classification", tmp_path, provider).info.dtype for provider in ("cpu", "cuda")]
    assert loaded == ["fp32", "fp16"]
