"""Every setting of sentence-transformers' files is read, or refused by its name; no weights, no graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub._toolkit.sentence_transformers.layers import ACTIVATIONS, SIMILARITIES, Dense, LayerNorm
from onnxhub._toolkit.sentence_transformers.settings import read_settings
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from onnxhub.testing import CannedBackend
from tests import tiny

EMBED, RANK, SPARSE = "feature-extraction", "text-ranking", "sparse-feature-extraction"
OUTPUTS = {
    EMBED: {"last_hidden_state": [[3.0, 4.0, 0.0, 0.0]] * 3},
    RANK: {"logits": [2.0]},
    SPARSE: {"logits": [[0.0, 1.0, 3.0], [2.0, 0.0, 0.0], [0.0, 0.0, -1.0]]},
}
OLD, NEW = "sentence_transformers.models.", "sentence_transformers.base.modules."
MODEL, BERT, POOLING = "config_sentence_transformers.json", "sentence_bert_config.json", "1_Pooling/config.json"
DENSE = {"in_features": 4, "out_features": 2, "bias": False, "activation_function": "torch.nn.modules.linear.Identity"}


def _listed(*kinds: str) -> list[dict[str, Any]]:
    """List modules by their full or last names, the transformer in the root."""
    return [
        {"idx": index, "name": str(index), "path": f"{index}_{kind.rpartition('.')[2]}" if index else "",
         "type": kind if "." in kind else OLD + kind}
        for index, kind in enumerate(kinds)
    ]  # fmt: skip


def _backend(task: str, files: Mapping[str, Any], **config: Any) -> CannedBackend:
    """Give a model whose files say this."""
    return CannedBackend(OUTPUTS[task], config=config, files=files)


@dataclass(frozen=True)
class Weighted(CannedBackend):
    """A canned model with weights for every file of them."""

    tensors: Mapping[str, Any] | None = None

    def weights(self, name: str) -> Mapping[str, Any] | None:
        """Give the same for all."""
        del name
        return None if self.tensors is None else {key: np.asarray(one, np.float32) for key, one in self.tensors.items()}


POOLED = {"modules.json": _listed("Transformer", "Pooling")}
SPLADE = {"modules.json": _listed("MLMTransformer", "SpladePooling")}

UNKNOWN: list[tuple[str, Mapping[str, Any], str]] = [
    (EMBED, {MODEL: {"new_thing": 3}}, "config_sentence_transformers.json says new_thing: 3, which is not known"),
    (EMBED, {MODEL: {"max_active_dims": 3}}, "says max_active_dims: 3"),
    (EMBED, {MODEL: {"activation_fn": "torch.nn.modules.activation.Tanh"}}, "says activation_fn"),
    (EMBED, {MODEL: {"truncate_dim": "4"}}, 'says truncate_dim: "4", where a number is expected'),
    (EMBED, {MODEL: {"truncate_dim": True}}, "says truncate_dim: true"),
    (EMBED, {MODEL: {"truncate_dim": 0}}, "says truncate_dim: 0, where a number of at least 1"),
    (EMBED, {MODEL: {"similarity_fn_name": "angle"}}, 'says similarity_fn_name: "angle", and known are cosine, dot'),
    (EMBED, {MODEL: {"prompts": {"query": 3}}}, r'says prompts: \{"query": 3\}'),
    (EMBED, {MODEL: {"prompts": ["query"]}}, "says prompts"),
    (EMBED, {MODEL: {"prompts": {}, "default_prompt_name": "query"}}, "default prompt 'query' is none of its prompts"),
    (EMBED, {MODEL: {"model_type": "CrossEncoder"}}, r"which is for text-ranking: load\('text-ranking', ...\)"),
    (EMBED, {MODEL: {"model_type": "Other"}}, "says model_type"),
    (RANK, {MODEL: {"truncate_dim": 4}}, "says truncate_dim: 4"),
    (RANK, {MODEL: {"model_type": "SentenceTransformer"}}, "which is for feature-extraction"),
    (RANK, {MODEL: {"activation_fn": "torch.nn.modules.activation.Tanh"}}, "only Sigmoid and Identity are known"),
    (RANK, {MODEL: {"activation_fn": "mine.Sigmoid"}}, "wants the activation mine.Sigmoid"),
    (SPARSE, {MODEL: {"truncate_dim": 4}}, "says truncate_dim: 4"),
    *[
        (task, {BERT: {key: value}}, f"sentence_bert_config.json says {key}")
        for task in (EMBED, RANK, SPARSE)
        for key, value in {
            "transformer_task": "text-generation",
            "module_output_name": "other",
            "modality_config": {"message": {"method": "forward", "method_output_name": "logits"}},
            "processing_kwargs": {"chat_template": {"add_generation_prompt": True}},
            "query_length": 32,
            "query_expansion": {"strategy": "fixed"},
            "model_args": {"rope_scaling": 2},
            "config_kwargs": {"is_causal": False},
            "tokenizer_args": {"truncation_side": "left"},
            "do_lower_case": "yes",
            "new_thing": True,
        }.items()
    ],
    (EMBED, {BERT: {"modality_config": {"text": {"method": "get_text_features", "method_output_name": "pooler_output"}}}},
     "says modality_config"),
    (EMBED, {BERT: {"modality_config": {"image": {"method": "forward", "method_output_name": "last_hidden_state"}}}},
     "says modality_config"),
    (EMBED, {BERT: {"processing_kwargs": {"text": {"add_special_tokens": False}}}}, "says processing_kwargs"),
    (EMBED, {BERT: {"processing_kwargs": {"common": {"truncation": False}}}}, "says processing_kwargs"),
    (EMBED, {"sentence_roberta_config.json": {"new_thing": 1}}, "sentence_roberta_config.json says new_thing: 1"),
    (EMBED, {**POOLED, POOLING: {"pooling_mode": "mean", "new_thing": 1}}, "1_Pooling/config.json says new_thing: 1"),
    (EMBED, {**POOLED, POOLING: {"pooling_mode_other_tokens": True}}, "its pooling is 'pooling_mode_other_tokens'"),
    (EMBED, {**POOLED, POOLING: {"pooling_mode": []}}, "its pooling is no mode"),
    (EMBED, {**POOLED, POOLING: {"include_prompt": 0}}, "says include_prompt: 0"),
    (SPARSE, {**SPLADE, "1_SpladePooling/config.json": {"pooling_strategy": "mean"}}, 'says pooling_strategy: "mean"'),
    (SPARSE, {**SPLADE, "1_SpladePooling/config.json": {"activation_function": "gelu"}}, "says activation_function"),
    (SPARSE, {**SPLADE, "1_SpladePooling/config.json": {"new_thing": 1}}, "1_SpladePooling/config.json says new_thing: 1"),
    (SPARSE, {"idf.json": {"a": 1.0}}, "it has an idf.json.*asymmetric"),
    (EMBED, {"1_Dense/config.json": DENSE}, "it has 1_Dense/config.json and no modules.json"),
    *[(EMBED, {"modules.json": [entry]}, "has an entry without a type or a path") for entry in ("a", {"path": ""}, {"type": 3})],
]  # fmt: skip


@pytest.mark.parametrize(("task", "files", "message"), UNKNOWN, ids=[f"{row[0]}: {row[2]}" for row in UNKNOWN])
def test_an_unknown_setting_is_refused(task: str, files: Mapping[str, Any], message: str) -> None:
    """A key or value that changes results and is not known is an error that names file, key and value."""
    with pytest.raises(TaskMismatchError, match=message):
        _backend(task, files).load(task)


HARMLESS: list[tuple[str, Mapping[str, Any]]] = [
    (EMBED, {MODEL: {"__version__": {"sentence_transformers": "6.2.0"}, "requirements": {"transformers": ">=5"}}}),
    (EMBED, {MODEL: {"prompts": None, "default_prompt_name": None, "truncate_dim": None, "new_thing": None}}),
    (RANK, {MODEL: {"activation_fn": None, "keep_in_fp32_modules": ["norm"], "new_thing": {}}}),
    (EMBED, {BERT: {"unpad_inputs": True, "query_length": None, "processing_kwargs": {"image": {"size": 3}}}}),
    (EMBED, {BERT: {"model_args": {"torch_dtype": "float16"}, "tokenizer_args": {"model_max_length": 8}}}),
    (EMBED, {BERT: {"processing_kwargs": {"text": {"padding": True, "truncation": "longest_first"}}}}),
    (EMBED, {**POOLED, POOLING: {"word_embedding_dimension": 4, "pooling_mode_other_tokens": False}}),
    (SPARSE, {**SPLADE, "1_SpladePooling/config.json": {"word_embedding_dimension": 3, "chunk_size": 2}}),
]


@pytest.mark.parametrize(("task", "files"), HARMLESS)
def test_what_changes_nothing_is_no_matter(task: str, files: Mapping[str, Any]) -> None:
    """Versions, sizes, how torch computes, and keys that say nothing leave the results as they are."""
    plain = _backend(task, POOLED if task == EMBED else {}).load(task)
    given = ("a", ["b"]) if task == RANK else "a"
    assert np.array_equal(_backend(task, files).load(task)(given), plain(given))


MODULES: list[tuple[str, tuple[str, ...], str]] = [
    (EMBED, ("Transformer", "Pooling", "pylate.models.Dense.Dense"), "multi-vector model.*pylate.models.Dense.Dense"),
    (EMBED, ("Transformer", "Pooling", "mine.Dense"), "modules.json has mine.Dense; .*mine.Dense is of another library"),
    (EMBED, ("custom_st.Transformer", "Pooling"), "custom_st.Transformer is of another library"),
    (EMBED, ("Transformer", "Dense"), "multi-vector model.* no Pooling"),
    (EMBED, ("Transformer", "sentence_transformers.multi_vector_encoder.modules.MultiVectorMask"), "multi-vector model"),
    (EMBED, ("Transformer",), "there must be a Pooling"),
    (EMBED, ("Transformer", "Normalize", "Pooling"), "in this order"),
    (EMBED, ("Transformer", "Pooling", "Pooling"), "in this order"),
    (EMBED, ("Pooling", "Transformer"), "in this order"),
    *[(EMBED, (kind,), f"modules.json has {kind}; {kind}: ")
      for kind in ("Router", "Asym", "StaticEmbedding", "CLIPModel", "WeightedLayerPooling")],
    *[(EMBED, (kind,), f"modules.json has {kind}; known are Transformer, Pooling")
      for kind in ("BoW", "CNN", "LSTM", "WordEmbeddings", "WordWeights")],
    (RANK, ("Transformer", "LogitScore"), "LogitScore: its score is made of the logits of two words"),
    (RANK, ("Transformer", "Pooling"), "modules.json has Pooling; known are Transformer"),
    (SPARSE, ("Router",), "modules.json has Router; Router: queries and documents go different ways"),
    (SPARSE, ("SparseStaticEmbedding",), "SparseStaticEmbedding: its vectors are looked up"),
    (SPARSE, ("Transformer", "Pooling", "SparseAutoEncoder"), "SparseAutoEncoder: its weights"),
    (SPARSE, ("Transformer",), "there must be a SpladePooling"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "kinds", "message"), MODULES, ids=[f"{row[0]}: {row[1]}" for row in MODULES])
def test_an_unknown_module_is_refused(task: str, kinds: tuple[str, ...], message: str) -> None:
    """A module that is not known, or is of another library, is named, with the reason where there is one."""
    with pytest.raises(TaskMismatchError, match=message):
        _backend(task, {"modules.json": _listed(*kinds)}).load(task)


@pytest.mark.parametrize("task", [EMBED, RANK, SPARSE])
@pytest.mark.parametrize(
    ("files", "config"),
    [
        ({MODEL: {"model_type": "ColBERT"}}, {}),
        ({MODEL: {"model_type": "MultiVectorEncoder"}}, {}),
        ({MODEL: {"similarity_fn_name": "MaxSim"}}, {}),
        ({MODEL: {"query_prefix": "[Q] "}}, {}),
        ({}, {"architectures": ["HF_ColBERT"]}),
        ({}, {"architectures": ["ColQwen2ForRetrieval"]}),
    ],
)
def test_a_multi_vector_model_is_refused(task: str, files: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Late interaction has a vector for each token: whatever tells of it, no mean of them is taken."""
    with pytest.raises(TaskMismatchError, match="it is a multi-vector model"):
        _backend(task, files, **config).load(task)


