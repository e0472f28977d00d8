"""Execution providers: their names, and what happens where one cannot run."""

from __future__ import annotations

import logging
from traceback import walk_tb

import onnxruntime
import pytest

import onnxhub
from onnxhub._backend.engine import open_model
from onnxhub._backend.plan import FileRequest, carry_out, plan_files
from onnxhub._backend.repository.repository import open_repository
from onnxhub._backend.runtime.providers import ALIASES, FULL_NAMES, Provider, _parse, choose_candidates, shorten_name
from onnxhub._backend.runtime.session import SessionOptions, build_session
from onnxhub._backend.runtime.threads import count_usable_cores
from onnxhub._contracts.registry import get_task
from onnxhub.errors import InvalidOptionError, ProviderUnavailableError

AVAILABLE = onnxruntime.get_available_providers()
MISSING = [name for name, full in FULL_NAMES.items() if full not in AVAILABLE]
no_cuda = pytest.mark.skipif("cuda" not in MISSING, reason="this ONNX Runtime is built with CUDA")


@pytest.mark.parametrize("spelling", ["cpu", "CPU", "CPUExecutionProvider", "cpuexecutionprovider"])
def test_a_provider_goes_by_its_short_and_its_full_name(spelling: str) -> None:
    """In any case of letters."""
    assert choose_candidates(spelling, None) == [Provider("cpu", {})]


@pytest.mark.parametrize(("short", "full"), FULL_NAMES.items())
def test_short_and_full_names_belong_together(short: str, full: str) -> None:
    """Each full name leads back to the short one."""
    assert shorten_name(full) == short
    assert Provider(short, {}).full_name == full


def test_a_full_name_that_is_not_known_stays() -> None:
    """A provider of a newer ONNX Runtime is shown as it is called."""
    assert shorten_name("NewExecutionProvider") == "NewExecutionProvider"


@pytest.mark.parametrize("name", [name for name in MISSING if name != "cpu"])
def test_one_that_is_not_installed_is_an_error(name: str) -> None:
    """One name is strict: the message says what to install, and what is there."""
    with pytest.raises(ProviderUnavailableError, match=f"'{name}' cannot run here: .*; available: .*cpu") as raised:
        choose_candidates(name, None)
    assert raised.value.provider == name
    assert "cpu" in raised.value.available


@no_cuda
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "gpu", "CUDAExecutionProvider", "CUDA"])
def test_cuda_on_a_cpu_wheel(name: str, tiny_model) -> None:
    """`load` refuses before it opens any file, and names the wheel."""
    with pytest.raises(ProviderUnavailableError, match=r"pip uninstall onnxruntime, then pip install 'onnxhub\[gpu\]'"):
        onnxhub.load("text-classification", tiny_model(), name)
    with pytest.raises(ProviderUnavailableError):
        onnxhub.load("text-classification", "/no/such/folder", name)


@no_cuda
@pytest.mark.parametrize("names", [("cuda", "cpu"), ["tensorrt", "cuda:1", "CPUExecutionProvider"], "auto"])
def test_a_sequence_falls_back(names: object, tiny_model, caplog: pytest.LogCaptureFixture) -> None:
    """A sequence or "auto" takes the first that runs; `provider` says which, and the log what was named and is missing."""
    model = onnxhub.load("text-classification", tiny_model(), names)
    missing = [] if names == "auto" else [name.partition(":")[0] for name in names[:-1]]
    assert [record.args[0] for record in caplog.records if record.levelno == logging.WARNING] == missing
    assert model.provider == model.info.provider == "cpu"
    assert model.session.get_providers()[0] == "CPUExecutionProvider"


@no_cuda
def test_what_comes_after_the_one_that_runs_is_no_ones_concern(caplog: pytest.LogCaptureFixture) -> None:
    """It would not be tried, so nothing is said of it."""
    assert choose_candidates(["cpu", "cuda"], None) == [Provider("cpu", {})]
    assert not caplog.records


