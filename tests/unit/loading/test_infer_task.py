"""Which task a model is for: by its files, by its graph; and what to do where neither tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._contracts import registry as registry_module
from onnxhub._contracts.architectures import ARCHITECTURES
from onnxhub._contracts.built_in import BUILT_IN
from onnxhub._contracts.registry import get_task
from onnxhub._loading.infer_task import REFINED, infer_from_files, infer_from_graph, read_pipeline_tag
from onnxhub.errors import InvalidOptionError, UnclearTaskError
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("DebertaV2ForSequenceClassification", "text-classification"),
        ("BertModel", "feature-extraction"),
        ("GPT2LMHeadModel", "text-generation"),
        ("T5ForConditionalGeneration", "text2text-generation"),
        ("T5WithLMHeadModel", "text2text-generation"),
        ("MarianMTModel", "text2text-generation"),
        ("EncoderDecoderModel", "text2text-generation"),
        ("VisionEncoderDecoderModel", "image-to-text"),
        ("SpeechEncoderDecoderModel", "automatic-speech-recognition"),
        ("Speech2TextForConditionalGeneration", "automatic-speech-recognition"),
        ("WhisperForConditionalGeneration", "automatic-speech-recognition"),
        ("CLIPModel", "zero-shot-image-classification"),
    ],
)
def test_the_architecture_names_the_task(architecture: str, task: str) -> None:
    """A longer ending goes before a shorter one; the reason quotes config.json."""
    found = infer_from_files({"architectures": [architecture]}, (), {}, lambda: None)
    assert found is not None
    assert (found.task, found.reason) == (task, f"config.json says {architecture}")


def test_each_task_that_is_inferred_exists() -> None:
    """Under its canonical name; and the table of architectures says what the rows of the built-in tasks say."""
    tasks = {*ARCHITECTURES.values(), *REFINED, *(task for tasks in REFINED.values() for task in tasks)}
    assert {get_task(task).name for task in tasks} == tasks
    rows = map(get_task, BUILT_IN)
    assert {ending: task.name for task in rows for ending in task.architectures} == ARCHITECTURES


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of the test's own."""
    monkeypatch.setattr(registry_module, "_TASKS", dict(registry_module._TASKS))


def test_a_task_of_another_package_is_found_by_its_architectures(registry: None, tmp_path: Path) -> None:
    """A longer ending than a built-in task's counts, an equal one does not; `load("auto")` opens what it finds."""
    row = get_task("text-classification")
    onnxhub.register(replace(row, name="mine", aliases=(), architectures=("TinyForSequenceClassification",)))
    onnxhub.register(replace(row, name="taken", aliases=(), architectures=("ForSequenceClassification",)))
    folder = make_model(tmp_path / "mine", config_extra={"architectures": ["TinyForSequenceClassification"]})
    info = onnxhub.load("auto", folder).info
    assert (info.task, info.task_reason) == ("mine", "config.json says TinyForSequenceClassification")
    folder = make_model(tmp_path / "other", config_extra={"architectures": ["OtherForSequenceClassification"]})
    assert onnxhub.load("auto", folder).info.task == "text-classification"


@pytest.mark.parametrize("wrong", ["ForSequenceClassification", ("",)])
def test_an_ending_that_would_fit_everything_is_refused(wrong: object) -> None:
    """A text in the place of a tuple is its letters, and an empty ending fits every architecture."""
    with pytest.raises(InvalidOptionError, match=r"architectures=.*a tuple of texts"):
        onnxhub.register(replace(get_task("text-classification"), name="test-ending", aliases=(), architectures=wrong))