def test_a_router_is_refused_where_the_graph_pools() -> None:
    """A graph with all modules in it is one way of an asymmetric model, and does not say which."""
    backend = CannedBackend({"sentence_embedding": [1.0]}, files={"modules.json": _listed("Router")})
    with pytest.raises(TaskMismatchError, match=r"modules\.json has Router: queries and documents go different ways"):
        backend.load(EMBED)


@pytest.mark.parametrize("old", [True, False], ids=["config.json says Sigmoid", "config.json says nothing"])
def test_the_newer_file_says_the_activation(old: bool) -> None:
    """Since 5.4 it is in config_sentence_transformers.json, which wins over config.json."""
    config = {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}} if old else {}
    files = {MODEL: {"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.linear.Identity"}}
    (one,) = _backend(RANK, files, **config).load(RANK)("a", ["b"])
    assert (one.score, one.logit) == (2.0, 2.0)


PROMPTS = {MODEL: {"prompts": {"query": "find ", "none": None}, "default_prompt_name": "query"}}


@pytest.mark.parametrize("task", [EMBED, RANK, SPARSE])
def test_prompts(tmp_path: Path, task: str) -> None:
    """The default prompt stands before the text, or the query; another can be named, and a null one is empty."""
    folder = tiny.make_model(tmp_path, {RANK: RANK, EMBED: EMBED, SPARSE: "fill-mask"}[task], texts=["find me"])
    tiny._write_json(folder / MODEL, PROMPTS[MODEL])
    model: Any = onnxhub.load(task, folder)

    def tokens(given: Any) -> list[str]:
        ids = given.encode(("me", ["you"]) if task == RANK else "me")[0].rows[0]["input_ids"]
        return given.backend.tokenizer.tokens(ids)  # type: ignore[no-any-return]

    assert tokens(model)[:3] == ["[CLS]", "find", "me"]
    assert tokens(model.with_options(prompt_name=None))[:2] == ["[CLS]", "me"]
    assert tokens(model.with_options(prompt_name="none"))[:2] == ["[CLS]", "me"]
    with pytest.raises(InvalidOptionError, match="prompt_name='other': expected 'query', 'none'"):
        model.with_options(prompt_name="other")


