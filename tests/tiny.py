"""Tiny model folders, written in milliseconds with numpy, onnx and tokenizers alone.

A folder looks like one of the Hub: config.json, tokenizer.json, tokenizer_config.json, special_tokens_map.json and
an ONNX graph. The weights are random but fixed, order and context of the words matter, and padding does not.
"""

import functools
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

Dtype = Literal["fp32", "fp16", "int8", "uint8"]
ExternalData = Literal["single", "shards"]
Array = np.ndarray[Any, Any]

TEXTS: tuple[str, ...] = (
    "Using ONNX models with Hugging Face is quite easy!",
    "Ada Lovelace lived in London and wrote the first program in 1843.",
    "I did not like this film at all; it was slow, loud and far too long.",
    "a",
    "Wolfgang Amadeus Mozart was born in Salzburg, Austria.",
    "Das Flugzeug landet um 17:45 Uhr in München, sagt Jürgen Groß.",
    "L'été dernier, Zoé a mangé une crème brûlée à Besançon.",
    "El niño comió piñas en Bogotá. ¿Y tú?",
    "Москва — столица России.",
    "東京は日本の首都です。",
    "北京是中国的首都。",
    "서울은 대한민국의 수도이다.",
    "القاهرة عاصمة مصر",
    "दिल्ली भारत की राजधानी है।",
    "กรุงเทพเป็นเมืองหลวงของไทย",
    "Emoji 😀 and a family 👨‍👩‍👧‍👦 and a flag 🇫🇷!",
    "Cafe\u0301 is decomposed, café is not, and ﬁne is a ligature.",
    "First line\nSecond line\tafter a tab\r\n\r\nThird line",
    "no\u00a0break   and    repeated      spaces ",
    "Special [SEP] look-alikes </s> [MASK] <pad> stay text.",
    "E-mail: ada@example.org, https://example.org/a?b=c&d=e#f (50% off, $3.99)",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "Paris\nLondon\nBerlin\nRome",
    "The committee met again in Geneva, and then in Rome, to hear what Maria Rossi of the Red Cross had to say. " * 4,
)

PAIRS: tuple[tuple[str, str], ...] = (
    ("Who wrote the first program?", "Ada Lovelace lived in London and wrote the first program in 1843."),
    ("Where was Mozart born?", "Wolfgang Amadeus Mozart was born in Salzburg, Austria."),
    ("Wann landet das Flugzeug?", "Das Flugzeug landet um 17:45 Uhr in München, sagt Jürgen Groß."),
    ("首都は?", "東京は日本の首都です。"),
    ("Which emoji?", "Emoji 😀 and a family 👨‍👩‍👧‍👦 and a flag 🇫🇷!"),
    ("What?", "Paris"),
    ("Where did the committee meet?", TEXTS[-1]),
)

SPECIAL_TOKENS: Mapping[str, str] = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}

LABELS: Mapping[str, tuple[str, ...]] = {
    "text-classification": ("NEGATIVE", "NEUTRAL", "POSITIVE"),
    "token-classification": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    "zero-shot-classification": ("contradiction", "neutral", "entailment"),
    "text-ranking": ("LABEL_0",),
}

ARCHITECTURES: Mapping[str, str] = {
    "text-classification": "BertForSequenceClassification",
    "token-classification": "BertForTokenClassification",
    "question-answering": "BertForQuestionAnswering",
    "feature-extraction": "BertModel",
    "fill-mask": "BertForMaskedLM",
    "zero-shot-classification": "BertForSequenceClassification",
    "text-ranking": "BertForSequenceClassification",
    "multiple-choice": "BertForMultipleChoice",
    "sparse-feature-extraction": "BertForMaskedLM",
}

_OF_SEQUENCES = ("text-classification", "zero-shot-classification", "text-ranking", "multiple-choice")
_OF_WORDS = ("fill-mask", "sparse-feature-extraction")

_SHARDS = 3
_SPLIT = 6
_EXTRA_WORDS = ("good", "bad", "great", "awful", "query", "passage", "kaputt", "this", "example", "no", "yes", "##s")
_LATIN = "abcdefghijklmnopqrstuvwxyz0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~–—…«»€ßæøœıñç"
_FLOAT = {"fp32": TensorProto.FLOAT, "fp16": TensorProto.FLOAT16}


