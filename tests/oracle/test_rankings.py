"""text-ranking and sparse-feature-extraction beside sentence-transformers, multiple-choice beside torch by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from tests.oracle.peers import COUNTS, close, transformers, zoo

torch: Any = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")

SPARSE = ("bert", "distilbert", "mpnet", "roberta")


def _cases(task: str) -> list[tuple[str, zoo.Flavour]]:
    """List the architectures of a task, in both flavours."""
    return [(name, flavour) for name, _ in zoo.cases([task]) for flavour in zoo.FLAVOURS]


@pytest.mark.parametrize("activation", ["", "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"])
@pytest.mark.parametrize(("architecture", "flavour"), _cases("text-ranking"))
def test_text_ranking(zoo_root: Path, tmp_path: Path, architecture: str, flavour: zoo.Flavour, activation: str) -> None:
    """The order and the scores are those of a CrossEncoder, with each activation, old and new ways to name it."""
    folder = shutil.copytree(zoo.build(zoo_root, architecture, "text-ranking", flavour), tmp_path / "model")
    _set_activation(folder / "config.json", activation, nested=flavour == "real")
    theirs = sentence_transformers.CrossEncoder(str(folder), device="cpu", local_files_only=True)
    ours = onnxhub.load("text-ranking", folder)
    # Every text of its own kind: words that are unknown alike would tie, and ties have no order.
    for query, documents in (("film and book", zoo.texts(71, 6)), ("Paris?", zoo.texts(72, 5)), ("very good", ["one"])):
        expected = theirs.rank(query, documents)
        found = ours(query, documents)
        close([one["score"] for one in expected], [one.score for one in found], "typed, text-ranking")
        by_index = {one.index: one.score for one in found}
        close(
            [one["score"] for one in expected], [by_index[one["corpus_id"]] for one in expected], "typed, text-ranking"
        )
        if not _ties([one["score"] for one in expected]):
            assert [one["corpus_id"] for one in expected] == [one.index for one in found]
            COUNTS["typed, text-ranking: orders"] += 1
        logits = theirs.predict([(query, one.text) for one in found], activation_fn=torch.nn.Identity())
        close(logits, [one.logit for one in found], "typed, text-ranking")
        assert [one.text for one in found] == [documents[one.index] for one in found]


def _set_activation(path: Path, activation: str, *, nested: bool) -> None:
    """Name an activation in the configuration, as newer models do or as older ones."""
    config = json.loads(path.read_text())
    if activation and nested:
        config["sentence_transformers"] = {"activation_fn": activation}
    elif activation:
        config["sbert_ce_default_activation_function"] = activation
    path.write_text(json.dumps(config))


def _ties(scores: list[float]) -> bool:
    """Say whether two scores are too near to each other for an order."""
    return bool((np.diff(np.sort(np.asarray(scores, np.float64))) < 2e-4).any())


@pytest.mark.parametrize(("architecture", "flavour"), _cases("multiple-choice"))
def test_multiple_choice(zoo_root: Path, architecture: str, flavour: zoo.Flavour) -> None:
    """Probabilities are the softmax of torch's logits over the choices, each beside the prompt, which alone is cut."""
    folder = zoo.build(zoo_root, architecture, "multiple-choice", flavour)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = transformers.AutoModelForMultipleChoice.from_pretrained(folder).eval()
    ours = onnxhub.load("multiple-choice", folder)
    given = [(prompt, ("in a film", "by the river Paris?", "not", question)[: 2 + index % 3])
             for index, (question, prompt) in enumerate(zoo.qa_pairs(73, 12))]  # fmt: skip
    for (prompt, choices), result in zip(given, ours(given), strict=True):
        # Row by row, for nothing here may depend on padding.
        logits = [
            theirs(**_row(tokenizer(prompt, choice, truncation="only_first", return_tensors="pt"))).logits.item()
            for choice in choices
        ]
        expected = torch.tensor(logits).softmax(-1).numpy()
        close(expected[[one.index for one in result.ranking]], [one.score for one in result.ranking],
              "typed, multiple-choice")  # fmt: skip
        assert [one.choice for one in result.ranking] == [choices[one.index] for one in result.ranking]
        if not _ties(expected.tolist()):
            assert [one.index for one in result.ranking] == np.argsort(-expected).tolist()
            COUNTS["typed, multiple-choice: orders"] += 1


def _row(encoding: Any) -> dict[str, Any]:
    """Give a pair as the only choice of the only prompt."""
    return {name: values[None] for name, values in encoding.items()}