@pytest.mark.parametrize("file", [BERT, "sentence_roberta_config.json", "sentence_xlnet_config.json"])
@pytest.mark.parametrize(
    "settings",
    [
        {"max_seq_length": 5},
        {"processing_kwargs": {"text": {"max_length": 5}}, "max_seq_length": 9},
        {"processor_kwargs": {"model_max_length": 5}, "max_seq_length": 9},
    ],
)
def test_the_length_of_a_text(tmp_path: Path, file: str, settings: Mapping[str, Any]) -> None:
    """It is read from each file and key that sentence-transformers reads; what is nearest to the call wins."""
    folder = tiny.make_model(tmp_path, EMBED)
    tiny._write_json(folder / file, settings)
    assert onnxhub.load(EMBED, folder).info.max_length == 5


def test_a_length_that_the_tokenizer_does_not_see_is_refused() -> None:
    """In the transformer's own folder a limit would be passed over."""
    modules = [{**one, "path": one["path"] or "0_Transformer"} for one in POOLED["modules.json"]]
    files = {"modules.json": modules, f"0_Transformer/{BERT}": {"max_seq_length": 5}}
    with pytest.raises(TaskMismatchError, match=r"0_Transformer/sentence_bert_config\.json says max_seq_length: 5"):
        _backend(EMBED, files).load(EMBED)


