"""Streams: what they read, what they give before an error, what they leave behind; and the same from asyncio."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub._calls.streams import LOOK_AHEAD, LOOK_AHEAD_BYTES, chunks
from onnxhub._contracts.inputs import BYTES_PER_CHARACTER, weigh
from onnxhub.errors import InvalidInputError
from onnxhub.testing import CannedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from onnxhub._contracts.protocols import Features, Outputs

pytestmark = pytest.mark.filterwarnings("error")
LOOK_AHEAD_CHARACTERS = LOOK_AHEAD_BYTES // BYTES_PER_CHARACTER


@dataclass(frozen=True, eq=False)
class Gated(CannedBackend):
    """Batches that wait for a gate, and are counted; no more than ten tokens each."""

    gate: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    sizes: list[int] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """When the gate is open."""
        self.threads.add(threading.get_ident())
        self.sizes.append(len(features["input_ids"]))
        self.started.set()
        assert self.gate.wait(30)
        return super().run(features, outputs, beside=beside)


def gated(*, is_open: bool = True) -> tuple[onnxhub.TextClassificationModel, Gated]:
    """A model whose batches wait unless the gate is open, and its backend; what loading it ran is not counted."""
    backend = Gated({"logits": [0.0, 2.0]}, labels=("NEG", "POS"), batch_tokens=10)
    backend.gate.set()
    model = backend.load("text-classification")
    backend.sizes.clear()
    backend.threads.clear()
    backend.started.clear()
    if not is_open:
        backend.gate.clear()
    return model, backend


class ArrowScalar:
    """As a value of an Arrow array: no str, though its value is."""


class ArrowArray:
    """As a ChunkedArray of Arrow, such as a table's column: it becomes a list, and iterates over values of its own."""

    def __init__(self, values: list[str]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[ArrowScalar]:
        return (ArrowScalar() for _ in self.values)

    def to_pylist(self) -> list[str]:
        """The values as Python's."""
        return self.values


class Source:
    """Numbered texts, and what became of the generator that gives them."""

    def __init__(self, count: int | None = None, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.read = 0
        self.closed = False

    def texts(self) -> Generator[str, None, None]:
        """So many of them, then the error, if there is one."""
        try:
            for _ in itertools.count() if self.count is None else range(self.count):
                self.read += 1
                yield "a"
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True

    async def later(self) -> AsyncIterator[str]:
        """The same for asyncio."""
        for text in self.texts():
            await asyncio.sleep(0)
            yield text


def until_error(results: Iterator[Any]) -> tuple[list[Any], Exception | None]:
    """All results, and the error after them."""
    found = []
    try:
        for one in results:
            found.append(one)  # noqa: PERF402  # what came before an error would be lost
    except Exception as error:  # noqa: BLE001
        return found, error
    return found, None


async def until_async_error(results: AsyncIterator[Any]) -> tuple[list[Any], Exception | None]:
    """The same from asyncio."""
    found = []
    try:
        async for one in results:
            found.append(one)  # noqa: PERF401
    except Exception as error:  # noqa: BLE001
        return found, error
    return found, None


# --- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 96, 97, 5000])
def test_a_source_that_fails_loses_nothing(count: int) -> None:
    """All that it gave has a result before its error is raised, of either stream."""
    model, _ = gated()
    for stream in (model.stream, model.attempt_stream):
        source = Source(count, OSError("the disk is gone"))
        results, error = until_error(stream(source.texts()))
        assert (len(results), str(error)) == (count, "the disk is gone")
        assert source.closed


def test_closing_a_stream_closes_its_generator() -> None:
    """By `close`, by leaving a loop, by letting it go; nothing more is read."""

    def close(results: Generator[Any, None, None]) -> None:
        results.close()

    def leave(results: Generator[Any, None, None]) -> None:
        for _ in results:
            break

    def let_go(results: Generator[Any, None, None]) -> None:
        del results

    for end in (close, leave, let_go):
        model, backend = gated()
        for stream in (model.stream, model.attempt_stream):
            source = Source()
            texts = source.texts()  # kept, or it would be closed by being let go
            results = stream(texts)
            next(results)
            end(results)
            del results
            gc.collect()
            ran = len(backend.sizes)
            assert source.closed
            assert source.read == 32
            assert len(backend.sizes) == ran


def test_a_file_stays_open(tmp_path: Path) -> None:
    """It is of whoever opened it, and not the stream's."""
    (tmp_path / "texts").write_text("a\n" * 100)
    model, _ = gated()
    with (tmp_path / "texts").open() as file:
        results = model.stream(file)
        next(results)
        results.close()
        assert not file.closed
        assert file.readline() == "a\n"


def test_a_poison_item_of_a_stream_comes_after_what_is_before_it() -> None:
    """Results up to it, then its error with its place in the whole stream; a failure in its place, and on it goes."""
    model, _ = gated()
    texts = [*["a"] * 3000, None, "b"]
    results, error = until_error(model.stream(iter(texts)))  # type: ignore[arg-type]
    assert isinstance(error, InvalidInputError)
    assert str(error).startswith("item 3000: expected a str")
    assert error.index == len(results) == 3000
    found = list(model.attempt_stream(texts))  # type: ignore[arg-type]
    assert [place for place, one in enumerate(found) if isinstance(one, onnxhub.Failure)] == [3000]
    assert found[3001] == results[0]


def test_chunks_are_bounded_by_number_and_by_size() -> None:
    """They grow from the first to LOOK_AHEAD; a million characters are enough, also of texts within tuples."""
    sizes = [len(chunk) for chunk in chunks(itertools.islice(itertools.repeat("a"), 8000), 32, LOOK_AHEAD, weigh)]
    assert sizes == [32, 64, 128, 256, 512, 1024, LOOK_AHEAD, LOOK_AHEAD, 8000 - 2016 - 2 * LOOK_AHEAD]
    text = "a" * (LOOK_AHEAD_CHARACTERS // 4)
    for one in (text, (text, ""), (text[:-4], ["b", ("c", "d")])):
        assert [len(chunk) for chunk in chunks(iter([one] * 9), 32, LOOK_AHEAD, weigh)] in ([4, 4, 1], [5, 4])


@pytest.mark.slow
def test_memory_does_not_grow_with_a_stream() -> None:
    """Twice the inputs take no more, but for what the allocator rounds."""
    model, _ = gated()
    peaks = []
    for count in (6_000, 12_000):
        tracemalloc.start()
        assert sum(1 for _ in model.attempt_stream("a" for _ in range(count))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# --- progress --------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, onnxhub
model = onnxhub.load("text-classification", "builtin:sentiment")
texts = ["Quite easy!"] * 300
for stream in (model.stream(texts, progress=True), model.attempt_stream(iter(texts), progress=True)):
    assert len(list(stream)) == 300
"""


def test_the_bar_counts_inputs_and_tokens(tmp_path: Path) -> None:
    """On a terminal: inputs, the time that is left where their number is known, tokens a second."""
    terminal = pytest.importorskip("tests.cli.terminal")  # where there are terminals
    code, seen = terminal.in_a_terminal(
        [sys.executable, "-c", PROGRAM], tmp_path, {"PYTHONPATH": ":".join(sys.path)}, 120
    )
    assert code == 0
    known, unknown = (line.split("\r")[-1] for line in terminal.plain(seen).strip().split("\n"))
    assert "100%|" in known
    assert "| 300/300 [" in known
    assert known.endswith(" tokens/s]")
    assert unknown.startswith("300 inputs [")
    assert unknown.endswith(" tokens/s]")


def test_no_terminal_no_bar(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is drawn into files and pipes."""
    model, _ = gated()

    async def astream() -> int:
        return len([one async for one in model.astream(["a"] * 70, progress=True)])

    assert len(list(model.stream(["a"] * 70, progress=True))) == 70
    assert asyncio.run(astream()) == 70
    assert capfd.readouterr() == ("", "")


# --- asyncio ---------------------------------------------------------------------------------------------------------


def test_astream_is_the_stream() -> None:
    """Over a list, a generator, an async generator; in order, and in other threads than the loop's."""
    model, backend = gated()
    texts = [" ".join(["a"] * (index % 7)) for index in range(500)]
    expected = [one.score for one in model.stream(texts)]
    backend.threads.clear()

    async def later() -> AsyncIterator[str]:
        for text in texts:
            await asyncio.sleep(0)
            yield text

    async def gather(source: Any) -> list[float]:
        return [one.score async for one in model.astream(source)]

    for source in (texts, iter(texts), (text for text in texts), later()):
        assert asyncio.run(gather(source)) == expected
    assert threading.get_ident() not in backend.threads


@pytest.mark.parametrize("make", [Source.texts, Source.later])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_an_async_source_that_fails_loses_nothing(make: Callable[[Source], Any], count: int) -> None:
    """As in a plain stream."""
    model, _ = gated()
    source = make(Source(count, OSError("the disk is gone")))
    results, error = asyncio.run(until_async_error(model.astream(source)))
    assert (len(results), str(error)) == (count, "the disk is gone")


@pytest.mark.parametrize("make", [Source.texts, Source.later])
def test_leaving_an_async_stream_closes_its_source(make: Callable[[Source], Any]) -> None:
    """By `aclose`; the source is endless, and has been read ahead by no more than it may."""
    model, _ = gated()
    source = Source()
    texts = make(source)  # kept, or it would be closed by being let go

    async def few() -> None:
        results = model.astream(texts)
        async for _ in results:
            break
        before = -1
        while before != source.read:  # until no more is read ahead
            before = source.read
            await asyncio.sleep(0.05)
        assert not source.closed
        await results.aclose()
        assert source.closed
        assert source.read == before <= 2 * LOOK_AHEAD

    asyncio.run(few())


def test_an_input_does_not_wait_for_others() -> None:
    """A source that sends the next text only when it has the result of the last is answered each time."""
    model, backend = gated()

    async def talk() -> int:
        answered = asyncio.Event()
        answered.set()

        async def asks() -> AsyncIterator[str]:
            for _ in range(20):
                await answered.wait()
                answered.clear()
                yield "a"

        count = 0
        async for _ in model.astream(asks()):
            count += 1
            answered.set()
        return count

    assert asyncio.run(asyncio.wait_for(talk(), 30)) == 20
    assert backend.sizes == [1] * 20


def test_what_comes_while_a_batch_runs_makes_up_the_next() -> None:
    """Nothing is lost, and nothing waits: one input, then all that was sent meanwhile."""
    model, backend = gated(is_open=False)

    async def flood() -> int:
        async def asks() -> AsyncIterator[str]:
            yield "a"
            await asyncio.to_thread(backend.started.wait, 30)
            for _ in range(6):
                yield "a"
            backend.gate.set()

        return len([one async for one in model.astream(asks())])

    assert asyncio.run(asyncio.wait_for(flood(), 30)) == 7
    assert backend.sizes == [1, 3, 3]  # three texts of three tokens are a batch here


def test_the_loop_is_free_while_a_stream_works() -> None:
    """Ten ticks of a clock in the loop go by while a batch waits for them."""
    model, backend = gated(is_open=False)

    async def both() -> tuple[int, int]:
        async def tick() -> int:
            count = 0
            while count < 10:
                await asyncio.sleep(0.001)
                count += backend.started.is_set()
            backend.gate.set()
            return count

        async def work() -> int:
            return len([one async for one in model.astream(["a"] * 5)])

        return await asyncio.gather(tick(), work())

    assert asyncio.run(asyncio.wait_for(both(), 30)) == [10, 5]


def until(happens: Callable[[], bool]) -> bool:
    """Wait for it, no longer than half a minute."""
    end = time.monotonic() + 30
    while not happens() and time.monotonic() < end:
        time.sleep(0.005)
    return happens()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("how", ["acall", "astream", "astream of an async source"])
def test_a_cancelled_call_stops_before_its_next_batch(how: str, times: int) -> None:
    """The thread that worked is free for others, after the batches that were begun; the source is closed.

    Whoever cancels twice, as timeouts within each other do, gets the same.
    """
    model, backend = gated(is_open=False)
    source = Source(500)

    async def work() -> None:
        if how == "acall":
            await model.acall(["a"] * 500)
        else:
            _ = [one async for one in model.astream(source.texts() if how == "astream" else source.later())]

    async def cancel() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        task = asyncio.create_task(work())
        while not backend.started.is_set():  # noqa: ASYNC110  # another thread sets it
            await asyncio.sleep(0.001)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.01)
        backend.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The loop has one thread: it answers when the cancelled call has given it back.
        assert (await model.acall("b")).label == "POS"

    asyncio.run(asyncio.wait_for(cancel(), 30))
    assert until(lambda: source.closed or how == "acall")
    assert len(backend.sizes) < 10  # of 167: what ran, and what was handed to threads already


def test_a_stream_of_one_text_is_refused() -> None:
    """At once, and not when its first result is asked for."""
    model, _ = gated()
    for wrong in ("text", b"text", 3, None):
        for call in (model.stream, model.attempt_stream, model.astream):
            with pytest.raises(InvalidInputError, match="expected an iterable of inputs"):
                call(wrong)  # type: ignore[operator]


def test_a_failure_ends_an_async_stream() -> None:
    """After what comes before it, and with its place."""
    model, _ = gated()
    results, error = asyncio.run(until_async_error(model.astream([*["a"] * 40, None, "b"])))  # type: ignore[list-item]
    assert isinstance(error, InvalidInputError)
    assert (len(results), error.index) == (40, 40)


# --- threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_32_threads_give_what_one_gives() -> None:
    """Row 14: one bundled model shared by 32 threads, each with texts of random lengths; bit for bit as serially."""
    model = onnxhub.load("text-classification", "builtin:sentiment", threads=1)
    draw = np.random.default_rng(0)
    words = "quite rather easy hard good bad film cable never again buy it was a not very".split()
    texts = [" ".join(draw.choice(words, size)) for size in np.clip(draw.lognormal(2.5, 0.8, 640), 1, 120).astype(int)]
    serial = [model(text) for text in texts]
    together = threading.Barrier(32)
    wrong: list[str] = []

    def work(number: int) -> None:
        together.wait()
        places = range(number, len(texts), 32)
        wrong.extend(texts[place] for place in places if model(texts[place]) != serial[place])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_arrow_array_is_the_list_of_its_values() -> None:
    """Called, attempted or streamed; its own scalars are no texts."""
    model, _ = gated()
    column: Any = ArrowArray(["a", "b b", "c"])
    expected = model(column.values)

    async def streamed() -> list[onnxhub.Classification]:
        return [one async for one in model.astream(column)]

    assert model(column) == model.attempt(column) == list(model.stream(column)) == asyncio.run(streamed()) == expected