def make_model(
    folder: Path,
    task: str = "text-classification",
    *,
    labels: Sequence[str] | None = None,
    texts: Sequence[str] = (),
    token_type_ids: bool = True,
    problem_type: str | None = None,
    max_length: int = 64,
    file: str = "model.onnx",
    dtype: Dtype = "fp32",
    external_data: ExternalData | None = None,
    padding_side: Literal["right", "left"] = "right",
    sentence_outputs: bool = False,
    nonfinite: Mapping[str, float] | None = None,
    config_extra: Mapping[str, Any] | None = None,
    tokenizer_extra: Mapping[str, Any] | None = None,
    seed: int = 0,
    hidden: int = 16,
) -> Path:
    """Write a whole model folder; in the two extras, a value of None removes the key."""
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(labels) if labels is not None else LABELS.get(task, ())
    tokenizer = make_tokenizer(texts)
    config = _config(task, names, problem_type, tokenizer.get_vocab_size(), max_length, hidden)
    config = _merged(config, config_extra)
    _write_json(folder / "config.json", config)
    write_tokenizer(folder, tokenizer, max_length, padding_side, token_type_ids, tokenizer_extra)
    rows = {tokenizer.token_to_id(word): value for word, value in (nonfinite or {}).items()}
    positions = config.get("max_position_embeddings", max_length)
    spec = Spec(task, len(names), tokenizer.get_vocab_size(), positions, hidden, token_type_ids, sentence_outputs)
    write_graph(folder / file, spec, dtype=dtype, external_data=external_data, nonfinite_rows=rows, seed=seed)
    return folder


def nan_model(
    folder: Path, task: str = "text-classification", *, word: str = "kaputt", value: float = np.nan, **options: Any
) -> Path:
    """Write a model whose outputs are not finite for every text that contains the word, and only for those."""
    return make_model(folder, task, texts=(word,), nonfinite={word.lower(): value}, **options)


# --- tokenizer -------------------------------------------------------------------------------------------------------


def make_tokenizer(texts: Sequence[str] = ()) -> Tokenizer:
    """Build a lower-casing WordPiece tokenizer that knows the words of TEXTS, of texts, and their characters."""
    vocabulary = _vocabulary(tuple(texts))
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS.values()))
    return tokenizer