@pytest.mark.parametrize(
    ("config", "modules", "declared", "tag", "task"),
    [
        ({}, [{"type": "sentence_transformers.sparse_encoder.models.SpladePooling"}], {}, None, "sparse-feature-extraction"),
        ({}, [{"type": "sentence_transformers.models.Pooling"}], {}, None, "feature-extraction"),
        ({}, (), {"model_type": "CrossEncoder"}, None, "text-ranking"),
        ({"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}, (), {}, None, "text-ranking"),
        ({"architectures": ["BertForSequenceClassification"]}, (), {}, "text-ranking", "text-ranking"),
        ({"architectures": ["BertForSequenceClassification"]}, (), {}, "fill-mask", "text-classification"),
        ({"architectures": ["HubertForSequenceClassification"], "model_type": "hubert"}, (), {}, None, "audio-classification"),
        ({"architectures": ["SomethingElse"]}, (), {}, "token-classification", "token-classification"),
    ],
)  # fmt: skip
def test_other_files_name_the_task(
    config: dict[str, object], modules: list[object], declared: dict[str, object], tag: str | None, task: str
) -> None:
    """sentence-transformers' files first; the card refines an architecture, and is believed where there is none."""
    found = infer_from_files(config, modules, declared, lambda: tag)
    assert found is not None
    assert found.task == task


@pytest.mark.parametrize(
    ("shapes", "task"),
    [
        ({"start_logits": (None, None), "end_logits": (None, None)}, "question-answering"),
        ({"last_hidden_state": (None, None, 16)}, "feature-extraction"),
        ({"logits": (None, 3)}, "text-classification"),
        ({"logits": (None, None, 2)}, "token-classification"),
        ({"logits": (None, None, 99)}, "fill-mask"),
        ({"logits": (None, None, 7)}, None),
        ({"pixels": (None,)}, None),
    ],
)
def test_the_graph_tells_the_task(shapes: dict[str, tuple[int | None, ...]], task: str | None) -> None:
    """By the names of its outputs, and by the size of the last axis of logits."""
    found = infer_from_graph(shapes, {"id2label": {"0": "a", "1": "b"}, "vocab_size": 99})
    assert (found and found.task) == task


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"label2id": {"a": 0, "b": 1}}, "token-classification"),
        ({"id2label": {}, "label2id": {"a": 0, "b": 1}}, "token-classification"),
        ({"num_labels": 2}, "token-classification"),
        ({"num_labels": 3}, None),
        ({"num_labels": True}, None),
        ({"num_labels": "2", "id2label": None, "label2id": []}, None),
    ],
)
def test_labels_are_counted_wherever_they_are_declared(config: dict[str, object], task: str | None) -> None:
    """By `id2label`, else by `label2id`, else by `num_labels`, as they are named when the model is loaded."""
    found = infer_from_graph({"logits": (None, None, 2)}, {**config, "vocab_size": 99})
    assert (found and found.task) == task


def test_the_tag_of_a_card() -> None:
    """Only in its front matter, with quotes or without."""
    assert read_pipeline_tag('---\nlicense: mit\npipeline_tag: "fill-mask"\n---\n# Card\n') == "fill-mask"
    assert read_pipeline_tag("# Card\npipeline_tag: fill-mask\n") is None
    assert read_pipeline_tag("---\nlicense: mit\n---\npipeline_tag: fill-mask\n") is None
    assert read_pipeline_tag("---\npipeline_tag: fill-mask\n") is None
    assert read_pipeline_tag("\ufeff--- \n\npipeline_tag:  'fill-mask'\npipeline_tag: other\n---") == "fill-mask"


@pytest.mark.parametrize(
    "card", ["---" + "\n" * 10**7, "---\n" + " " * 10**7, "---\npipeline_tag:" + " " * 10**7, "-" * 10**7]
)
def test_a_card_of_any_size_is_read_in_no_time(card: str) -> None:
    """Only its beginning is looked at, a line at a time; ten million line ends would have taken days."""
    assert read_pipeline_tag(card) is None
    assert read_pipeline_tag("---\npipeline_tag: fill-mask\n" + card) in {"fill-mask", None}


@pytest.mark.parametrize("odd", [[], {}, ["hubert"], 5, None, True, 0.5])
def test_settings_of_other_types_tell_nothing(odd: object) -> None:
    """What should be a text and is none is passed over."""
    config = {"architectures": ["BertForSequenceClassification"], "model_type": odd}
    found = infer_from_files(config, [], {"model_type": odd}, lambda: None)
    assert found is not None
    assert found.task == "text-classification"


def test_a_folder_without_a_word_on_its_task(tmp_path: Path) -> None:
    """The graph is asked last; where it tells nothing, the error says what was looked at, and what to pass."""
    folder = make_model(tmp_path / "told", config_extra={"architectures": None})
    assert "its graph gives logits" in onnxhub.load("auto", folder).info.task_reason
    folder = make_model(
        tmp_path / "untold", "fill-mask", config_extra={"architectures": None, "vocab_size": 7}
    )  # fmt: skip
    with pytest.raises(UnclearTaskError, match=r"the graph's outputs \(logits\).*one of .*custom"):
        onnxhub.load("auto", folder)


@pytest.mark.parametrize(
    ("card", "task"),
    [
        ("---\npipeline_tag: zero-shot\n---\n", "zero-shot-classification"),
        ("---\npipeline_tag: object-detection\n---\n", "text-classification"),
        ("# A card without tags\n", "text-classification"),
    ],
)
def test_the_card_of_a_folder(card: str, task: str, tmp_path: Path) -> None:
    """By any name of the task; a tag that is no task here says nothing."""
    folder = make_model(tmp_path / "model", "zero-shot-classification")
    (folder / "README.md").write_text(card, encoding="utf-8")
    assert onnxhub.load("auto", folder).info.task == task
