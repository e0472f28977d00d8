"""What `load` will open, what has to be made first, and why: said once, before anything is made."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx
import pytest

import onnxhub
from onnxhub._backend.kept import building
from onnxhub._backend.making import exporters
from onnxhub._backend.making.export import Export
from onnxhub._backend.making.quantize import Quantize
from onnxhub._backend.model_files import RepositoryFiles
from onnxhub._backend.plan import ChosenFiles, FilePlan, FileRequest, carry_out, plan_files
from onnxhub._backend.repository.repository import Repository, open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._loading import request as request_module
from onnxhub._loading.request import LoadRequest
from onnxhub._loading.resolve import resolve
from onnxhub.errors import IntegrityError, InvalidOptionError, TaskMismatchError, UnclearTaskError, VariantNotFoundError
from onnxhub.testing import CannedBackend
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path

TASK = "text-classification"


def test_a_model_that_is_there_needs_no_step(tmp_path: Path) -> None:
    """Its files by role, its task and the reason; a folder has no commit."""
    found = resolve(open_repository(make_model(tmp_path / "model")), None, FileRequest())
    assert (found.commit, found.known_task.name) == (None, TASK)
    assert found.task_reason == "config.json says BertForSequenceClassification"
    assert {role: choice.file for role, choice in found.files.items()} == {"model": "model.onnx"}
    assert (found.steps, found.problems) == ((), ())


def test_a_variant_that_is_missing_is_a_step(tmp_path: Path) -> None:
    """It is described, and nothing is made until it is run; the result is then the file that is chosen."""
    repository = open_repository(make_model(tmp_path / "model", seed=41))
    request = FileRequest(dtype="int8")
    for fetch in (False, True):
        found = resolve(repository, get_task(TASK), request, fetch=fetch)
        (step,) = found.steps
        assert isinstance(step, Quantize)
        assert step.description == "model_int8.onnx would be made of model.onnx (by the package onnx)"
        assert (found.files, step.files, step.maker) == ({}, {}, "")
    done = step.run()
    assert done.run() is done
    plan = plan_files(repository, found.known_plan.ort_class, request, fetch=False, done=(done,))
    assert [choice.file for choice in plan.choices.values()] == ["model_int8.onnx"]
    assert plan.reason.startswith("dtype='int8' was asked for, made of model.onnx by onnxruntime ")


def test_a_conversion_that_is_missing_is_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the package that would make it; after it, the files are chosen of what was made."""
    monkeypatch.setattr(exporters, "find_version", lambda _: "1.0")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))  # what is made here is no other test's
    folder = make_model(tmp_path / "model")
    model = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").rename(folder / "model.safetensors")
    repository = open_repository(folder)
    found = resolve(repository, get_task(TASK), FileRequest())
    (step,) = found.steps
    assert isinstance(step, Export)
    assert found.known_plan.reason == step.description
    assert step.description.startswith("it has no ONNX file: it would be converted, once (by the package ")
    assert step.convert(repository) is None

    entry = building.make("exported", step.origin.key, {}, lambda made: (made / "model.onnx").write_bytes(model))
    done = replace(step, entry=entry)
    assert done.run() is done
    plan = plan_files(repository, step.ort_class, FileRequest(), fetch=True, done=(done,))
    assert [choice.file for choice in plan.choices.values()] == ["model.onnx"]
    assert plan.reason.startswith("converted from PyTorch's weights by ")


def test_problems_are_raised_or_told(tmp_path: Path) -> None:
    """Where files may be fetched, the first is raised; else all are in the resolution, with what is known all the same."""
    repository = open_repository(make_model(tmp_path / "model", config_extra={"architectures": None}, file="a_q4.onnx"))
    (tmp_path / "model" / "a_q4.onnx").write_bytes(b"")
    request = FileRequest(dtype="fp16")
    told = resolve(repository, None, request, fetch=False)
    assert [type(problem) for problem in told.problems] == [IntegrityError, VariantNotFoundError]
    assert (told.task, told.plan, told.files, told.steps) == (None, None, {}, ())
    with pytest.raises(IntegrityError):
        resolve(repository, None, request)
    with pytest.raises(IntegrityError):
        assert told.known_plan
    with pytest.raises(UnclearTaskError):
        assert told.known_task