def write_tokenizer(
    folder: Path,
    tokenizer: Tokenizer,
    max_length: int | None = 64,
    padding_side: str = "right",
    token_type_ids: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    tokenizer.save(str(folder / "tokenizer.json"))
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    config: dict[str, Any] = {
        "added_tokens_decoder": _added_tokens(tokenizer),
        "clean_up_tokenization_spaces": True,
        **SPECIAL_TOKENS,
        "do_lower_case": True,
        "model_input_names": [name for name in inputs if token_type_ids or name != "token_type_ids"],
        "model_max_length": max_length,
        "padding_side": padding_side,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
    }
    if max_length is None:
        config["model_max_length"] = 1000000000000000019884624838656
    _write_json(folder / "tokenizer_config.json", _merged(config, extra))
    _write_json(folder / "special_tokens_map.json", dict(SPECIAL_TOKENS))


def _normalizer() -> normalizers.Normalizer:
    """Give the normalizer of an uncased BERT."""
    return normalizers.BertNormalizer(lowercase=True, strip_accents=None, handle_chinese_chars=True)


@functools.cache
def _vocabulary(texts: tuple[str, ...]) -> dict[str, int]:
    """Number the special tokens, the words (long ones of TEXTS in two pieces), and every character."""
    words = _words((*TEXTS, *(question for question, _ in PAIRS)))
    whole = _words(texts)
    characters = {character for word in words | whole for character in word} | set(_LATIN)
    halves = {half for word in words if len(word) > _SPLIT for half in (word[:_SPLIT], f"##{word[_SPLIT:]}")}
    pieces = {word for word in words if len(word) <= _SPLIT} | {half for half in halves if len(half) <= 12} | whole
    pieces |= set(_EXTRA_WORDS) | characters | {f"##{character}" for character in characters}
    return {piece: number for number, piece in enumerate((*SPECIAL_TOKENS.values(), *sorted(pieces)))}


def _words(texts: Sequence[str]) -> set[str]:
    """Normalise and split the texts."""
    normalizer, splitter = _normalizer(), pre_tokenizers.BertPreTokenizer()
    return {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}


def _added_tokens(tokenizer: Tokenizer) -> dict[str, dict[str, Any]]:
    """Describe the special tokens as tokenizer_config.json does."""
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {str(tokenizer.token_to_id(token)): {"content": token, **flags} for token in SPECIAL_TOKENS.values()}


# --- config ----------------------------------------------------------------------------------------------------------


def _config(
    task: str, labels: Sequence[str], problem_type: str | None, vocabulary: int, max_length: int, hidden: int
) -> dict[str, Any]:
    """Describe the model as the config.json of a BERT does."""
    config: dict[str, Any] = {
        "architectures": [ARCHITECTURES[task]],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": 2 * hidden,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": max_length,
        "model_type": "bert",
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "transformers_version": "4.57.6",
        "type_vocab_size": 2,
        "use_cache": True,
        "vocab_size": vocabulary,
    }
    if labels:
        config["id2label"] = {str(number): label for number, label in enumerate(labels)}
        config["label2id"] = {label: number for number, label in enumerate(labels)}
    if problem_type is not None:
        config["problem_type"] = problem_type
    return config


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Overlay the extra keys; a value of None removes one."""
    extra = extra or {}
    removed = {key for key, value in extra.items() if value is None}
    return {key: value for key, value in {**base, **extra}.items() if key not in removed}


def _write_json(path: Path, value: Any) -> None:
    """Write indented JSON with a final newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


# --- graph -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spec:
    """What decides a graph's shape."""

    task: str
    labels: int
    vocabulary: int
    positions: int
    hidden: int = 16
    token_type_ids: bool = True
    sentence_outputs: bool = False


def write_graph(
    path: Path,
    spec: Spec,
    *,
    dtype: Dtype = "fp32",
    external_data: ExternalData | None = None,
    nonfinite_rows: Mapping[int, float] | None = None,
    seed: int = 0,
) -> Path:
    """Write one ONNX file (with its external data, where asked) and return its path."""
    weights = _weights(spec, seed)
    for row, value in (nonfinite_rows or {}).items():
        weights["words"][row] = value
    model = _graph(spec, weights, half=dtype == "fp16")
    path.parent.mkdir(parents=True, exist_ok=True)
    if dtype in ("int8", "uint8"):
        quantize(model, path, signed=dtype == "int8")
        return path
    if external_data is not None:
        _move_weights_out(model, path.name, 1 if external_data == "single" else _SHARDS)
    onnx.save_model(model, str(path))
    return path


def quantize(model: onnx.ModelProto, path: Path, *, signed: bool = True) -> None:
    """Write the graph with dynamically quantised products, as model_quantized.onnx files of the Hub are."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    add_pre_process_metadata(model)
    quantize_dynamic(model, path, weight_type=QuantType.QInt8 if signed else QuantType.QUInt8)


def _weights(spec: Spec, seed: int) -> dict[str, Array]:
    """Draw weights that make answers differ between texts: words are loud, what all texts share is not."""
    random = np.random.default_rng([seed, *spec.task.encode()])
    size, width = spec.hidden, _head_width(spec)
    draw = functools.partial(_draw, random)
    loudness = np.where(np.arange(spec.vocabulary) < len(SPECIAL_TOKENS), 0.1, 1.0).astype(np.float32)
    return {
        "words": draw(1.0, spec.vocabulary, size) * loudness[:, None],
        "types": draw(0.3, 2, size) * np.array([[0], [1]], np.float32),
        "places": draw(0.5, spec.positions, size),
        "mix": draw(1.0 / size**0.5, size, size),
        "context": draw(1.5 / size**0.5, size, size),
        "head": draw(3.0 / size**0.5, size, width),
        "bias": np.zeros(width, np.float32),
    }


def _draw(random: np.random.Generator, scale: float, *shape: int) -> Array:
    """Draw a float32 array of normal numbers."""
    return (scale * random.standard_normal(shape)).astype(np.float32)


def _head_width(spec: Spec) -> int:
    """Give the number of columns that the task's last product has."""
    widths = {"question-answering": 2, "feature-extraction": spec.hidden, "multiple-choice": 1}
    return widths.get(spec.task, spec.vocabulary if spec.task in _OF_WORDS else spec.labels)


def _graph(spec: Spec, weights: Mapping[str, Array], *, half: bool) -> onnx.ModelProto:
    """Assemble the model from its nodes, its weights and its typed inputs and outputs."""
    kind, float_type = (np.float16, _FLOAT["fp16"]) if half else (np.float32, _FLOAT["fp32"])
    nodes = [*_encoder_nodes(spec, float_type), *_head_nodes(spec)]
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if spec.token_type_ids else [])]
    axes = ["batch", "choices", "sequence"] if spec.task == "multiple-choice" else ["batch", "sequence"]
    if spec.task == "multiple-choice":
        nodes = [*_choice_nodes(names), *nodes]
    used = {name for node in nodes for name in node.input}
    tensors = {name: value.astype(kind) for name, value in weights.items() if name in used}
    tensors |= {name: value for name, value in _constants(kind).items() if name in used}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in names],
        [helper.make_tensor_value_info(name, float_type, shape) for name, shape in _outputs(spec).items()],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _constants(kind: type[np.floating[Any]]) -> dict[str, Array]:
    """Give the numbers and axes that the nodes refer to."""
    return {
        "one_float": np.array(1, kind),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "axis_1": np.array([1], np.int64),
        "axis_last": np.array([-1], np.int64),
        "tiny_float": np.array(1e-6, kind),
        "axes_of_choices": np.array([0, 1], np.int64),
        "any": np.array([-1], np.int64),
    }