@no_cuda
def test_after_a_fall_back_a_model_is_run_as_on_the_provider_alone(
    tiny_model, caplog: pytest.LogCaptureFixture
) -> None:
    """As many batches at once, of as many tokens."""
    asked = onnxhub.load("text-classification", tiny_model()).backend
    task = get_task("text-classification")
    ready = carry_out(plan_files(open_repository(tiny_model()), task.ort_class, FileRequest(), fetch=True))
    with pytest.warns(UserWarning, match="is not in available provider"):
        backend = open_model(
            ready, task, config={}, providers=[Provider("cuda", {}), Provider("cpu", {})], compiled=False,
            options=SessionOptions(), batch_tokens=None, outputs=None,
        )  # fmt: skip
    assert (backend.session.provider, backend.lanes.number) == ("cpu", count_usable_cores())
    assert (backend.lanes.number, backend.batch_tokens) == (asked.lanes.number, asked.batch_tokens)
    backend.close()


@no_cuda
def test_the_error_of_a_provider_that_does_not_run_keeps_no_session(tiny_model) -> None:
    """ONNX Runtime has built one on the CPU by then; whoever keeps the traceback must not keep its weights."""
    path = tiny_model() / "model.onnx"
    with (
        pytest.warns(UserWarning, match="is not in available provider"),
        pytest.raises(ProviderUnavailableError) as raised,
    ):
        build_session(path, [Provider("cuda", {})], SessionOptions())
    values = [value for frame, _ in walk_tb(raised.tb) for value in frame.f_locals.values()]
    assert values
    assert not [value for value in values if isinstance(value, onnxruntime.InferenceSession)]


@no_cuda
@pytest.mark.parametrize("names", [("cuda", "tensorrt"), ["cuda"]])
def test_a_sequence_of_which_none_runs(names: object) -> None:
    """The error is about the first."""
    with pytest.raises(ProviderUnavailableError, match="provider 'cuda' cannot run here"):
        choose_candidates(names, None)


@pytest.mark.parametrize(
    ("name", "nearest"), [("cudo", "cuda"), ("tensorflow", "tensorrt"), ("open-vino", "openvino"), ("CPUs", "cpu")]
)
def test_a_misspelt_name_gets_the_nearest(name: str, nearest: str) -> None:
    """The message has the name that was meant, and all there are."""
    with pytest.raises(
        InvalidOptionError, match=rf"provider='{name}': expected one of cpu, .*did you mean '{nearest}'"
    ):
        choose_candidates(name, None)


@pytest.mark.parametrize(
    "name", ["", ":", "cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cpu:0", "auto:1", (), [None], [1]]
)
def test_what_is_no_provider(name: object) -> None:
    """Empty names, devices that are no number, no names at all, and other types."""
    with pytest.raises((InvalidOptionError, ProviderUnavailableError)) as raised:
        choose_candidates(name, None)
    assert type(raised.value) is InvalidOptionError


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_its_provider(alias: str) -> None:
    """Also in capitals."""
    assert _parse(alias, {}) == _parse(alias.upper(), {}) == Provider(ALIASES[alias], {})


def test_a_device_index_becomes_an_option() -> None:
    """An option that says the device itself wins."""
    assert _parse("cuda:1", {}) == Provider("cuda", {"device_id": 1})
    assert _parse("CUDAExecutionProvider:2", {"a": "b"}) == Provider("cuda", {"device_id": 2, "a": "b"})
    assert _parse("cuda:1", {"device_id": 3}) == Provider("cuda", {"device_id": 3})
    assert _parse("cuda:1", {}).is_gpu
    assert not _parse("cpu", {}).is_gpu


def test_provider_options_reach_the_session(tiny_model) -> None:
    """The options are ONNX Runtime's, as strings."""
    model = onnxhub.load(
        "text-classification", tiny_model(), provider_options={"arena_extend_strategy": "kNextPowerOfTwo"}
    )
    assert "CPUExecutionProvider" in model.session.get_provider_options()


def test_what_onnx_runtime_says_stays_off_the_log(tiny_model, caplog: pytest.LogCaptureFixture) -> None:
    """A load that goes well logs nothing from warnings up."""
    with caplog.at_level(logging.WARNING):
        onnxhub.load("text-classification", tiny_model())
    assert not caplog.records


def test_onnx_runtime_may_not_fall_back_by_itself(tiny_model) -> None:
    """It would print so to stdout and go on with the CPU, while the model says otherwise."""
    assert not onnxhub.load("text-classification", tiny_model()).session._enable_fallback
