"""The folder of a model: its graph, written node by node, with the very weights that were trained, and its files."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tools.builtin_models.encoder import BLOCK, HEADS, INNER, NORM_EPSILON, POSITIONS, WIDTH, Layer, Linear, TaskModel
from tools.builtin_models.quantisation import Blocks, quantise
from tools.builtin_models.vocabulary import SPECIAL, tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

__all__ = ["write"]

_OPSET: Final = 20
_IR_VERSION: Final = 9
_MASKED: Final = -1e9
_ROLES: Final = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))


def write(model: TaskModel, folder: Path, architecture: str, labels: Sequence[str]) -> None:
    """Write ``model_q4.onnx``, the configuration and the tokenizer.

    Args:
        model: The trained model.
        folder: Made if it is missing.
        architecture: transformers' class, such as ``BertForTokenClassification``.
        labels: Label of each logit; for question answering and embeddings, none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_q4.onnx").write_bytes(
        _Graph(model, spans=architecture == "BertForQuestionAnswering").model().SerializeToString(deterministic=True)
    )
    vocabulary = model.vocabulary
    made = tokenizer(vocabulary.ids, lowercase=not vocabulary.cased)
    made.save(str(folder / "tokenizer.json"), pretty=False)
    _write_json(folder / "config.json", _configuration(model, architecture, labels))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": not vocabulary.cased,
            "strip_accents": True,
            "tokenize_chinese_chars": True,
            "model_max_length": POSITIONS,
            "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
            **_ROLES,
        },
    )
    _write_json(folder / "special_tokens_map.json", _ROLES)