def _choice_nodes(names: Sequence[str]) -> list[onnx.NodeProto]:
    """Turn inputs (batch, choices, sequence) into rows (batch * choices, sequence)."""
    node = helper.make_node
    return [
        node("Shape", ["input_ids"], ["choices_shape"]),
        node("Gather", ["choices_shape", "axis_last"], ["choices_length"]),
        node("Concat", ["any", "choices_length"], ["rows_shape"], axis=0),
        node("Gather", ["choices_shape", "axes_of_choices"], ["logits_shape"]),
        *(node("Reshape", [name, "rows_shape"], [f"{name}_rows"]) for name in names),
    ]


def _encoder_nodes(spec: Spec, float_type: int) -> list[onnx.NodeProto]:
    """Compute `hidden` = tanh(word and type @ mix + mean of the text @ context + place), blind to padding."""
    node = helper.make_node
    ids, mask, types = (
        f"{name}_rows" if spec.task == "multiple-choice" else name
        for name in ("input_ids", "attention_mask", "token_type_ids")
    )
    embedded = [node("Identity", ["word"], ["embedded"])]
    if spec.token_type_ids:
        embedded = [node("Gather", ["types", types], ["type"]), node("Add", ["word", "type"], ["embedded"])]
    return [
        node("Gather", ["words", ids], ["word"]),
        *embedded,
        node("Cast", [mask], ["mask_flat"], to=float_type),
        node("Unsqueeze", ["mask_flat", "axis_last"], ["mask"]),
        *_mean_nodes("embedded", "mean"),
        node("CumSum", [mask, "one"], ["count"]),
        node("Sub", ["count", "one"], ["place_or_minus"]),
        node("Max", ["place_or_minus", "zero"], ["place"]),
        node("Gather", ["places", "place"], ["placed"]),
        node("MatMul", ["embedded", "mix"], ["mixed"]),
        node("MatMul", ["mean", "context"], ["told"]),
        node("Add", ["mixed", "told"], ["both"]),
        node("Add", ["both", "placed"], ["summed"]),
        node("Tanh", ["summed"], ["hidden"]),
    ]


def _mean_nodes(source: str, target: str) -> list[onnx.NodeProto]:
    """Average over the unmasked positions, keeping the axis."""
    node = helper.make_node
    return [
        node("Mul", [source, "mask"], [f"{target}_kept"]),
        node("ReduceSum", [f"{target}_kept", "axis_1"], [f"{target}_sum"], keepdims=1),
        node("ReduceSum", ["mask", "axis_1"], [f"{target}_length"], keepdims=1),
        node("Max", [f"{target}_length", "one_float"], [f"{target}_divisor"]),
        node("Div", [f"{target}_sum", f"{target}_divisor"], [target]),
    ]


