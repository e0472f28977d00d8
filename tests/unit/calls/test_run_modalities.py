"""Tasks without a tokenizer on real sessions: lists, streams, batches, and how far they read ahead."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub._backend.runtime.session import Session
from onnxhub._calls.streams import LOOK_AHEAD, LOOK_AHEAD_BYTES
from onnxhub._contracts.batching import weigh_row
from onnxhub._contracts.inputs import weigh
from onnxhub.errors import InvalidInputError
from tests import tiny
from tests.images import IMAGES, NUMBERS, ImagePreprocessor, make_images, make_images_model, make_numbers_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onnxhub._contracts.protocols import Features, Outputs

ROWS = [(1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0), (0.0, 0.0, 9.0, 0.0)]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each batch that any session runs."""
    sizes: list[int] = []
    run = Session.run

    def note(self: Session, features: Features, outputs: Sequence[str]) -> Outputs:
        sizes.append(len(next(iter(features.values()))))
        return run(self, features, outputs)

    monkeypatch.setattr(Session, "run", note)
    return sizes


@pytest.fixture
def images(tmp_path: Path) -> Any:
    """A model of images."""
    return onnxhub.load(IMAGES, make_images_model(tmp_path))


def collect(results: Any) -> list[Any]:
    """Gather what an async stream gives."""

    async def gather() -> list[Any]:
        return [result async for result in results]

    return asyncio.run(gather())


def test_a_task_of_numbers_answers_lists_as_it_answers_one(tmp_path: Path) -> None:
    """Called, attempted, streamed and from asyncio, without a tokenizer; its outputs are those of the rows."""
    model = onnxhub.load(NUMBERS, make_numbers_model(tmp_path))
    alone = [model(row) for row in ROWS]
    assert model(ROWS) == model.attempt(ROWS) == list(model.stream(ROWS)) == collect(model.astream(ROWS)) == alone
    assert asyncio.run(model.acall(ROWS)) == alone
    assert model.outputs(ROWS)["logits"].shape == (3, 3)
    failure = model.attempt([*ROWS, "text"])[3]
    assert (failure.index, type(failure.error)) == (3, InvalidInputError)


def test_64_images_run_in_batches_of_16(images: Any, batches: list[int]) -> None:
    """And each has what it has alone."""
    given = make_images(64)
    found = images(given)
    assert batches == [16] * 4
    assert [label.score for label in found] == pytest.approx([images(image).score for image in given], abs=1e-5)


def test_small_rows_share_large_batches(tmp_path: Path, batches: list[int]) -> None:
    """A thousand rows of four numbers are a batch for each window that is read."""
    model = onnxhub.load(NUMBERS, make_numbers_model(tmp_path))
    assert len(model(ROWS * 333)) == 999
    assert sum(batches) == 999
    assert len(batches) <= 3


def test_a_graph_of_one_image_is_given_one_at_a_time(tmp_path: Path, batches: list[int]) -> None:
    """Where the graph declares how many rows it takes, no batch is tried that it refuses."""
    model = onnxhub.load(IMAGES, make_images_model(tmp_path, batch=1))
    given = make_images(3)
    assert model(given) == [model(image) for image in given]
    assert set(batches) == {1}


def test_an_image_is_one_input_and_an_array_of_images_are_many(images: Any) -> None:
    """(H, W, C) is one, (N, H, W, C) are N; for a call, attempt, a stream, asyncio, outputs and encode."""
    many = np.stack([make_images(1, seed)[0][:8, :8] for seed in range(3)])
    expected = [images(image) for image in many]
    assert isinstance(images(many[0]), type(expected[0]))
    assert (
        images(many) == images.attempt(many) == list(images.stream(many)) == collect(images.astream(many)) == expected
    )
    assert asyncio.run(images.acall(many[0])) == expected[0]
    assert len(images.encode(many[0])) == len(images.outputs(many[0])["logits"]) == 1
    for call in (images.attempt, images.stream, images.astream, images.attempt_stream):
        with pytest.raises(InvalidInputError, match="one input goes to the call itself"):
            call(many[0])


