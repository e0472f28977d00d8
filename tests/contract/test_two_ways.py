"""Two ways to one model agree: by its name, by "auto", from a pickle, by a one-liner, exported, and as inspect foretells it.

The folders are those that people have: without a config.json, with everything in ``onnx/``, in parts, under other names.
"""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import onnxhub
from onnxhub._backend.files.layout import add_files_beside
from onnxhub._backend.repository.repository import open_repository
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.cli.compile import compile as compile_model
from onnxhub.cli.export import export
from onnxhub.errors import (
    AmbiguousFileError,
    ExportError,
    MissingDependencyError,
    NoOnnxFileError,
    OnnxHubError,
    TaskMismatchError,
    UnclearTaskError,
    VariantNotFoundError,
)
from tests.runtime import compiles
from tests.tiny import make_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "a good one"
CONTEXT = "Ada wrote it."


def without(task: str, *names: str, **options: Any) -> Callable[[Path], Path]:
    """A folder of the task that lacks some of its files."""

    def make(folder: Path) -> Path:
        make_model(folder, task, **options)
        for name in names:
            (folder / name).unlink()
        return folder

    return make


def inside(place: str, *, root: tuple[str, ...] = (), task: str = "text-classification") -> Callable[[Path], Path]:
    """A folder whose files lie in a folder of it, but for those that are named."""

    def make(folder: Path) -> Path:
        make_model(folder / place, task)
        for name in root:
            shutil.move(folder / place / name, folder / name)
        (folder / "README.md").write_text("# A model\n", encoding="utf-8")
        return folder

    return make


def in_parts(*bases: str, config: bool = True) -> Callable[[Path], Path]:
    """An encoder and a decoder by these names; here each is a classifier."""

    def make(folder: Path) -> Path:
        make_model(folder, file=f"{bases[0]}.onnx", config_extra={"architectures": ["MarianMTModel"]})
        for base in bases[1:]:
            shutil.copy(folder / f"{bases[0]}.onnx", folder / f"{base}.onnx")
        if not config:
            (folder / "config.json").unlink()
        return folder

    return make


def renamed(task: str, outputs: dict[str, str], **options: Any) -> Callable[[Path], Path]:
    """A folder whose graph calls its outputs something else."""

    def make(folder: Path) -> Path:
        model = onnx.load(make_model(folder, task, **options) / "model.onnx")
        for node in model.graph.node:
            node.output[:] = [outputs.get(name, name) for name in node.output]
        for value in model.graph.output:
            value.name = outputs.get(value.name, value.name)
        onnx.save(model, folder / "model.onnx")
        return folder

    return make


