"""image-classification: inputs of all kinds, results, options and errors, on canned and on real graphs."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

pytest.importorskip("PIL", reason="images are read by Pillow")

import onnxhub
from onnxhub import Classification, ImageClassificationPostprocessor
from onnxhub.errors import (
    InvalidInputError,
    InvalidOptionError,
    MissingDependencyError,
    NonFiniteOutputError,
    TaskMismatchError,
)
from onnxhub.testing import CannedBackend, check_task
from tests.images import make_colours_model, make_images, make_images_model
from tests.pictures import draw, save

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL import Image

PREPARED = {"image_processor_type": "ViTImageProcessor", "size": {"height": 4, "width": 6}}
PICTURES = [draw(9, 7), draw(30, 20).rotate(90), draw(5, 50, 3), draw(64, 64, 9).point(lambda level: 255 - level)]


def average(features: Mapping[str, Any]) -> dict[str, Any]:
    """The mean of each channel for logits."""
    return {"logits": 3 * features["pixel_values"].mean(axis=(2, 3))}


def canned(outputs: Any = average, **given: Any) -> CannedBackend:
    """A model whose graph takes pixels."""
    labels = given.pop("labels", ("red", "green", "blue"))
    files = {"preprocessor_config.json": {**PREPARED, **given.pop("prepared", {})}}
    row = {"pixel_values": np.zeros((3, 4, 6), np.float32)}
    return CannedBackend(outputs, labels, input_names=("pixel_values",), row=row, files=files, **given)


@pytest.fixture
def model() -> onnxhub.ImageClassificationModel:
    """A canned one."""
    return canned().load("image-classification")


def test_contract(model: onnxhub.ImageClassificationModel) -> None:
    """All that holds for every task holds for it."""
    check_task("image-classification", model=model, inputs=PICTURES, bad_input=b"no image", options={"top_k": 1})


def test_contract_on_a_real_graph(tmp_path: Path) -> None:
    """Of a loaded model, too, with sessions, batches and pickles."""
    model = onnxhub.load("image-classification", make_colours_model(tmp_path))
    check_task(model.task, model=model, inputs=make_images(5), bad_input="no/such/file.png", options={"top_k": 2})


def test_one_and_many(model: onnxhub.ImageClassificationModel, tmp_path: Path) -> None:
    """A path, bytes, an image, an array and lists of any of them; an array of four axes is many."""
    picture: Image.Image = draw(12, 9)
    (tmp_path / "a.png").write_bytes(save(picture, "PNG"))
    expected = model(picture)
    kinds: list[Any] = [tmp_path / "a.png", str(tmp_path / "a.png"), save(picture, "PNG"), np.asarray(picture)]
    assert [model(value) for value in kinds] == [expected] * 4
    assert model(kinds) == [expected] * 4
    assert model(np.stack([np.asarray(picture)] * 3)) == [expected] * 3
    assert model(np.array([str(tmp_path / "a.png")] * 2)) == [expected] * 2
    assert model([]) == model(np.array([])) == []
    assert list(model.stream(iter(kinds))) == [expected] * 4


def test_result(model: onnxhub.ImageClassificationModel) -> None:
    """Labels with probabilities that add up to 1, the best first; ready for JSON."""
    result = model(np.full((3, 3, 3), [255, 0, 128], np.uint8))
    assert isinstance(result, Classification)
    assert [entry.label for entry in result.ranking] == ["red", "blue", "green"]
    assert sum(entry.score for entry in result.ranking) == pytest.approx(1, abs=1e-6)
    assert json.loads(json.dumps(result.to_dict()))["label"] == "red"
    assert len(model(PICTURES[0], top_k=2).ranking) == 2
    assert len(model.with_options(top_k=1)(PICTURES[0]).ranking) == 1
    with pytest.raises(InvalidOptionError, match="top_k"):
        model(PICTURES[0], top_k=0)


@pytest.mark.parametrize(
    ("config", "labels", "expected"),
    [
        ({}, ("a", "b", "c"), 1 / 3),
        ({"problem_type": "multi_label_classification"}, ("a", "b", "c"), 1 / (1 + np.exp(3))),
        ({"problem_type": "regression"}, ("a", "b", "c"), -3.0),
    ],
)
def test_activations(config: dict[str, Any], labels: tuple[str, ...], expected: float) -> None:
    """Scores are what the problem type says."""
    model = canned(config=config, labels=labels).load("image-classification")
    assert model(np.zeros((2, 2, 3), np.uint8)).score == pytest.approx(expected)


def test_broken_models() -> None:
    """NaN, a wrong number of labels, an unknown problem type and an unknown processor are refused."""
    with pytest.raises(NonFiniteOutputError):
        canned({"logits": [np.nan, 1, 2]}).load("image-classification")(PICTURES[0])
    with pytest.raises(TaskMismatchError, match="2 labels for logits of shape"):
        canned(labels=("a", "b")).load("image-classification")(PICTURES[0])
    with pytest.raises(TaskMismatchError, match="cannot be used for image-classification: problem_type"):
        canned(config={"problem_type": "x"}).load("image-classification")
    with pytest.raises(TaskMismatchError, match="its image processor is 'DonutImageProcessor'"):
        canned(prepared={"image_processor_type": "DonutImageProcessor"}).load("image-classification")


def test_bad_images_keep_their_places(model: onnxhub.ImageClassificationModel) -> None:
    """An image that cannot be read has a failure in its place, and takes no other along."""
    found = model.attempt([PICTURES[0], b"text", PICTURES[1], "nowhere.png"])
    assert [isinstance(result, onnxhub.Failure) for result in found] == [False, True, False, True]
    with pytest.raises(InvalidInputError, match="item 1: the image cannot be read"):
        model([PICTURES[0], b"text"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("input_ids", "attention_mask"),
            "its graph takes input_ids, attention_mask, and an image gives pixel_values alone",
        ),
        (("pixel_values", "pixel_mask"), "takes pixel_values, pixel_mask, and an image"),
        (("input_values",), "takes input_values, and an image"),
    ],
)
def test_graphs_of_other_inputs(names: tuple[str, ...], message: str) -> None:
    """A graph that wants texts, sound or more than pixels is refused when it is loaded."""
    with pytest.raises(TaskMismatchError, match=message):
        CannedBackend({"logits": [0.0, 1.0]}, ("a", "b"), input_names=names, row={"a": np.zeros(1)}).load(
            "image-classification"
        )


def test_loaded_model(tmp_path: Path) -> None:
    """What was loaded is told, and the same answers come from a pickle and from the one-liner."""
    folder = make_colours_model(tmp_path)
    model = onnxhub.load("auto", folder)
    assert isinstance(model, onnxhub.ImageClassificationModel)
    assert (model.info.task, model.info.max_length) == ("image-classification", None)
    assert model.info.labels == ("red", "green", "blue", "dark", "light")
    images = make_images(3)
    expected = model(images)
    assert pickle.loads(pickle.dumps(model.with_options(top_k=1)))(images[0]).label == expected[0].label
    assert onnxhub.classify_image(images, model=folder) == expected
    assert onnxhub.classify_image(images[0], model=folder, top_k=2).ranking == expected[0].ranking[:2]
    onnxhub.unload()


def test_exported_folder(tmp_path: Path) -> None:
    """A model that is written into a folder is the same model there, with what prepares its images."""
    folder = make_colours_model(tmp_path / "model")
    onnxhub.pipeline("image-classification", folder).save_pretrained(tmp_path / "saved")
    expected = onnxhub.load("auto", folder)(PICTURES)
    assert onnxhub.load("auto", tmp_path / "saved")(PICTURES) == expected


def test_rows_share_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of all sizes become rows of one, which run together."""
    model = onnxhub.load("image-classification", make_colours_model(tmp_path))
    sizes: list[int] = []
    run = type(model.backend).run

    def watch(self: Any, features: Mapping[str, Any], *given: Any, **named: Any) -> Any:
        sizes.append(len(features["pixel_values"]))
        return run(self, features, *given, **named)

    monkeypatch.setattr(type(model.backend), "run", watch)
    assert len(model(make_images(48))) == 48
    assert max(sizes) > 8


