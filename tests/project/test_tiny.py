"""The tiny models that other tests rest on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tokenizers import Encoding, Tokenizer

from tests import tiny

TASKS = tuple(tiny.ARCHITECTURES)
LONG = 256


def _encode(folder: Path, inputs: Sequence[Any]) -> list[Encoding]:
    """Tokenise with the folder's own tokenizer."""
    encodings: list[Encoding] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch(list(inputs))
    return encodings


def _run(path: Path, encodings: Sequence[Encoding], side: str = "right", extra: int = 0) -> dict[str, np.ndarray]:
    """Run padded encodings through the graph."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    width = max(len(encoding) for encoding in encodings) + extra
    columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    feeds = {}
    for given in session.get_inputs():
        rows = [getattr(encoding, columns[given.name]) for encoding in encodings]
        fill = [[0] * (width - len(row)) for row in rows]
        padded = [pad + row if side == "left" else row + pad for row, pad in zip(rows, fill, strict=True)]
        array = np.array(padded, np.int64)
        feeds[given.name] = array[:, np.newaxis] if len(given.shape) == 3 else array  # of one choice each
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def _unpadded(rows: np.ndarray, row: int, length: int, width: int, side: str) -> np.ndarray:
    """Cut one row's padding away where the output has an axis of positions."""
    kept: np.ndarray = rows[row]
    if rows.ndim == 1 or rows.shape[1] != width:
        return kept
    return kept[width - length :] if side == "left" else kept[:length]


def _inputs(task: str) -> Sequence[Any]:
    """Give the inputs that suit the task."""
    return tiny.PAIRS if task == "question-answering" else tiny.TEXTS


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("task", TASKS)
def test_padding_changes_nothing(task: str, side: str, tmp_path: Path) -> None:
    """A padded batch gives each text what it gets alone."""
    folder = tiny.make_model(tmp_path, task, max_length=LONG)
    encodings = _encode(folder, _inputs(task))
    together = _run(folder / "model.onnx", encodings, side, extra=5)
    width = max(map(len, encodings)) + 5
    for number, encoding in enumerate(encodings):
        for name, alone in _run(folder / "model.onnx", [encoding]).items():
            kept = _unpadded(together[name], number, len(encoding), width, side)
            np.testing.assert_allclose(kept, alone[0], atol=5e-6, rtol=0)


def test_labels_differ_between_texts(tmp_path: Path) -> None:
    """Every default label is somebody's answer."""
    for task in ("text-classification", "token-classification"):
        folder = tiny.make_model(tmp_path / task, task, max_length=LONG)
        encodings = _encode(folder, tiny.TEXTS)
        logits = _run(folder / "model.onnx", encodings)["logits"]
        assert set(logits.argmax(-1).ravel()) == set(range(len(tiny.LABELS[task])))


def test_order_and_segment_matter(tmp_path: Path) -> None:
    """The same words in another order, or in the other segment, give other logits."""
    folder = tiny.make_model(tmp_path)
    encodings = _encode(folder, ["man bites dog", "dog bites man", ("man bites", "dog"), ("man", "bites dog")])
    logits = _run(folder / "model.onnx", encodings)["logits"]
    assert np.abs(logits[0] - logits[1]).max() > 1e-3
    assert np.abs(logits[2] - logits[3]).max() > 1e-3


def test_few_pieces_are_unknown(tmp_path: Path) -> None:
    """The vocabulary covers the texts, and splits some words."""
    encodings = _encode(tiny.make_model(tmp_path), tiny.TEXTS)
    tokens = [token for encoding in encodings for token in encoding.tokens]
    assert tokens.count("[UNK]") == 0
    assert sum(token.startswith("##") for token in tokens) > 20


@pytest.mark.parametrize("external_data", ["single", "shards"])
def test_external_data_is_read(external_data: tiny.ExternalData, tmp_path: Path) -> None:
    """Weights beside the graph give the same outputs as weights inside it."""
    inside = tiny.make_model(tmp_path / "inside", file="onnx/model.onnx", max_length=LONG)
    beside = tiny.make_model(tmp_path / "beside", file="onnx/model.onnx", max_length=LONG, external_data=external_data)
    encodings = _encode(inside, tiny.TEXTS)
    expected, got = (_run(folder / "onnx" / "model.onnx", encodings)["logits"] for folder in (inside, beside))
    np.testing.assert_array_equal(got, expected)
    names = sorted(path.name for path in (beside / "onnx").iterdir())
    shards = ["model.onnx", "model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"]
    assert names == (shards if external_data == "shards" else shards[:2])


@pytest.mark.parametrize(("dtype", "tolerance"), [("fp16", 0.05), ("int8", 0.5), ("uint8", 0.5)])
@pytest.mark.parametrize("task", TASKS)
def test_variants_are_close(task: str, dtype: tiny.Dtype, tolerance: float, tmp_path: Path) -> None:
    """The smaller variants run and stay near the float32 graph."""
    folder = tiny.make_model(tmp_path, task, max_length=LONG)
    tiny.make_model(tmp_path, task, max_length=LONG, file="small.onnx", dtype=dtype)
    encodings = _encode(folder, _inputs(task))
    exact, small = _run(folder / "model.onnx", encodings), _run(folder / "small.onnx", encodings)
    assert list(exact) == list(small)
    for name, rows in small.items():
        assert rows.dtype == (np.float16 if dtype == "fp16" else np.float32)
        assert np.abs(rows.astype(np.float32) - exact[name]).mean() < tolerance


@pytest.mark.parametrize("task", TASKS)
def test_nan_model_spoils_only_its_word(task: str, tmp_path: Path) -> None:
    """A text with the word gives nothing finite; its neighbours in the batch are untouched."""
    folder = tiny.nan_model(tmp_path, task)
    for rows in _run(folder / "model.onnx", _encode(folder, ["a good one", "all is Kaputt here"])).values():
        assert np.isfinite(rows[0]).all()
        assert np.isnan(rows[1]).any()


def test_sentence_outputs_are_normalised(tmp_path: Path) -> None:
    """The sentence graph gives unit vectors beside the token vectors."""
    folder = tiny.make_model(tmp_path, "feature-extraction", sentence_outputs=True, max_length=LONG)
    outputs = _run(folder / "model.onnx", _encode(folder, tiny.TEXTS))
    assert list(outputs) == ["token_embeddings", "sentence_embedding"]
    np.testing.assert_allclose(np.linalg.norm(outputs["sentence_embedding"], axis=-1), 1, atol=1e-6)


def test_extras_overlay_and_remove(tmp_path: Path) -> None:
    """An extra key replaces one of the files' own, and None removes it."""
    folder = tiny.make_model(
        tmp_path, config_extra={"id2label": None, "model_type": "distilbert"}, token_type_ids=False
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "distilbert"
    assert "id2label" not in config
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert tokenizer["model_input_names"] == ["input_ids", "attention_mask"]


@pytest.mark.parametrize("legacy", [True, False])
def test_sentence_transformers_files(legacy: bool, tmp_path: Path) -> None:
    """The module files name each other, and the dense weights have the announced length."""
    folder = tiny.make_model(tmp_path, "feature-extraction")
    tiny.write_sentence_transformers(folder, "cls", dense=True, prompts={"query": "query: "}, legacy=legacy)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    assert [module["path"] for module in modules] == ["", "1_Pooling", "2_Dense", "3_Normalize"]
    data = (folder / "2_Dense" / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert header["linear.weight"]["shape"] == [8, 16]
    assert len(data) == 8 + size + 4 * (8 * 16 + 8)
