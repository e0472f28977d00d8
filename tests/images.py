"""A task of images, and one of numbers, as other packages would write them: no tokenizer, real graphs, real sessions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import onnxhub
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 224


@dataclass(frozen=True)
class PlainItem:
    """An input of one row, of which nothing else is kept."""

    rows: int = 1


@dataclass(frozen=True)
class ImagePreprocessor(onnxhub.Preprocessor[Any, PlainItem]):
    """Arrays (height, width, 3) of uint8, or their bytes, to pixels (3, 224, 224); the nearest ones."""

    name: str

    @classmethod
    def for_model(cls, backend: onnxhub.Backend) -> Self:
        """Take the name of the graph's only input."""
        return cls(backend.input_names[0])

    def __call__(self, inputs: Sequence[Any]) -> list[onnxhub.Prepared[PlainItem]]:
        """One row an image."""
        rows = [{self.name: to_pixels(value, index)} for index, value in enumerate(inputs)]
        return [onnxhub.Prepared([row], PlainItem()) for row in rows]

    def as_many(self, inputs: object) -> Sequence[object] | None:
        """Take an array of three axes for one image, and one of four for many."""
        if isinstance(inputs, np.ndarray) and inputs.dtype != object:
            return list(inputs) if inputs.ndim == 4 else None
        return super().as_many(inputs)


def to_pixels(value: object, index: int) -> NDArray[np.float32]:
    """Resize an image by taking the nearest pixels."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 3 or value.shape[-1] != 3:
        msg = f"expected an array (height, width, 3) of uint8, got {type(value).__name__}"
        raise InvalidInputError(msg, index)
    places = [np.arange(SIDE) * size // SIDE for size in value.shape[:2]]
    resized: NDArray[np.float32] = value[np.ix_(*places)].transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    return resized


@dataclass(frozen=True)
class NumbersPreprocessor(onnxhub.Preprocessor[Any, PlainItem]):
    """Tuples of four numbers to a row of them."""

    @classmethod
    def for_model(cls, backend: onnxhub.Backend) -> Self:
        """Need nothing."""
        del backend
        return cls()

    def __call__(self, inputs: Sequence[Any]) -> list[onnxhub.Prepared[PlainItem]]:
        """One row a tuple."""
        for index, value in enumerate(inputs):
            if not isinstance(value, tuple) or len(value) != 4:
                msg = f"expected a tuple of four numbers, got {type(value).__name__}"
                raise InvalidInputError(msg, index)
        return [onnxhub.Prepared([{"x": np.array(value, np.float32)}], PlainItem()) for value in inputs]


@dataclass(frozen=True, slots=True)
class Label:
    """The best label."""

    label: str
    score: float

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return {"label": self.label, "score": self.score}


@dataclass(frozen=True)
class LabelPostprocessor(onnxhub.Postprocessor[PlainItem, Label]):
    """Logits to the best label."""

    outputs = ("logits",)
    item = PlainItem

    temperature: float = 1.0

    def decode(self, rows: Any, item: PlainItem) -> Label:
        """The first of the best."""
        del item
        scores = onnxhub.softmax(rows["logits"][0] / np.float32(self.temperature))
        best = int(scores.argmax())
        return Label(f"label {best}", float(scores[best]))


class LabelModel(onnxhub.Model[Any, Label, "list[Label]"]):
    """One option."""

    def __call__(self, inputs: object, *, temperature: Any = ...) -> Any:  # type: ignore[override]
        """Label one input, or many."""
        return self.call_with(inputs, {"temperature": temperature})

    def with_options(self, *, temperature: Any = ...) -> Self:  # type: ignore[override]
        """Another default."""
        return self.copy_with({"temperature": temperature})


IMAGES = onnxhub.Task(
    name="test-images",
    summary="a label for an image",
    modality="image",
    result=Label,
    model=LabelModel,
    preprocessor=ImagePreprocessor,
    postprocessor=LabelPostprocessor,
    outputs=({"logits": 2},),
    ort_class="ORTModelForImageClassification",
)
NUMBERS = replace(
    IMAGES,
    name="test-numbers",
    summary="a label for four numbers",
    modality="arrays",
    preprocessor=NumbersPreprocessor,
    ort_class="ORTModelForCustomTasks",
)


def make_images_model(folder: Path, *, batch: int | str = "batch", weights: NDArray[np.float32] | None = None) -> Path:
    """Write a graph that averages the colours of images (batch, 3, 224, 224), and weighs them."""
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
    ]
    return _write(
        folder, nodes, "pixel_values", [batch, 3, SIDE, SIDE], draw_weights(3, 5) if weights is None else weights
    )


def make_colours_model(folder: Path, *, size: int = SIDE, **settings: Any) -> Path:
    """Write a classifier of images with labels, which is as a repository of the Hub has it: configuration and all."""
    weights = np.array([[4, -2, -2, -2, 2], [-2, 4, -2, -2, 2], [-2, -2, 4, -2, 2]], np.float32)
    make_images_model(folder, weights=weights)
    labels = ("red", "green", "blue", "dark", "light")
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "id2label": dict(enumerate(labels))}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    prepared = {"image_processor_type": "ViTImageProcessor", "size": {"height": size, "width": size}, **settings}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared), encoding="utf-8")
    return folder


def make_views_model(folder: Path) -> Path:
    """Write an embedder of images: vectors of 16 places, and their mean for the whole."""
    nodes = [
        helper.make_node("AveragePool", ["pixel_values"], ["pooled"], kernel_shape=[56, 56], strides=[56, 56]),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["places"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["places", "weights"], ["last_hidden_state"]),
        helper.make_node("ReduceMean", ["last_hidden_state"], ["pooler_output"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", 16, 8]),
            helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["batch", 8]),
        ],
        [
            numpy_helper.from_array(draw_weights(3, 8), "weights"),
            numpy_helper.from_array(np.array([-1, 3, 16], np.int64), "shape"),
        ],
    )
    folder.mkdir(parents=True, exist_ok=True)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(folder / "model.onnx"))
    config = {"model_type": "vit", "architectures": ["ViTModel"]}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    prepared = {"feature_extractor_type": "ViTFeatureExtractor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared), encoding="utf-8")
    return folder


def make_numbers_model(folder: Path) -> Path:
    """Write a graph of one multiplication of numbers (batch, 4)."""
    return _write(
        folder, [helper.make_node("MatMul", ["x", "weights"], ["logits"])], "x", ["batch", 4], draw_weights(4, 3)
    )


def make_images(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Make small images of all sizes, of a few colours each."""
    draw = np.random.default_rng(seed)
    return [
        draw.integers(0, 256, (*draw.integers(8, 40, 2), 3), np.uint8) // draw.integers(1, 9, 3, np.uint8)
        for _ in range(count)
    ]


def draw_weights(*shape: int) -> NDArray[np.float32]:
    """Draw weights, always the same."""
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def _write(folder: Path, nodes: list[Any], name: str, shape: list[int | str], values: NDArray[np.float32]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [shape[0], values.shape[1]])],
        [numpy_helper.from_array(values, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    (folder / "config.json").write_text(json.dumps({}), encoding="utf-8")
    return folder