def with_modules(*kinds: str, files: tuple[str, ...] = ("model.onnx",)) -> Callable[[Path], Path]:
    """A folder of sentence-transformers with these modules, and these files of weights."""

    def make(folder: Path) -> Path:
        make_model(folder, "feature-extraction")
        listed = [
            {"type": f"sentence_transformers.models.{kind}", "path": f"{n}_{kind}"} for n, kind in enumerate(kinds)
        ]
        (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
        if "model.onnx" not in files:
            (folder / "model.onnx").unlink()
        for name in files:
            (folder / name).touch()
        return folder

    return make


def weights_of(**config: object) -> Callable[[Path], Path]:
    """A folder with PyTorch's weights alone."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / "model.safetensors").write_bytes(b"x")
        return folder

    return make


@dataclass(frozen=True)
class Case:
    """An odd folder, and what it is loaded as."""

    name: str
    make: Callable[[Path], Path]
    task: str
    """By its own name, whatever else tells it."""
    error: type[OnnxHubError] | None = None
    """What comes of that."""
    auto: type[OnnxHubError] | None = None
    """What comes of "auto", if that is something else."""


CASES = [
    Case("vectors without a config.json", without("feature-extraction", "config.json"), "feature-extraction"),
    Case("answers without a config.json", without("question-answering", "config.json"), "question-answering"),
    Case("labels without a config.json", without("text-classification", "config.json"), "text-classification"),
    Case("tags without a config.json", without("token-classification", "config.json"), "token-classification", auto=UnclearTaskError),
    Case("words without a config.json", without("fill-mask", "config.json"), "fill-mask", auto=UnclearTaskError),
    Case("without names of labels", without("text-classification", config_extra={"id2label": None, "label2id": None}), "text-classification"),
    Case("with too many labels", without("text-classification", config_extra={"id2label": {str(n): str(n) for n in range(9)}}),
         "text-classification", TaskMismatchError),
    Case("with labels from 1", without("token-classification", config_extra={"id2label": {"1": "O"}}), "token-classification", TaskMismatchError),
    Case("all of it in onnx/", inside("onnx"), "text-classification"),
    Case("its tokenizer in onnx/", inside("onnx", root=("config.json",)), "text-classification"),
    Case("its graph alone in onnx/", inside("onnx", root=("config.json", "tokenizer.json", "tokenizer_config.json")), "text-classification"),
    Case("all of it in a folder of its own", inside("export/fp32"), "text-classification"),
    Case("vectors in onnx/", inside("onnx", task="feature-extraction"), "feature-extraction"),
    Case("a name of its own", without("text-classification", file="mine.onnx"), "text-classification"),
    Case("two names of their own", lambda path: make_model(make_model(path, file="mine.onnx"), file="yours.onnx"),
         "text-classification", AmbiguousFileError),
    Case("two other folders", lambda path: make_model(make_model(path, file="a/model.onnx"), file="b/model.onnx"),
         "text-classification", VariantNotFoundError),
    Case("an output of another name", renamed("text-classification", {"logits": "output_0"}), "text-classification"),
    Case("an output of another name, for tokens", renamed("token-classification", {"logits": "output_0"}), "token-classification"),
    Case("outputs of other names", renamed("question-answering", {"start_logits": "s", "end_logits": "e"}), "question-answering", TaskMismatchError),
    Case("an output that is something else", renamed("text-classification", {"logits": "pooler_output"}), "text-classification", TaskMismatchError),
    Case("no tokenizer", without("text-classification", "tokenizer.json"), "text-classification", TaskMismatchError),
    Case("a graph alone", without("text-classification", "config.json", "tokenizer.json", "tokenizer_config.json"), "text-classification", TaskMismatchError),
    Case("a graph of another task", without("token-classification"), "text-classification", TaskMismatchError),
    Case("modules", with_modules("Transformer", "Pooling", "Normalize"), "feature-extraction"),
    Case("an unknown module", with_modules("Transformer", "LSTM"), "feature-extraction", TaskMismatchError),
    Case("an unknown module, not converted", with_modules("StaticEmbedding", files=("model.safetensors",)), "feature-extraction", TaskMismatchError),
    Case("parts", in_parts("encoder_model", "decoder_model"), "text2text-generation"),
    Case("parts by shorter names", in_parts("encoder", "decoder", "decoder_with_past"), "text2text-generation"),
    Case("parts without a config.json", in_parts("encoder", "decoder", config=False), "text2text-generation", auto=UnclearTaskError),
    Case("static embeddings", weights_of(model_type="model2vec", architectures=["StaticModel"]), "feature-extraction", ExportError),
    Case("a type of model that nobody knows", weights_of(model_type="nonesuch", architectures=["BertModel"]), "feature-extraction",
         ExportError if find_spec("transformers") else MissingDependencyError),
    Case("no type of model", weights_of(architectures=["BertModel"]), "feature-extraction", ExportError),
    Case("the folder around a model", lambda path: weights_of(model_type="bert")(path / "inner").parent, "feature-extraction", NoOnnxFileError),
]  # fmt: skip

ONE_LINERS: dict[str, Callable[[Path], object]] = {
    "feature-extraction": lambda folder: onnxhub.embed(TEXT, model=folder),
    "text-classification": lambda folder: onnxhub.classify(TEXT, model=folder),
    "token-classification": lambda folder: onnxhub.tag(TEXT, model=folder),
    "question-answering": lambda folder: onnxhub.answer(TEXT, CONTEXT, model=folder),
    "fill-mask": lambda folder: onnxhub.fill_mask("a [MASK]", model=folder),
}


def answer(model: Any) -> object:
    """What a model says of one input of its kind."""
    if model.info.task == "question-answering":
        return model(TEXT, CONTEXT)
    if model.info.task == "text2text-generation":
        ids = np.ones((1, 3), np.int64)
        given = {"input_ids": ids, "attention_mask": ids, "token_type_ids": np.zeros_like(ids)}
        return [model(given, part=part)["logits"].tolist() for part in model.sessions]
    found = model("a [MASK]" if model.info.task == "fill-mask" else TEXT)
    return found.tolist() if isinstance(found, np.ndarray) else found


def outcome(load: Callable[[], Any]) -> tuple[object, ...]:
    """Task and answer of a model, or the class and the text of its error."""
    try:
        with load() as model:
            return model.info.task, answer(model)
    except OnnxHubError as error:
        return type(error), str(error)


def every(cases: list[Case]) -> pytest.MarkDecorator:
    """Parametrise a test by cases."""
    return pytest.mark.parametrize("case", cases, ids=[case.name.replace(" ", "-") for case in cases])


@pytest.fixture
def folder(case: Case, tmp_path: Path) -> Path:
    """Its folder."""
    return case.make(tmp_path / "model")


@every(CASES)
def test_auto_and_the_name_give_the_same_model(case: Case, folder: Path) -> None:
    """Or the same error: what "auto" has found is opened as if it had been named."""
    by_name = outcome(lambda: onnxhub.load(case.task, folder))
    assert by_name[0] is (case.error or by_name[0])
    assert isinstance(by_name[0], str) == (case.error is None), by_name
    by_auto = outcome(lambda: onnxhub.load("auto", folder))
    if case.auto is not None:
        assert by_auto[0] is case.auto
    elif case.error is None:
        assert by_auto == by_name
    elif isinstance(by_auto[0], str):
        assert by_auto[0] != case.task, "it was named for another task than the one that it is for"
    else:
        assert by_auto == by_name or by_auto[0] is UnclearTaskError


@every([case for case in CASES if case.error is None])
def test_a_pickle_is_the_same_model(case: Case, folder: Path) -> None:
    """Whatever way it was loaded."""
    names = [case.task] if case.auto else [case.task, "auto"]
    for name in names:
        model = onnxhub.load(name, folder)
        again = pickle.loads(pickle.dumps(model))
        # The second was told its task; and a folder has its full path in a pickle.
        told = replace(model.info, task_reason=again.info.task_reason, model_id=again.info.model_id)
        assert (again.info, answer(again)) == (told, answer(model))


@every(CASES)
def test_inspect_foretells_it(case: Case, folder: Path) -> None:
    """For a task that is named, and for "auto": the task, and whether there is an error, and which."""
    for name in (case.task, "auto"):
        told = inspect_repository(add_files_beside(open_repository(folder)), name)
        found = outcome(lambda name=name: onnxhub.load(name, folder))  # type: ignore[misc]
        if isinstance(found[0], str):
            assert (told.error, told.task and told.task.name) == (None, found[0])
        else:
            assert (type(told.error), str(told.error)) == found


@every([case for case in CASES if case.task in ONE_LINERS])
def test_the_one_liner_gives_the_same(case: Case, folder: Path) -> None:
    """As the model that was loaded."""
    try:
        found = ONE_LINERS[case.task](folder)
    except OnnxHubError as error:
        assert type(error) is case.error
        return
    finally:
        onnxhub.unload()
    expected = answer(onnxhub.load(case.task, folder))
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected


@every(CASES)
def test_an_export_is_the_same_model(
    case: Case, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is written where the model loads, by its name and by "auto", and gives the same answers."""
    for name in (case.task, "auto"):
        made = tmp_path / f"made-{name}"
        expected = outcome(lambda name=name: onnxhub.load(name, folder))  # type: ignore[misc]
        try:
            export(str(folder), output=made, task=name)
        except OnnxHubError as error:
            assert type(error) is expected[0]
            assert not made.exists()
            continue
        assert isinstance(expected[0], str), expected
        assert outcome(lambda made=made, name=name: onnxhub.load(name, made)) == expected  # type: ignore[misc]
    capsys.readouterr()


@compiles
@every(CASES)
def test_compiling_takes_what_loads(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And refuses what does not, with the same error."""
    try:
        compile_model(str(folder), task=case.task)
    except OnnxHubError as error:
        assert type(error) is case.error
    else:
        assert case.error is None
    capsys.readouterr()