def test_truncate_dim_of_the_model() -> None:
    """The file's cut is the default; an option wins, and None takes all."""
    model = _backend(EMBED, {**POOLED, MODEL: {"truncate_dim": 1}}).load(EMBED)
    assert model("a").tolist() == [3.0]
    assert model("a", truncate_dim=2).tolist() == [3.0, 4.0]
    assert model("a", truncate_dim=None).shape == (4,)


def test_a_graph_that_normalises() -> None:
    """What it cuts gets the length 1 again; how long it was is not known any more, so that is an error."""
    files = {"modules.json": _listed("Transformer", "Pooling", "Dense", "Normalize")}
    model = CannedBackend({"sentence_embedding": [0.6, 0.8, 0.0]}, files=files).load(EMBED)
    assert model("a").tolist() == pytest.approx([0.6, 0.8, 0.0])
    assert model("a", truncate_dim=1).tolist() == [1.0]
    with pytest.raises(InvalidOptionError, match="normalize=False: expected True, for the graph itself"):
        model("a", normalize=False)
    plain = CannedBackend({"sentence_embedding": [3.0, 4.0]}, files=POOLED).load(EMBED)
    assert plain("a", normalize=False).tolist() == [3.0, 4.0]


def test_an_only_output_gets_the_length_1() -> None:
    """Under a name of its own, a graph may be without the last step that modules.json lists; twice does no harm."""
    files = {"modules.json": _listed("Transformer", "Pooling", "LSTM", "Normalize")}
    model = CannedBackend({"embeddings": [3.0, 4.0]}, files=files).load(EMBED)
    assert model("a").tolist() == pytest.approx([0.6, 0.8])
    assert model("a", normalize=False).tolist() == [3.0, 4.0]