def _head_nodes(spec: Spec) -> list[onnx.NodeProto]:
    """Turn `hidden` into the outputs of the task."""
    node = helper.make_node
    if spec.task == "feature-extraction":
        return _embedding_nodes(spec)
    if spec.task in _OF_SEQUENCES:
        choices = spec.task == "multiple-choice"
        return [
            *_mean_nodes("hidden", "pooled"),
            node("Squeeze", ["pooled", "axis_1"], ["flat"]),
            node("MatMul", ["flat", "head"], ["unbiased"]),
            node("Add", ["unbiased", "bias"], ["row_logits" if choices else "logits"]),
            *([node("Reshape", ["row_logits", "logits_shape"], ["logits"])] if choices else []),
        ]
    product = [node("MatMul", ["hidden", "head"], ["unbiased"])]
    if spec.task != "question-answering":
        return [*product, node("Add", ["unbiased", "bias"], ["logits"])]
    return [
        *product,
        node("Add", ["unbiased", "bias"], ["spans"]),
        node("Split", ["spans"], ["starts", "ends"], axis=-1),
        node("Squeeze", ["starts", "axis_last"], ["start_logits"]),
        node("Squeeze", ["ends", "axis_last"], ["end_logits"]),
    ]


def _embedding_nodes(spec: Spec) -> list[onnx.NodeProto]:
    """Name the hidden states, and pool and normalise them where the graph is to give sentences."""
    node = helper.make_node
    if not spec.sentence_outputs:
        return [node("Identity", ["hidden"], ["last_hidden_state"])]
    return [
        node("Identity", ["hidden"], ["token_embeddings"]),
        *_mean_nodes("hidden", "pooled"),
        node("Squeeze", ["pooled", "axis_1"], ["flat"]),
        node("ReduceL2", ["flat"], ["norm"], axes=[-1], keepdims=1),
        node("Max", ["norm", "tiny_float"], ["length"]),
        node("Div", ["flat", "length"], ["sentence_embedding"]),
    ]


def _outputs(spec: Spec) -> dict[str, list[str | int]]:
    """Name the outputs of the task with their shapes."""
    rows: list[str | int] = ["batch", "sequence"]
    if spec.task == "question-answering":
        return {"start_logits": rows, "end_logits": rows}
    if spec.task == "feature-extraction" and spec.sentence_outputs:
        return {"token_embeddings": [*rows, spec.hidden], "sentence_embedding": ["batch", spec.hidden]}
    if spec.task == "feature-extraction":
        return {"last_hidden_state": [*rows, spec.hidden]}
    if spec.task == "multiple-choice":
        return {"logits": ["batch", "choices"]}
    if spec.task in _OF_SEQUENCES:
        return {"logits": ["batch", _head_width(spec)]}
    return {"logits": [*rows, _head_width(spec)]}


def _move_weights_out(model: onnx.ModelProto, name: str, shards: int) -> None:
    """Mark the float weights for files named as on the Hub: NAME_data, NAME_data_1, ..."""
    weights = [tensor for tensor in model.graph.initializer if tensor.data_type in _FLOAT.values() and tensor.dims]
    for number, tensor in enumerate(weights):
        shard = number % shards
        set_external_data(tensor, f"{name}_data" + (f"_{shard}" if shard else ""))


# --- sentence-transformers -------------------------------------------------------------------------------------------

_POOLING_KEYS: Mapping[str, str] = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
_LEGACY_TYPES = {
    name: f"sentence_transformers.models.{name}" for name in ("Transformer", "Pooling", "Dense", "Normalize")
}
_CURRENT_TYPES = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "Normalize": "sentence_transformers.sentence_transformer.modules.normalize.Normalize",
}


