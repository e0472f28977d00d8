"""Tasks on images give what transformers' pipelines give, over torch and over optimum's models of the same files."""

from __future__ import annotations

import contextlib
import functools
import io
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import onnxhub
from tests.oracle.peers import COUNTS, LARGEST, close, difference, optimum, transformers
from tests.pictures import make_pictures

torch: Any = pytest.importorskip("torch")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = {"num_labels": 7}
SMALL = {"size": {"height": 32, "width": 32}}
VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}
ARCHITECTURES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "vit": (lambda: transformers.ViTConfig(**VIT, **LABELS), lambda: transformers.ViTImageProcessor(**SMALL)),
    "beit": (
        lambda: transformers.BeitConfig(**VIT, **LABELS, problem_type="multi_label_classification"),
        lambda: transformers.BeitImageProcessor(size={"height": 36, "width": 36}, crop_size=32),
    ),
    "convnext": (
        lambda: transformers.ConvNextConfig(depths=[1, 1], hidden_sizes=[8, 16], num_stages=2, image_size=32, **LABELS),
        lambda: transformers.ConvNextImageProcessor(size={"shortest_edge": 32}),
    ),
    "resnet": (
        lambda: transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **LABELS),
        lambda: transformers.ConvNextImageProcessor(size={"shortest_edge": 40}, crop_pct=0.9, resample=3),
    ),
    "swin": (
        lambda: transformers.SwinConfig(
            image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4, **LABELS
        ),
        lambda: transformers.ViTImageProcessor(**SMALL, resample=3),
    ),
}
EMBEDDERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "vit": ARCHITECTURES["vit"],
    "convnext": ARCHITECTURES["convnext"],
    "resnet": ARCHITECTURES["resnet"],
    "dinov2": (
        lambda: transformers.Dinov2Config(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
        ),
        lambda: transformers.BitImageProcessor(size={"shortest_edge": 32}, crop_size=28),
    ),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"top_k": 2},
    {"top_k": 100},
    {"function_to_apply": "sigmoid"},
    {"function_to_apply": "NONE"},
]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``build(architecture)``: a folder with a random model for torch and for ONNX Runtime."""
    from optimum.exporters.onnx import onnx_export_from_model

    @functools.cache
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        config, processor = ARCHITECTURES[name]
        with contextlib.redirect_stdout(io.StringIO()), torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            model = transformers.AutoModelForImageClassification.from_config(config()).eval()
            with torch.no_grad():  # so that pictures differ in their best label, as with a trained model
                for key, values in model.named_parameters():
                    if "classifier" in key and values.ndim == 2:
                        values.normal_(std=0.7)
            model.config.architectures = [type(model).__name__]
            model.save_pretrained(folder)
            onnx_export_from_model(model, folder, task="image-classification", do_validation=False)
        processor().save_pretrained(folder)
        return folder

    return make


def opened() -> list[Image.Image]:
    """The odd pictures, as transformers' pipelines take them; not those on which transformers is known to be wrong."""
    found = [Image.open(BytesIO(value)) if isinstance(value, bytes) else value for value in make_pictures().values()]
    # Of pictures with a side of 1 or 3, transformers takes rows or columns for channels.
    return [picture for picture in found if not {1, 3} & {*picture.size}]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_image_classification(build: Callable[[str], Path], name: str) -> None:
    """Labels and their order are equal, scores to within 1e-5, in transformers' shape and typed."""
    folder, pictures = build(name), opened()
    model, pipe = onnxhub.load("image-classification", folder), onnxhub.pipeline("image-classification", folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False)
    ort = optimum.ORTModelForImageClassification.from_pretrained(folder)
    peers = [
        transformers.pipeline("image-classification", model=peer, image_processor=processor, device="cpu")
        for peer in (ort, transformers.AutoModelForImageClassification.from_pretrained(folder))
    ]
    for peer in peers:
        for options in OPTIONS:
            expected, found = peer(pictures, **options), pipe(pictures, **options)
            for theirs, ours in zip(expected, found, strict=True):
                assert not difference(theirs, ours), (difference(theirs, ours), options)
                COUNTS["compat, image-classification: equal"] += 1
        typed = model(pictures)
        for theirs, result in zip(peer(pictures, top_k=7), typed, strict=True):
            assert [entry["label"] for entry in theirs] == [entry.label for entry in result.ranking]
            gap = np.abs(
                np.subtract([entry["score"] for entry in theirs], [entry.score for entry in result.ranking])
            ).max()
            assert gap <= 1e-5
            COUNTS["typed, image-classification: equal"] += 1
            LARGEST["typed, image-classification"] = max(LARGEST.get("typed, image-classification", 0.0), float(gap))
    assert len({tuple(entry.label for entry in result.ranking) for result in typed}) > 1
    assert pipe(pictures[5]) == pipe([pictures[5]])[0]
    assert type(model.ort_model).__name__ == "ORTModelForImageClassification"


@pytest.mark.parametrize("name", EMBEDDERS)
def test_image_feature_extraction(name: str, tmp_path: Path) -> None:
    """Vectors of places, the pooled one, and what is pooled of them, are those of torch's model."""
    from optimum.exporters.onnx import onnx_export_from_model

    config, processor = EMBEDDERS[name]
    with contextlib.redirect_stdout(io.StringIO()), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        torched = transformers.AutoModel.from_config(config()).eval()
        torched.config.architectures = [type(torched).__name__]
        torched.config._name_or_path = str(tmp_path)  # where the exporter looks for the size of images
        processor().save_pretrained(tmp_path)
        onnx_export_from_model(torched, tmp_path, task="feature-extraction", do_validation=False)
    pictures = opened()[::4]
    peer = transformers.pipeline("image-feature-extraction", model=torched, image_processor=processor(), device="cpu")
    model, pipe = onnxhub.load("auto", tmp_path), onnxhub.pipeline("image-feature-extraction", tmp_path)
    assert isinstance(model, onnxhub.ImageFeatureExtractionModel)
    places = peer(pictures)
    close(places, pipe(pictures), "compat, image-feature-extraction", 1e-4)
    places = np.asarray(places)[:, 0]
    if "pooler_output" in model.backend.output_shapes:
        pooled = np.asarray(peer(pictures, pool=True))
        close(pooled, pipe(pictures, pool=True), "compat, image-feature-extraction", 1e-4)
        close(pooled.reshape(len(pictures), -1), model(pictures), "typed, image-feature-extraction", 1e-4)
    is_map = places.ndim == 4
    mean = places.mean(axis=(2, 3) if is_map else 1)
    close(mean, model(pictures, pooling="mean"), "typed, image-feature-extraction", 1e-4)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    close(unit, model(pictures, pooling="mean", normalize=True), "typed, image-feature-extraction", 1e-4)
    if not is_map:
        close(places[:, 0], model(pictures, pooling="cls"), "typed, image-feature-extraction", 1e-4)