@pytest.mark.parametrize("activation", ["Identity", "Sigmoid"])
@pytest.mark.parametrize("prompt", [None, "film"], ids=["no-prompt", "prompt"])
def test_a_saved_cross_encoder(zoo_root: Path, tmp_path: Path, activation: str, prompt: str | None) -> None:
    """What save_pretrained writes, in its newest files, gives the scores of the same model, behind its default prompt."""
    folder = zoo.build(zoo_root, "bert", "text-ranking", zoo.FLAVOURS[0])
    theirs = sentence_transformers.CrossEncoder(
        str(folder), device="cpu", local_files_only=True, activation_fn=getattr(torch.nn, activation)(),
        prompts={"film": "good film "}, default_prompt_name=prompt,
    )  # fmt: skip
    theirs.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    for path in folder.rglob("*.onnx*"):
        shutil.copy(path, tmp_path / "saved" / path.name)
    ours = onnxhub.load("text-ranking", tmp_path / "saved")
    query, documents = "film and book", zoo.texts(75, 6)
    for options in ({}, {"prompt_name": "film"}):
        expected = theirs.predict([(query, document) for document in documents], **options)
        found = sorted(ours(query, documents, **options), key=lambda one: one.index)
        close(expected, [one.score for one in found], "typed, text-ranking")


@pytest.mark.parametrize("strategy", ["max", "sum"])
@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
@pytest.mark.parametrize("most", [None, 7])
def test_a_saved_sparse_encoder(
    zoo_root: Path, tmp_path: Path, strategy: Any, activation: Any, most: int | None
) -> None:
    """Strategy, activation, prompt and the number of weights are those of the model that was saved."""
    from sentence_transformers.sparse_encoder.models import MLMTransformer, SpladePooling

    folder = zoo.build(zoo_root, "bert", "fill-mask", zoo.FLAVOURS[0])
    theirs = sentence_transformers.SparseEncoder(
        modules=[MLMTransformer(str(folder)), SpladePooling(strategy, activation)], device="cpu",
        prompts={"film": "good film "}, default_prompt_name="film",
    )  # fmt: skip
    theirs.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    if most is not None:  # as 6.2 writes it
        settings = tmp_path / "saved" / "config_sentence_transformers.json"
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"max_active_dims": most}))
    for path in folder.rglob("*.onnx*"):
        shutil.copy(path, tmp_path / "saved" / path.name)
    texts = zoo.texts(76, 5)
    expected = theirs.encode(
        texts, convert_to_sparse_tensor=False, convert_to_tensor=True, batch_size=1, max_active_dims=most
    ).numpy()
    for row, one in zip(expected, onnxhub.load("sparse-feature-extraction", tmp_path / "saved")(texts), strict=True):
        assert np.flatnonzero(row).tolist() == list(one.indices)
        close(row[np.flatnonzero(row)], one.values, "typed, sparse-feature-extraction")


@pytest.mark.parametrize("flavour", zoo.FLAVOURS)
@pytest.mark.parametrize("architecture", SPARSE)
def test_sparse_embeddings(zoo_root: Path, architecture: str, flavour: zoo.Flavour) -> None:
    """Indices and weights are those of a SparseEncoder with SPLADE pooling, and so are products of two texts."""
    from sentence_transformers.sparse_encoder.models import MLMTransformer, SpladePooling

    folder = zoo.build(zoo_root, architecture, "fill-mask", flavour)
    modules = [MLMTransformer(str(folder)), SpladePooling(pooling_strategy="max")]
    theirs = sentence_transformers.SparseEncoder(modules=modules, device="cpu")
    ours = onnxhub.load("sparse-feature-extraction", folder)
    texts = ["", *zoo.texts(74, 16)]
    expected = theirs.encode(texts, convert_to_sparse_tensor=False, convert_to_tensor=True, batch_size=1).numpy()
    found = ours(texts)
    for row, one in zip(expected, found, strict=True):
        indices = np.flatnonzero(row)
        assert indices.tolist() == list(one.indices)
        close(row[indices], one.values, "typed, sparse-feature-extraction")
        best = np.argsort(-row, kind="stable")[:10]
        words = transformers.AutoTokenizer.from_pretrained(folder).convert_ids_to_tokens(best)
        known = {token: row[index] for token, index in zip(words, best, strict=True) if token is not None}
        assert all(abs(ours.words(one)[token] - weight) < 1e-4 for token, weight in known.items())
        COUNTS["typed, sparse-feature-extraction: equal"] += 1
    close(expected[1] @ expected[2] / 100, found[1].dot(found[2]) / 100, "typed, sparse-feature-extraction")