def _configuration(model: TaskModel, architecture: str, labels: Sequence[str]) -> dict[str, object]:
    named: dict[str, object] = {}
    if labels:
        named = {
            "id2label": {str(index): label for index, label in enumerate(labels)},
            "label2id": {label: index for index, label in enumerate(labels)},
            "num_labels": len(labels),
        }
    if model.pooled:
        named["problem_type"] = "single_label_classification"
    return {
        "architectures": [architecture],
        "model_type": "bert",
        **named,
        "vocab_size": len(model.vocabulary.pieces),
        "hidden_size": WIDTH,
        "num_hidden_layers": len(model.layers),
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "hidden_act": "gelu",
        "hidden_dropout_prob": model.dropout,
        "attention_probs_dropout_prob": model.dropout,
        "initializer_range": 0.02,
        "layer_norm_eps": NORM_EPSILON,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "position_embedding_type": "absolute",
        "pad_token_id": SPECIAL.index("[PAD]"),
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


class _Graph:
    """Nodes and initializers, gathered from the inputs to the outputs."""

    def __init__(self, model: TaskModel, *, spans: bool) -> None:
        self.trained = model
        self.spans = spans
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def model(self) -> onnx.ModelProto:
        """All of it, checked."""
        outputs = self._head(self._hidden())
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        graph = helper.make_graph(self.nodes, "model", inputs, outputs, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="onnxhub")
        onnx.checker.check_model(made)
        return made

    def _hidden(self) -> str:
        model = self.trained
        hidden = self._op("Add", self._embedded(), self._positions(), output="embedded")
        hidden = self._norm(model.embedding_norm, hidden, "embedding_norm")
        mask = self._mask()
        for index, layer in enumerate(model.layers):
            assert isinstance(layer, Layer)
            hidden = self._layer(layer, hidden, mask, f"layer{index}")
        return hidden

    def _embedded(self) -> str:
        """Word, case and type of each token."""
        model = self.trained
        rows = "input_ids"
        vocabulary = model.vocabulary
        types = self._op("Gather", self._array("types", model.types), "token_type_ids")
        if not vocabulary.cased:
            return self._op("Add", self._lookup(model.word_blocks, rows, "words"), types)
        small = np.array(vocabulary.rows, np.int16)
        rows = self._op("Cast", self._op("Gather", self._array("rows", small), "input_ids"), to=TensorProto.INT64)
        case = np.array(vocabulary.cases, np.int8)
        case_ids = self._op("Cast", self._op("Gather", self._array("cases", case), "input_ids"), to=TensorProto.INT64)
        vectors = np.concatenate([np.zeros((1, WIDTH), np.float32), _numpy(model.capitals)])
        cased = self._op("Gather", self._array("case_vectors", vectors), case_ids)
        words = self._lookup(model.word_blocks, rows, "words")
        return self._op("Add", self._op("Add", words, cased), types)

    def _positions(self) -> str:
        length = self._op("Gather", self._op("Shape", "input_ids"), self._array("one", np.int64(1)))
        numbers = self._op("Range", self._array("zero", np.int64(0)), length, self._array("one", np.int64(1)))
        return self._lookup(self.trained.position_blocks, numbers, "positions")

    def _mask(self) -> str:
        """0 for tokens and a large negative number for padding, ``(batch, 1, 1, sequence)``."""
        axes = self._array("mask_axes", np.array([1, 2]))
        mask = self._op("Cast", self._op("Unsqueeze", "attention_mask", axes), to=TensorProto.FLOAT)
        missing = self._op("Sub", self._array("one_float", np.float32(1)), mask)
        return self._op("Mul", missing, self._array("masked", np.float32(_MASKED)), output="mask")

    def _layer(self, layer: Layer, hidden: str, mask: str, name: str) -> str:
        projected = self._linear(layer.projections, hidden, f"{name}.projections")
        shape = self._array("split_heads", np.array([0, 0, HEADS, WIDTH // HEADS]))
        thirds = self._ops("Split", [projected], 3, axis=2, num_outputs=3)
        query, key, value = (self._op("Reshape", third, shape) for third in thirds)
        query = self._op("Transpose", query, perm=[0, 2, 1, 3])
        key = self._op("Transpose", key, perm=[0, 2, 3, 1])
        value = self._op("Transpose", value, perm=[0, 2, 1, 3])
        scale = self._array("scale", np.float32(1 / math.sqrt(WIDTH // HEADS)))
        scores = self._op("Add", self._op("Mul", self._op("MatMul", query, key), scale), mask)
        attended = self._op("MatMul", self._op("Softmax", scores, axis=-1), value)
        joined = self._array("join_heads", np.array([0, 0, WIDTH]))
        attended = self._op("Reshape", self._op("Transpose", attended, perm=[0, 2, 1, 3]), joined)
        mixed = self._linear(layer.mixed, attended, f"{name}.mixed")
        hidden = self._norm(layer.attention_norm, self._op("Add", hidden, mixed), f"{name}.attention_norm")
        inner = self._op("Gelu", self._linear(layer.widened, hidden, f"{name}.widened"))
        inner = self._linear(layer.narrowed, inner, f"{name}.narrowed")
        return self._norm(layer.output_norm, self._op("Add", hidden, inner), f"{name}.output_norm")

    def _head(self, hidden: str) -> list[onnx.ValueInfoProto]:
        model = self.trained
        if model.head is None:
            self._op("Identity", hidden, output="last_hidden_state")
            shape = ["batch", "sequence", WIDTH]
            return [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape)]
        axes = ["batch"] if model.pooled else ["batch", "sequence"]
        if model.pooled:
            hidden = self._mean(hidden)
        weight = self._array("head.weight", _numpy(model.head.weight).T)
        logits = self._op("MatMul", hidden, weight)
        bias = self._array("head.bias", model.head.bias)
        if not self.spans:
            self._op("Add", logits, bias, output="logits")
            shape = [*axes, model.head.out_features]
            return [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)]
        both = self._ops("Split", [self._op("Add", logits, bias)], 2, axis=2, num_outputs=2)
        last = self._array("last_axis", np.array([-1]))
        names = ("start_logits", "end_logits")
        for part, name in zip(both, names, strict=True):
            self._op("Squeeze", part, last, output=name)
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in names]

    def _mean(self, hidden: str) -> str:
        last = self._array("last_axis", np.array([-1]))
        weights = self._op("Cast", self._op("Unsqueeze", "attention_mask", last), to=TensorProto.FLOAT)
        axis = self._array("sequence_axis", np.array([1]))
        total = self._op("ReduceSum", self._op("Mul", hidden, weights), axis, keepdims=0)
        return self._op("Div", total, self._op("ReduceSum", weights, axis, keepdims=0))

    def _linear(self, linear: Linear, inputs: str, name: str) -> str:
        blocks = linear.blocks or quantise(linear.weight, BLOCK)
        outputs, columns = linear.weight.shape
        codes = self._array(f"{name}.codes", blocks.packed_codes)
        zeros = self._array(f"{name}.zeros", blocks.packed_zeros.reshape(-1))
        scales = self._scales(f"{name}.scales", _numpy(blocks.scales).reshape(-1))
        sizes = {"K": columns, "N": outputs, "bits": 4, "block_size": BLOCK, "accuracy_level": 1}
        product = self._op("MatMulNBits", inputs, codes, scales, zeros, domain="com.microsoft", **sizes)
        return self._op("Add", product, self._array(f"{name}.bias", linear.bias))

    def _lookup(self, blocks: Blocks, ids: str, name: str) -> str:
        codes = self._array(f"{name}.codes", blocks.packed_codes.reshape(len(blocks.codes), -1))
        scales = self._scales(f"{name}.scales", _numpy(blocks.scales))
        zeros = self._array(f"{name}.zeros", blocks.packed_zeros)
        sizes = {"bits": 4, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
        return self._op("GatherBlockQuantized", codes, ids, scales, zeros, domain="com.microsoft", **sizes)

    def _norm(self, norm: nn.LayerNorm, inputs: str, name: str) -> str:
        weight, bias = self._array(f"{name}.weight", norm.weight), self._array(f"{name}.bias", norm.bias)
        return self._op("LayerNormalization", inputs, weight, bias, axis=-1, epsilon=NORM_EPSILON)

    def _scales(self, name: str, values: NDArray[np.float32]) -> str:
        """Kept as halves, which they are, and made floats when the session is made."""
        return self._op("Cast", self._array(name, values.astype(np.float16)), to=TensorProto.FLOAT)

    def _array(self, name: str, values: Tensor | NDArray[Any] | np.generic) -> str:
        array = np.asarray(values) if isinstance(values, np.ndarray | np.generic) else _numpy(values)
        self.initializers.setdefault(
            name, numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        )
        return name

    def _op(self, kind: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: object) -> str:
        return self._ops(kind, list(inputs), 1, output=output, domain=domain, **attributes)[0]

    def _ops(
        self,
        kind: str,
        inputs: list[str],
        outputs: int,
        *,
        output: str | None = None,
        domain: str = "",
        **attributes: object,
    ) -> list[str]:
        number = len(self.nodes)
        names = (
            [output]
            if output
            else [f"{kind}_{number}" if index == 0 else f"{kind}_{number}_{index}" for index in range(outputs)]
        )
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"node_{number}", domain=domain, **attributes))
        return names


def _numpy(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().numpy()
    return array