def test_a_graph_of_a_text_tower() -> None:
    """What torch's model calls the method that gives its vectors is no matter where the graph gives them."""
    text = {"method": "get_text_features", "method_output_name": "pooler_output"}
    settings = {"modality_config": {"text": text, "image": {}}, "module_output_name": "sentence_embedding"}
    files: dict[str, Any] = {"modules.json": _listed("Transformer"), BERT: settings}
    assert CannedBackend({"text_embeds": [3.0, 4.0]}, files=files).load(EMBED)("a").tolist() == [3.0, 4.0]
    with pytest.raises(TaskMismatchError, match="says module_output_name"):
        _backend(EMBED, {**POOLED, BERT: settings}).load(EMBED)
    files[BERT] = {"modality_config": {"text": text, "message": text}}
    with pytest.raises(TaskMismatchError, match="chat template"):
        CannedBackend({"text_embeds": [3.0, 4.0]}, files=files).load(EMBED)


def test_a_dense_layer_without_its_file() -> None:
    """Its activation would be a guess."""
    with pytest.raises(TaskMismatchError, match=r"it has no 2_Dense/config\.json"):
        _backend(EMBED, {"modules.json": _listed("Transformer", "Pooling", "Dense")}).load(EMBED)


def test_a_graph_that_pools_the_prompt() -> None:
    """Where the prompt must be left out of the pooling, such a graph can be given none."""
    files = {**POOLED, POOLING: {"include_prompt": False}, MODEL: {"prompts": {"query": "find "}}}
    backend = CannedBackend({"sentence_embedding": [3.0]}, files=files)
    assert backend.load(EMBED)("a").tolist() == [3.0]
    with pytest.raises(InvalidOptionError, match="prompt_name='query': expected None, for the graph pools a prompt"):
        backend.load(EMBED)("a", prompt_name="query")
    files[MODEL] = {"prompts": {"query": "find "}, "default_prompt_name": "query"}
    with pytest.raises(TaskMismatchError, match="its graph pools its default prompt"):
        CannedBackend({"sentence_embedding": [3.0]}, files=files).load(EMBED)