def test_a_load_asks_for_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time, a file of the Hub's cache is checked against what the Hub says of it."""
    folder = make_model(tmp_path / "model", external_data="shards")
    onnxhub.load("auto", folder)
    asked: Counter[str] = Counter()
    path = Repository.path

    def count(self: Repository, name: str) -> Path:
        asked[name] += 1
        return path(self, name)

    monkeypatch.setattr(Repository, "path", count)
    onnxhub.load("auto", folder)
    assert {"config.json", "model.onnx", "tokenizer.json"} <= asked.keys()
    assert len([name for name in asked if name.startswith("model.onnx")]) == 4
    assert set(asked.values()) == {1}


def test_a_text_of_the_repository(tmp_path: Path) -> None:
    """In UTF-8, of any name; None where there is no such file, and a file of other bytes is refused by its name."""
    folder = make_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{{ 'né' }}\n", encoding="utf-8")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with onnxhub.load(TASK, folder) as model:
        assert model.backend.text("chat_template.jinja") == "{{ 'né' }}\n"
        assert model.backend.text("vocab.txt") is None
        with pytest.raises(IntegrityError, match=r"binary\.txt.*no text in UTF-8"):
            model.backend.text("binary.txt")


def test_a_text_has_a_bound(tmp_path: Path) -> None:
    """A file of weights under the name of a text is not read into memory."""
    folder = make_model(tmp_path / "model")
    with (folder / "merges.txt").open("wb") as file:
        file.truncate(2**25 + 1)
    files = RepositoryFiles(open_repository(folder), {})
    with pytest.raises(IntegrityError, match="a text may have 33,554,432"):
        files.text("merges.txt")


def test_canned_models_have_texts() -> None:
    """By their names among the files, as JSON files are."""
    backend = CannedBackend({"logits": [0.0]}, files={"vocab.txt": "a\nb\n", "modules.json": []})
    assert (backend.text("vocab.txt"), backend.text("modules.json"), backend.text("other")) == ("a\nb\n", None, None)


def test_a_card_that_names_a_task_that_is_not_here(tmp_path: Path) -> None:
    """The error about an unclear task says what that is; of a name that nobody has, it says nothing."""
    folder = make_model(tmp_path / "model")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    graph = onnx.load(folder / "model.onnx")
    graph.graph.output[0].name = graph.graph.node[-1].output[0] = "boxes"
    onnx.save(graph, folder / "model.onnx")
    for tag, hint in (
        ("text-to-video", "its card says text-to-video: it is not here yet: "),
        ("zzz", "name it: one of"),
    ):
        (folder / "README.md").write_text(f"---\npipeline_tag: {tag}\n---\n", encoding="utf-8")
        with pytest.raises(UnclearTaskError, match=rf"the graph's outputs \(boxes\); {hint}"):
            onnxhub.load("auto", folder)


def test_a_conversion_that_would_be_refused_is_no_step(tmp_path: Path) -> None:
    """What the settings say against it is told first."""
    folder = make_model(tmp_path / "model", "feature-extraction")
    (folder / "model.onnx").rename(folder / "model.safetensors")
    (folder / "modules.json").write_text('[{"type": "sentence_transformers.models.LSTM", "path": "1_LSTM"}]')
    task = get_task("feature-extraction")
    found = resolve(open_repository(folder), task, FileRequest(), fetch=False)
    assert isinstance(found.problems[0], TaskMismatchError)


def test_a_variant_that_is_cleared_away_while_it_is_opened_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and the session another process may clear it away: all of it is done once more."""
    folder = make_model(tmp_path / "model", seed=42)
    onnxhub.load(TASK, folder, dtype="fp16", compiled=False).close()
    cleared: list[Path] = []

    def clear(plan: FilePlan) -> ChosenFiles:
        ready = carry_out(plan)
        if not cleared:
            cleared.extend(ready.repository.generated.values())
            shutil.rmtree(cleared[0].parent)
        return ready

    monkeypatch.setattr(request_module, "carry_out", clear)
    with onnxhub.load(TASK, folder, dtype="fp16", compiled=False) as model:
        assert model.info.reason.startswith("dtype='fp16' was asked for, made of model.onnx")
    assert len(cleared) == 1
    assert cleared[0].exists()


@pytest.mark.parametrize(
    ("option", "value"), [("threads", 0), ("export", "yes"), ("file", 5), ("outputs", {"logits": 1}), ("task", None)]
)
def test_a_request_is_checked_when_it_is_made(option: str, value: object) -> None:
    """Whatever is done with it, it is one that `load` takes."""
    with pytest.raises(InvalidOptionError, match=option):
        LoadRequest(**{"model_id": "org/name", option: value})  # type: ignore[arg-type]