@dataclass(frozen=True)
class BytesPreprocessor(ImagePreprocessor):
    """Any bytes are a black image."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """One row each."""
        return super().__call__([np.zeros((8, 8, 3), np.uint8) for _ in inputs])


def read_ahead(model: Any, value: Any, count: int) -> int:
    """Stream so many of a value, and return how many were read and not answered, at the most."""
    read = 0

    def source() -> Iterator[Any]:
        nonlocal read
        for _ in range(count):
            read += 1
            yield value

    return max(read - done for done, _ in enumerate(model.stream(source())))


def test_a_stream_of_large_inputs_is_read_ahead_by_tens_of_megabytes(tmp_path: Path) -> None:
    """Of 5 MB of bytes a handful, of small ones as many as ever; of arrays by their size, too."""
    model = onnxhub.load(replace(IMAGES, preprocessor=BytesPreprocessor), make_images_model(tmp_path))
    large = bytes(5_000_000)
    assert 2 <= read_ahead(model, large, 30) <= LOOK_AHEAD_BYTES // len(large) + 1
    assert 2 <= read_ahead(model, np.zeros((1500, 1500, 3), np.uint8), 20) <= 5
    assert read_ahead(model, b"small", 500) > 100
    text = onnxhub.load("text-classification", tiny.make_model(tmp_path / "text"))
    assert read_ahead(text, "a good film", 3 * LOOK_AHEAD) <= LOOK_AHEAD


def test_rows_are_read_ahead_by_their_bytes(tmp_path: Path) -> None:
    """Pixels of images that wait for a batch take some tens of megabytes, however many images a list has."""
    prepared: list[int] = []

    @dataclass(frozen=True)
    class Counting(ImagePreprocessor):
        def __call__(self, inputs: Sequence[Any]) -> list[Any]:
            """Count them."""
            prepared.append(len(inputs))
            return super().__call__(inputs)

    model = onnxhub.load(replace(IMAGES, preprocessor=Counting), make_images_model(tmp_path))
    most = 0

    class Watching(type(model.postprocessor)):  # type: ignore[misc]
        """Notes how many were prepared when the first results are made."""

        def decode(self, rows: Any, item: Any) -> Any:
            """As ever."""
            nonlocal most
            most = most or sum(prepared)
            return super().decode(rows, item)

    model.postprocessor = Watching()
    model(make_images(20) * 25)
    assert 0 < most < 500


class Picture:
    """As an image of Pillow tells its size."""

    size = (640, 480)

    def getbands(self) -> tuple[str, ...]:
        """Red, green and blue."""
        return ("R", "G", "B")


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("a" * 1000, 1000),
        (b"a" * 1000, 1000),
        (bytearray(1000), 1000),
        (memoryview(bytes(1000)), 1000),
        (np.zeros(1000, np.float32), 4000),
        (("a" * 500, ["b" * 500]), 1000),
        ({"x": np.zeros(250, np.float32), "y": 3}, 1000),
        (Picture(), 640 * 480 * 3),
        (3, 1),
        (None, 1),
    ],
)
def test_an_input_weighs_what_it_holds(value: object, least: int) -> None:
    """Texts by their characters, the others by their bytes, and what holds them by what it holds; nothing is free."""
    assert least <= weigh(value) <= 40 * least + 200


def test_a_row_weighs_what_its_arrays_hold() -> None:
    """Or, of tokens, what is kept beside them."""
    assert weigh_row({"x": np.zeros(10, np.float32), "y": np.zeros(5, np.int64)}) == 80
    assert weigh_row({"input_ids": np.zeros(10, np.int64)}) >= 10 * 8


def test_inputs_with_a_finish_of_their_own_share_a_batch(images: Any, batches: list[int]) -> None:
    """Rows of requests with different options run together, and each result is its own; a failure too."""

    def refuse(_outputs: Any) -> Any:
        raise InvalidInputError("no")

    ready = images.encode(make_images(4))
    finishes = [None, lambda outputs: outputs["logits"].shape, refuse, lambda _: "mine"]
    prepared = [replace(entry, finish=finish) for entry, finish in zip(ready, finishes, strict=True)]
    runner = type(images).runner(images.backend, images.preprocessor, images.postprocessor, ("logits",))
    found = dict(runner(prepared, None))
    assert batches == [4]
    assert (found[0], found[1], found[3]) == (images(make_images(1)[0]), (1, 5), "mine")
    assert isinstance(found[2], InvalidInputError)


def test_tokens_without_a_tokenizer_share_batches_by_their_shape(tmp_path: Path, batches: list[int]) -> None:
    """Nobody knows what pads them, so that nothing is padded."""

    @dataclass(frozen=True)
    class Ids(ImagePreprocessor):
        def __call__(self, inputs: Sequence[Any]) -> list[Any]:
            """Ids as they are."""
            item = onnxhub.ClassificationItem()
            return [onnxhub.Prepared([to_row(np.array(value))], item) for value in inputs]  # type: ignore[arg-type]

    def to_row(ids: Any) -> Features:
        return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}

    folder = tiny.make_model(tmp_path)
    (folder / "tokenizer.json").unlink()
    plain = replace(IMAGES, modality="text", preprocessor=Ids, postprocessor=Logits)
    model = onnxhub.load(plain, folder)
    found = model([(5, 6, 7), (5, 6), (7, 6, 5)])
    assert sorted(batches) == [1, 2]
    assert found[0] == pytest.approx(model((5, 6, 7)), abs=1e-5)


class Logits(onnxhub.Postprocessor[Any, list[float]]):
    """The logits of a row."""

    def decode(self, rows: Any, item: Any) -> list[float]:
        """As a list."""
        del item
        return [float(value) for value in rows["logits"][0]]