@pytest.mark.parametrize("name", ["text_embeds", "embeddings", "dense_vecs", "pooler_output", "output_0", "463"])
def test_an_only_output_of_another_name(name: str) -> None:
    """One vector for a text can only be its embedding; with an axis of tokens, the model's pooling applies."""
    vector = CannedBackend({name: [3.0, 4.0]}).load(EMBED)
    assert vector("a", normalize=True).tolist() == pytest.approx([0.6, 0.8])
    with pytest.raises(InvalidOptionError, match="pooling='mean'"):
        vector("a", pooling="mean")
    tokens = CannedBackend({name: [[3.0], [1.0], [2.0]]}).load(EMBED)
    assert tokens("a", pooling="cls").tolist() == [3.0]


@pytest.mark.parametrize(
    ("outputs", "architecture"),
    [
        ({"logits": [1.0, 2.0]}, "BertModel"),
        ({"scores": [1.0, 2.0]}, "BertModel"),
        ({"output_0": [1.0, 2.0]}, "BertForSequenceClassification"),
        ({"output_0": [[1.0, 2.0]]}, "BertForMaskedLM"),
        ({"one": [1.0, 2.0], "other": [1.0]}, "BertModel"),
        ({"output_0": [[[1.0]]]}, "BertModel"),
    ],
)
def test_an_output_of_another_task_is_no_vector(outputs: Mapping[str, Any], architecture: str) -> None:
    """A name or an architecture that is of another task, or a second output, leave it unclear: an error."""
    with pytest.raises(TaskMismatchError, match="its graph gives"):
        CannedBackend(outputs, config={"architectures": [architecture]}).load(EMBED)


def test_the_mean_is_said_where_nothing_says_it(caplog: pytest.LogCaptureFixture) -> None:
    """A repository without a pooling is mean-pooled, and the log tells so."""
    with caplog.at_level("INFO", "onnxhub"):
        _backend(EMBED, {**POOLED, POOLING: {"pooling_mode": "mean"}}).load(EMBED)
        assert not caplog.messages
        _backend(EMBED, {}).load(EMBED)
        _backend(EMBED, POOLED).load(EMBED)
    assert caplog.messages == ["canned does not say how it pools: the mean of its token vectors is taken"] * 2


@pytest.mark.parametrize(
    ("strategy", "activation", "expected"),
    [
        ("max", "relu", [np.log(3), np.log(2), np.log(4)]),
        ("sum", "relu", [np.log(3), np.log(2), np.log(4)]),
        ("max", "log1p_relu", np.log1p(np.log([3, 2, 4]))),
        ("sum", "log1p_relu", np.log1p(np.log([3, 2, 4]))),
    ],
)
def test_splade_pooling(strategy: str, activation: str, expected: Any) -> None:
    """Strategy and activation are those of its folder, and so is how many words are kept."""
    folder = {"pooling_strategy": strategy, "activation_function": activation}
    files = {**SPLADE, "1_SpladePooling/config.json": folder, MODEL: {"max_active_dims": 2}}
    model = _backend(SPARSE, files).load(SPARSE)
    assert model("a", top_k=None).values == pytest.approx(expected)
    assert model("a").indices == (0, 2)


