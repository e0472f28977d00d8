"""Architectures that have an attention mask and read padding all the same give each text what it gives alone."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from tests import tiny
from tests.oracle.peers import COUNTS, close, transformers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

torch: Any = pytest.importorskip("torch")

CONFIG = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
          "max_position_embeddings": 64, "initializer_range": 0.5}  # fmt: skip
FAMILIES: dict[str, dict[str, int]] = {
    "ConvBert": {"embedding_size": 16, "head_ratio": 2, "conv_kernel_size": 9},
    "Nystromformer": {"num_landmarks": 64, "segment_means_seq_len": 64, "conv_kernel_size": 9},
}
HEADS = {
    "text-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "question-answering": "ForQuestionAnswering",
    "feature-extraction": "Model",
}
TEXTS = ["a", "the film is good and the film is bad", "good", "a good film", "a bad film and a good film", "the end"]
LONG = " ".join(TEXTS * 6)


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Any]:
    """``load(family, task)``: a small random model, exported once."""
    from optimum.exporters.onnx import onnx_export_from_model

    made: dict[tuple[str, str], Path] = {}

    def build(family: str, task: str, folder: Path) -> None:
        tokenizer = tiny.make_tokenizer()
        labels = 2 if task == "question-answering" else 3
        config = getattr(transformers, f"{family}Config")(
            vocab_size=tokenizer.get_vocab_size(), num_labels=labels, **CONFIG, **FAMILIES[family]
        )
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            model = getattr(transformers, family + HEADS[task])(config).eval()
            onnx_export_from_model(model, folder, task=task, do_validation=False)
        tiny.write_tokenizer(folder, tokenizer)

    def load_once(family: str, task: str) -> Any:
        if (family, task) not in made:
            made[family, task] = tmp_path_factory.mktemp(family)
            build(family, task, made[family, task])
        return onnxhub.load(task, made[family, task])

    return load_once


@pytest.mark.parametrize("task", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_are_the_same_alone_and_in_a_list(load: Callable[[str, str], Any], family: str, task: str) -> None:
    """Within 1e-5, in any order, the first time and later; and padding would have made a difference."""
    model = load(family, task)
    inputs = [(text, "good film") for text in TEXTS] if task == "question-answering" else TEXTS
    alone = [model.outputs(text) for text in inputs]
    for order in (slice(None), slice(None, None, -1), slice(None)):
        found = model.outputs(inputs[order])
        for place, outputs in enumerate(alone[order]):
            for name, [values] in outputs.items():
                own = found[name][place][tuple(map(slice, values.shape))]
                close(values, own, f"neighbours, {task}", 1e-5)
    assert model.backend.neighbours(tuple(outputs)).need_one_length
    COUNTS["neighbours: inputs in lists"] += 3 * len(inputs)


@pytest.mark.parametrize("family", FAMILIES)
def test_windows_are_the_same_alone_and_in_their_document(load: Callable[[str, str], Any], family: str) -> None:
    """The last window of a document is shorter than the others, and gives what it gives in a batch of its own."""
    for task, text in (("token-classification", LONG), ("question-answering", ("a good film", LONG))):
        model = load(family, task)
        [encoded] = model.encode(text)
        found = model.outputs(text)
        assert len({row["input_ids"].shape for row in encoded.rows}) > 1
        for place, row in enumerate(encoded.rows):
            alone = model.backend.run({name: values[np.newaxis] for name, values in row.items()}, tuple(found))
            for name, [values] in alone.items():
                own = found[name][place][tuple(map(slice, values.shape))]
                close(values, own, f"neighbours, windows of {task}", 1e-5)
        COUNTS["neighbours: windows"] += len(encoded.rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_list_is_what_transformers_gives_one_by_one(load: Callable[[str, str], Any], family: str) -> None:
    """One text at a time is what transformers runs by default, and its scores are those of our lists."""
    model = load(family, "text-classification")
    folder = model.info.model_id
    theirs = transformers.pipeline(
        "text-classification", model=_torch_model(family), tokenizer=transformers.AutoTokenizer.from_pretrained(folder),
        device="cpu",
    )  # fmt: skip
    for expected, actual in zip(theirs(TEXTS), model(TEXTS), strict=True):
        close(np.array(expected["score"]), np.array(actual.score), "neighbours, transformers", 1e-5)
        assert expected["label"] == actual.label


def _torch_model(family: str) -> Any:
    """Make the text classifier again, as it was exported."""
    config = getattr(transformers, f"{family}Config")(
        vocab_size=tiny.make_tokenizer().get_vocab_size(), num_labels=3, **CONFIG, **FAMILIES[family]
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, f"{family}ForSequenceClassification")(config).eval()