def write_sentence_transformers(
    folder: Path,
    pooling_mode: str | Sequence[str] = "mean",
    *,
    normalize: bool = True,
    dense: bool = False,
    dense_features: int = 8,
    activation: str = "torch.nn.modules.activation.Tanh",
    max_seq_length: int | None = 32,
    do_lower_case: bool = False,
    include_prompt: bool = True,
    prompts: Mapping[str, str] | None = None,
    default_prompt_name: str | None = None,
    legacy: bool = True,
    seed: int = 0,
) -> Path:
    """Add the files of sentence-transformers to a model folder, as most Hub models have them or as 5.7 writes them."""
    hidden = json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"]
    modes = (pooling_mode,) if isinstance(pooling_mode, str) else tuple(pooling_mode)
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense else []), *(["Normalize"] if normalize else [])]
    _write_json(folder / "modules.json", _modules(kinds, legacy))
    _write_json(folder / "1_Pooling" / "config.json", _pooling(modes, hidden, include_prompt, legacy))
    if dense:
        _write_dense(folder / "2_Dense", len(modes) * hidden, dense_features, activation, legacy, seed)
    _write_length(folder, max_seq_length, do_lower_case, legacy)
    _write_prompts(folder, prompts or {}, default_prompt_name, legacy)
    return folder


def _modules(kinds: Sequence[str], legacy: bool) -> list[dict[str, Any]]:
    """List the modules; a Normalize module has a path, but no folder."""
    types = _LEGACY_TYPES if legacy else _CURRENT_TYPES
    paths = ["" if kind == "Transformer" else f"{number}_{kind}" for number, kind in enumerate(kinds)]
    return [
        {"idx": number, "name": str(number), "path": path, "type": types[kind]}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]


def _pooling(modes: Sequence[str], hidden: int, include_prompt: bool, legacy: bool) -> dict[str, Any]:
    """Describe the pooling with one switch per mode, or with the names of the modes."""
    if legacy:
        switches = {key: mode in modes for mode, key in _POOLING_KEYS.items()}
        return {"word_embedding_dimension": hidden, **switches, "include_prompt": include_prompt}
    mode = modes[0] if len(modes) == 1 else list(modes)
    return {"embedding_dimension": hidden, "pooling_mode": mode, "include_prompt": include_prompt}


def _write_dense(folder: Path, wide: int, narrow: int, activation: str, legacy: bool, seed: int) -> None:
    """Write a Dense module with random weights."""
    random = np.random.default_rng([seed, wide, narrow])
    config = {"in_features": wide, "out_features": narrow, "bias": True, "activation_function": activation}
    if not legacy:
        config |= {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
    _write_json(folder / "config.json", config)
    tensors = {"linear.bias": _draw(random, 0.1, narrow), "linear.weight": _draw(random, wide**-0.5, narrow, wide)}
    (folder / "model.safetensors").write_bytes(safetensors_bytes(tensors))


def safetensors_bytes(tensors: Mapping[str, Array]) -> bytes:
    """Serialise float32 arrays as a safetensors file."""
    header: dict[str, Any] = {}
    body = b""
    for name, value in tensors.items():
        data = np.ascontiguousarray(value, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def _write_length(folder: Path, max_seq_length: int | None, do_lower_case: bool, legacy: bool) -> None:
    """Write sentence_bert_config.json; the current layout keeps the length in tokenizer_config.json."""
    if legacy:
        config = {"max_seq_length": max_seq_length, "do_lower_case": do_lower_case}
        _write_json(folder / "sentence_bert_config.json", config)
        return
    modality = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
    _write_json(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction",
            "modality_config": modality,
            "module_output_name": "token_embeddings",
            **({"do_lower_case": True} if do_lower_case else {}),
        },
    )
    if max_seq_length is not None:
        path = folder / "tokenizer_config.json"
        _write_json(path, {**json.loads(path.read_text(encoding="utf-8")), "model_max_length": max_seq_length})


def _write_prompts(folder: Path, prompts: Mapping[str, str], default: str | None, legacy: bool) -> None:
    """Write config_sentence_transformers.json."""
    version = "3.4.1" if legacy else "5.7.0"
    _write_json(
        folder / "config_sentence_transformers.json",
        {
            "__version__": {"sentence_transformers": version, "transformers": "4.57.6", "pytorch": "2.13.0"},
            **({} if legacy else {"model_type": "SentenceTransformer"}),
            "prompts": dict(prompts),
            "default_prompt_name": default,
            "similarity_fn_name": "cosine",
        },
    )