def test_splade_sums_over_tokens() -> None:
    """A word at two tokens has the sum of its weights, or the larger one."""
    outputs = {"logits": [[1.0], [3.0], [0.0]]}
    post = onnxhub.SparseEmbeddingPostprocessor
    (total,) = CannedBackend(outputs).load(SPARSE, postprocessor=post(strategy="sum"))("a").values
    (largest,) = CannedBackend(outputs).load(SPARSE)("a").values
    assert (total, largest) == (pytest.approx(np.log(2) + np.log(4)), pytest.approx(np.log(4)))
    for bad in ({"strategy": "mean"}, {"activation": "gelu"}):
        with pytest.raises(InvalidOptionError, match=next(iter(bad))):
            post(**bad)  # type: ignore[arg-type]


LINEAR = {"linear.weight": np.ones((2, 4)), "linear.bias": [1.0, 2.0]}
WRONG: list[tuple[Mapping[str, Any], Mapping[str, Any] | None, str]] = [
    ({}, None, "2_Dense has no model.safetensors"),
    ({}, {"linear.weight": np.ones((2, 4))}, "2_Dense/model.safetensors lacks linear.bias"),
    ({}, {**LINEAR, "linear.bias": [1.0]}, r"linear.bias in its 2_Dense/model.safetensors is of the shape \(1,\), and should be of \(2,\)"),
    ({"bias": False}, LINEAR, "2_Dense/model.safetensors has linear.bias, which its configuration does not speak of"),
    ({"use_residual": True}, LINEAR, "lacks residual.weight"),
    ({"use_residual": True}, {**LINEAR, "residual.weight": np.ones((4, 2))}, "residual.weight in its"),
    ({}, {**LINEAR, "linear.weight": np.ones(4)}, "has 1 axes, not 2"),
    ({}, {**LINEAR, "linear.weight": np.ones((2, 3))}, "says in_features: 4, and linear.weight .* is of 3"),
    ({"out_features": 3}, LINEAR, "says out_features: 3, and linear.weight .* is of 2"),
    ({"activation_function": "torch.nn.modules.activation.Softmax"}, LINEAR, "has the activation torch.nn.modules.activation.Softmax; known are"),
    ({"activation_function": "mine.Tanh"}, LINEAR, "has the activation mine.Tanh"),
    ({"module_input_name": "token_embeddings"}, LINEAR, "says module_input_name"),
    ({"new_thing": 1}, LINEAR, "2_Dense/config.json says new_thing: 1"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "tensors", "message"), WRONG, ids=[row[2] for row in WRONG])
def test_a_dense_layer_that_does_not_fit(
    settings: Mapping[str, Any], tensors: Mapping[str, Any] | None, message: str
) -> None:
    """Its weights are checked where the model is loaded, with the name of the file, and not at the first call."""
    modules = {"modules.json": _listed("Transformer", "Pooling", "Dense")}
    files = {**modules, "2_Dense/config.json": {**DENSE, "bias": True, **settings}}
    with pytest.raises(TaskMismatchError, match=message):
        Weighted(OUTPUTS[EMBED], files=files, tensors=tensors).load(EMBED)


@pytest.mark.parametrize(
    ("dimension", "tensors", "message"),
    [
        (4, None, "its layer norm has no 2_LayerNorm/model.safetensors"),
        (4, {"norm.weight": [1.0] * 4}, "lacks norm.bias"),
        (4, {"norm.weight": [1.0] * 4, "norm.bias": [0.0]}, "norm.bias in its"),
        (None, {"norm.weight": [1.0] * 4, "norm.bias": [0.0] * 4, "norm.more": [1.0]}, "has norm.more"),
    ],
)
def test_a_layer_norm_that_does_not_fit(dimension: int | None, tensors: Mapping[str, Any] | None, message: str) -> None:
    """It is checked as a dense layer is."""
    modules = {"modules.json": _listed("Transformer", "Pooling", "LayerNorm")}
    files = {**modules, "2_LayerNorm/config.json": {"dimension": dimension}}
    with pytest.raises(TaskMismatchError, match=message):
        Weighted(OUTPUTS[EMBED], files=files, tensors=tensors).load(EMBED)


