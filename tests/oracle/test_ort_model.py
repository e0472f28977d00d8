"""``model.ort_model``: optimum's class over our session, for whatever else is written for such objects."""

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub._contracts.registry import get_task
from onnxhub.tasks.custom import PROCESSORS
from tests import tiny
from tests.oracle.peers import ORT_CLASSES, difference, optimum, reference, transformers, zoo

torch: Any = pytest.importorskip("torch")
images: Any = pytest.importorskip("PIL.Image")

from tests.oracle import families  # noqa: E402  # it needs optimum's exporters, which peers has found

TASKS = tuple(ORT_CLASSES)
RAW = [name for name in ("vit", "wav2vec2", "wav2vec2-ctc") if get_task(families.FAMILIES[name].task).raw]
"""Families whose processors can be made from nothing, as far as their tasks have arrays alone."""


def _load(root: Path, task: str) -> tuple[Path, Any]:
    """Load one model of the task."""
    folder = zoo.build(root, "bert", task)
    return folder, onnxhub.load(task, folder)


def _input(task: str) -> Any:
    """Give an input of the task in transformers' form."""
    context = "Ada Lovelace wrote the book in London."
    return {"question": "Who wrote it?", "context": context} if task == "question-answering" else context


@pytest.mark.parametrize("task", TASKS)
def test_is_of_the_class_over_the_same_session(zoo_root: Path, task: str) -> None:
    """The object is of the task's class, is made once, and holds the model's own session."""
    _, model = _load(zoo_root, task)
    assert type(model.ort_model) is getattr(optimum, ORT_CLASSES[task])
    assert model.ort_model is model.ort_model
    assert model.ort_model.session is model.session


@pytest.mark.parametrize("task", TASKS)
def test_works_in_a_pipeline(zoo_root: Path, task: str) -> None:
    """Transformers' pipeline takes it, and gives what it gives for a model that optimum loaded."""
    folder, model = _load(zoo_root, task)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ours = transformers.pipeline(task, model=model.ort_model, tokenizer=tokenizer, device="cpu")
    expected, actual = reference(folder, task)(_input(task)), ours(_input(task))
    assert str(expected) == str(actual)


@pytest.mark.parametrize("name", RAW)
def test_works_in_the_pipeline_of_a_task_over_arrays(name: str, tmp_path: Path) -> None:
    """As the error that the model raises for an image or for sound tells: with the processors of its folder."""
    families.build(name, tmp_path)
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "images")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "sound")
    folders = {
        "image_processor": tmp_path / "images",
        "feature_extractor": tmp_path / "sound",
        "tokenizer": tiny.make_model(tmp_path / "texts"),
    }
    task = families.FAMILIES[name].task
    parts = {part: str(folders[part]) for part in PROCESSORS[task]}
    pipe = transformers.pipeline(task, model=onnxhub.load(task, tmp_path).ort_model, device="cpu", **parts)
    found = pipe(images.new("RGB", (16, 16)) if name == "vit" else np.zeros(800, np.float32))
    labels = {entry["label"] for entry in found} if isinstance(found, list) else set()
    assert labels == set(onnxhub.load(task, tmp_path).info.labels)
    assert labels or isinstance(found["text"], str)


@pytest.mark.parametrize("task", TASKS)
def test_saves_a_folder_that_loads(zoo_root: Path, task: str, tmp_path: Path) -> None:
    """What it saves, with a tokenizer beside it, is loaded by optimum and by us, with the same results."""
    folder, model = _load(zoo_root, task)
    model.ort_model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    given = _input(task)
    assert str(reference(folder, task)(given)) == str(reference(tmp_path, task)(given))
    ours, again = onnxhub.pipeline(task, folder), onnxhub.pipeline(task, tmp_path)
    assert not difference(ours(given), again(given))


def test_refuses_to_move(zoo_root: Path) -> None:
    """It cannot be moved to another device, or made of another dtype, for the session is shared."""
    _, model = _load(zoo_root, "text-classification")
    for asked in ("cuda", torch.device("cuda", 1), 0, torch.float16, "nonesuch"):
        with pytest.raises(TypeError, match="provider"):
            model.ort_model.to(asked)


def test_stays_where_it_is(zoo_root: Path) -> None:
    """Whoever asks for what it is already gets the model, as from optimum; and it is freed like any object."""
    _, model = _load(zoo_root, "text-classification")
    ort_model = model.ort_model
    for asked in ((), ("cpu",), (torch.device("cpu"),), (torch.float32,), ("cpu", torch.float32), (None,)):
        assert ort_model.to(*asked) is ort_model
    assert ort_model.to(device="cpu", dtype=torch.float32) is ort_model
    alone = weakref.ref(ort_model)
    model.close()
    del ort_model, model
    assert alone() is None


def test_code_of_the_repository_is_not_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A configuration that names code of its own is refused, without a question on the terminal."""
    folder = tiny.make_model(tmp_path, config_extra={"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}})
    (folder / "own.py").write_text("open('canary', 'w')")
    model = onnxhub.load("text-classification", folder)
    with pytest.raises(onnxhub.errors.TaskMismatchError, match=r"transformers cannot read its config\.json"):
        _ = model.ort_model
    assert not capfd.readouterr().out
    assert not (folder / "canary").exists()