def test_graph_of_one_image(tmp_path: Path) -> None:
    """A graph whose batch is one image gives what another gives."""
    make_colours_model(tmp_path / "many")
    make_colours_model(tmp_path / "single")
    make_images_model(tmp_path / "other", batch=1)
    (tmp_path / "other" / "model.onnx").replace(tmp_path / "single" / "model.onnx")
    many, single = (onnxhub.load("image-classification", tmp_path / name) for name in ("many", "single"))
    images = make_images(4)
    assert [result.label for result in single(images)] == [result.label for result in many(images)]


def test_sizes_that_do_not_fit_the_graph(tmp_path: Path) -> None:
    """Where the files prepare images of another size than the graph takes, the error tells both."""
    model = onnxhub.load("image-classification", make_colours_model(tmp_path, size=32))
    with pytest.raises(InvalidInputError, match=r"the graph takes images of .*224.* gives \(32, 32\)"):
        model(PICTURES[0])


def test_grey_graph(tmp_path: Path) -> None:
    """A graph of one channel is refused when it is loaded."""
    make_colours_model(tmp_path)
    proto = onnx.load(tmp_path / "model.onnx")
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.ones((1, 5), np.float32), "weights"))
    onnx.save(proto, tmp_path / "model.onnx")
    with pytest.raises(TaskMismatchError, match="and images are"):
        onnxhub.load("image-classification", tmp_path)


def test_arrays_stay_for_custom(tmp_path: Path) -> None:
    """The same model as a graph of arrays is there for who prepares images himself."""
    model = onnxhub.load("custom", make_colours_model(tmp_path))
    assert model({"pixel_values": np.zeros((2, 3, 224, 224), np.float32)})["logits"].shape == (2, 5)


def test_postprocessor_alone() -> None:
    """Logits from anywhere are decoded."""
    decode = ImageClassificationPostprocessor(("cat", "dog"), top_k=1)
    assert [result.label for result in decode([[0.0, 2.0], [3.0, 0.0]])] == ["dog", "cat"]
    with pytest.raises(InvalidOptionError, match="activation"):
        ImageClassificationPostprocessor(("cat", "dog"), activation="relu")  # type: ignore[arg-type]


def test_optimums_class(tmp_path: Path) -> None:
    """`ort_model` is optimum's class over the same session, or says what to install."""
    pytest.importorskip("optimum", reason="tests/oracle compares with it")
    model = onnxhub.load("image-classification", make_colours_model(tmp_path))
    try:
        found: Any = model.ort_model
    except MissingDependencyError:
        return
    assert type(found).__name__ == "ORTModelForImageClassification"
    row = model.encode(PICTURES[0])[0].rows[0]["pixel_values"][np.newaxis]
    assert np.array_equal(found(pixel_values=row)["logits"], model.outputs(PICTURES[0])["logits"])