def test_a_dense_layer_to_another_name_changes_nothing() -> None:
    """sentence-transformers leaves the embedding as it is, whatever the layer's weights are."""
    modules = {"modules.json": _listed("Transformer", "Pooling", "Dense", NEW + "normalize.Normalize")}
    files = {**modules, "2_Dense/config.json": {**DENSE, "module_output_name": "other"}}
    assert _backend(EMBED, files).load(EMBED)("a").tolist() == pytest.approx([0.6, 0.8, 0, 0])


def test_layers_by_hand() -> None:
    """A residual is added behind the activation, and a layer norm scales and shifts."""
    weight, vector = np.array([[0.0, -1.0], [1.0, 0.0]], np.float32), np.array([1.0, 3.0], np.float32)
    relu = ACTIVATIONS["ReLU"]
    assert Dense(weight, None, relu, use_residual=True)(vector).tolist() == [1.0, 4.0]
    assert Dense(weight, None, relu, use_residual=True, residual=2 * weight)(vector).tolist() == [-6.0, 3.0]
    normed = LayerNorm(np.array([2.0, 1.0], np.float32), np.array([1.0, 0.0], np.float32))(vector)
    assert normed.tolist() == pytest.approx([-1.0, 1.0], abs=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_float32_and_shape(name: str) -> None:
    """Each gives finite float32 for any numbers, with no warning."""
    values = np.array([[-80.0, -1.0, 0.0], [0.5, 3.0, 80.0]], np.float32)
    found = ACTIVATIONS[name](values)
    assert (found.dtype, found.shape) == (np.float32, values.shape)
    assert np.isfinite(found).all()


def test_similarities_by_hand() -> None:
    """The two products, and the two distances with a minus, of shape (n, m)."""
    left, right = np.array([[3.0, 4.0]], np.float32), np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    found = {name: function(left, right).tolist() for name, function in SIMILARITIES.items()}
    assert found == {
        "cosine": [[1.0, 0.0]],
        "dot": [[25.0, 0.0]],
        "euclidean": [[0.0, -5.0]],
        "manhattan": [[0.0, -7.0]],
    }


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarity_is_the_one_that_the_model_names(name: str) -> None:
    """Of two texts it is a number, of lists a table, as for the cosine."""
    model = _backend(EMBED, {**POOLED, MODEL: {"similarity_fn_name": name}}).load(EMBED)
    expected = {"cosine": 1.0, "dot": 25.0, "euclidean": 0.0, "manhattan": 0.0}[name]
    assert model.similarity("a", "b") == expected
    assert model.similarity("a", ["b", "c"]).shape == (2,)
    assert model.similarity(["a"], ["b", "c"]).shape == (1, 2)


@pytest.mark.parametrize("task", [EMBED, RANK, SPARSE])
def test_lower_case(tmp_path: Path, task: str) -> None:
    """All three tasks lower what is tokenised, letter by letter as tokenizers do: no sigma is a final one."""
    settings = read_settings(_backend(task, {BERT: {"do_lower_case": True}}), task)
    assert settings.lower_case
    folder = tiny.make_model(
        tmp_path, {RANK: RANK, EMBED: EMBED, SPARSE: "fill-mask"}[task], tokenizer_extra={"do_lower_case": False}
    )
    plain: Any = onnxhub.load(task, folder)
    tiny._write_json(folder / BERT, {"do_lower_case": True})
    model: Any = onnxhub.load(task, folder)
    assert model.preprocessor.apply_case("ΟΔΟΣ A") == "οδοσ a"
    given, lowered = (("A Good", ["One"]), ("a good", ["one"])) if task == RANK else ("A Good One", "a good one")
    ids = [one.rows[0]["input_ids"].tolist() for one in (model.encode(given)[0], plain.encode(lowered)[0])]
    assert ids[0] == ids[1]
