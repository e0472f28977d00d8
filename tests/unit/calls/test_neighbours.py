"""What a text gives does not depend on the texts beside it, even where the graph reads padding: it is measured."""

from __future__ import annotations

import asyncio
import pickle
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import onnxhub
from onnxhub._backend.kept import housekeeping as kept
from onnxhub._backend.runtime.compiled import ModelFile
from onnxhub._backend.runtime.padding import COARSE, EXACT, HALF, PADDING, choose_tolerance
from onnxhub._backend.runtime.session import Session
from onnxhub._calls.batches import collate
from onnxhub._calls.neighbours import ENOUGH, REACH, Findings, Neighbours, agree
from onnxhub.errors import InvalidInputError, OutOfMemoryError
from tests import tiny
from tests.hub_server import run_python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from onnxhub._contracts.protocols import Features, Outputs

TEXTS = ["a good film", "bad", "good and bad and good and bad", "a", "the film is a bad film", "good"]
LONG = " ".join(TEXTS * 12)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own, where nothing was measured before."""
    place = tmp_path / "home"
    monkeypatch.setenv("HF_HOME", str(place / "huggingface"))
    place.mkdir()
    return place


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shape of each batch that any session runs, as it is run."""
    shapes: list[tuple[int, ...]] = []
    run = Session.run

    def note(self: Session, features: Features, outputs: Sequence[str]) -> Outputs:
        shapes.append(features["input_ids"].shape)
        return run(self, features, outputs)

    monkeypatch.setattr(Session, "run", note)
    return shapes


def ignore_mask(folder: Path) -> Path:
    """Let a tiny model's graph average over the whole padded row, though it has an attention mask."""
    path = folder / "model.onnx"
    model = onnx.load(str(path))
    nodes = list(model.graph.node)
    place = next(place for place, node in enumerate(nodes) if "mask" in node.output)
    nodes[place].output[0] = "true_mask"
    ones = [
        helper.make_node("Mul", ["true_mask", "nil"], ["none"]),
        helper.make_node("Add", ["none", "unit"], ["mask"]),
    ]
    del model.graph.node[:]
    model.graph.node.extend([*nodes[: place + 1], *ones, *nodes[place + 1 :]])
    for name, value in (("nil", 0), ("unit", 1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    onnx.save_model(model, str(path))
    return folder


def reading_padding(folder: Path, task: str = "text-classification", **options: Any) -> Any:
    """Load a tiny model whose graph reads padding; one batch at a time, so that runs can be counted."""
    return onnxhub.load(task, ignore_mask(tiny.make_model(folder, task, **options)), threads=1)


def obeying(folder: Path, **options: Any) -> Any:
    """Load a tiny model whose graph obeys its mask, as nearly all do."""
    return onnxhub.load("text-classification", tiny.make_model(folder, **options), threads=1)


def entries() -> list[kept.EntryInfo]:
    """Give what is kept of padding."""
    return kept.list_entries([PADDING])


# --- models ----------------------------------------------------------------------------------------------------------


async def _collected(results: Any) -> list[Any]:
    return [result async for result in results]


WAYS: dict[str, Callable[[Any, list[str]], Any]] = {
    "call": lambda model, texts: model(texts),
    "backwards": lambda model, texts: model(texts[::-1])[::-1],
    "options": lambda model, texts: model.with_options(top_k=2)(texts),
    "attempt": lambda model, texts: model.attempt(texts),
    "stream": lambda model, texts: list(model.stream(texts)),
    "acall": lambda model, texts: asyncio.run(model.acall(texts)),
    "astream": lambda model, texts: asyncio.run(_collected(model.astream(texts))),
}


@pytest.mark.parametrize("lanes", [1, None])
@pytest.mark.parametrize("way", WAYS)
def test_a_text_gives_the_same_alone_and_in_a_list(tmp_path: Path, way: str, lanes: int | None) -> None:
    """In the list at hand, in which it is found out, and in later ones, whichever way they are called."""
    folder = ignore_mask(tiny.make_model(tmp_path))
    model = onnxhub.load("text-classification", folder, threads=lanes)
    alone = [model(text).score for text in TEXTS]
    for _ in range(2):
        assert [found.score for found in WAYS[way](model, TEXTS)] == pytest.approx(alone, abs=1e-5)


def test_the_graph_would_depend_on_neighbours(tmp_path: Path) -> None:
    """The graph of these tests gives something else where it is padded, or they would show nothing."""
    model = reading_padding(tmp_path)
    rows = [row for one in model.encode(["a good film", "bad"]) for row in one.rows]
    padded = model.backend.run(collate(rows, model.backend.tokenizer.padding), ("logits",))["logits"]
    assert np.abs(padded[1] - model.outputs("bad")["logits"][0]).max() > 1e-2


@pytest.mark.parametrize("task", ["feature-extraction", "token-classification", "fill-mask"])
def test_outputs_of_tokens_are_the_same(tmp_path: Path, task: str) -> None:
    """A row's own tokens have the same outputs alone and beside longer rows."""
    model = reading_padding(tmp_path, task)
    texts = [f"{text} [MASK]" for text in TEXTS]
    found = model.outputs(texts)
    for place, text in enumerate(texts):
        for name, [values] in model.outputs(text).items():
            np.testing.assert_allclose(found[name][place, : len(values)], values, atol=1e-5)


def test_windows_of_a_long_document_are_read_apart(tmp_path: Path) -> None:
    """The last window, which is shorter, is not padded to the others: each gives what it gives alone."""
    model = reading_padding(tmp_path, "token-classification")
    [encoded] = model.encode(LONG)
    assert len({row["input_ids"].shape for row in encoded.rows}) > 1
    alone = [model.backend.run(collate([row], {}), ("logits",))["logits"][0] for row in encoded.rows]
    found = model.outputs(LONG)["logits"]
    for values, expected in zip(found, alone, strict=True):
        np.testing.assert_allclose(values[: len(expected)], expected, atol=1e-5)
    answers = reading_padding(tmp_path / "qa", "question-answering")
    assert answers("bad", LONG).score == pytest.approx(answers([("bad", LONG), ("a", "b c")])[0].score, abs=1e-5)


def test_pipelines_of_transformers_shape_take_the_same_way(tmp_path: Path) -> None:
    """A pipeline's list gives what its texts give alone."""
    ignore_mask(tiny.make_model(tmp_path))
    pipe = onnxhub.pipeline("text-classification", str(tmp_path))
    alone = [pipe(text)[0]["score"] for text in TEXTS]
    assert [one["score"] for one in pipe(TEXTS)] == pytest.approx(alone, abs=1e-5)


def test_prompts_with_choices_are_the_same_in_a_list(tmp_path: Path) -> None:
    """Rows of two axes count as padded along either of them."""
    model = reading_padding(tmp_path, "multiple-choice")
    prompts = [("a film", ["good", "bad"]), ("a good film", ["good", "a bad one", "a"]), ("bad", ["a", "b", "c d e f"])]
    alone = [model(prompt).score for prompt in prompts]
    assert [found.score for found in model(prompts)] == pytest.approx(alone, abs=1e-5)


def test_a_graph_that_reads_padding_runs_texts_by_their_length(tmp_path: Path, batches: list[Any]) -> None:
    """Once that is known, no row is padded any more, and rows of one length still share a batch."""
    model = reading_padding(tmp_path)
    model(["a", "good film", "bad film"])
    assert batches == [(3, 4), (1, 3), (2, 4), (1, 3)]  # padded, the shortest alone, and again by length
    batches.clear()
    model(["a", "good film", "bad film"])
    assert batches == [(2, 4), (1, 3)]
    assert [entry.made_of["padding"] for entry in entries()] == ["makes a difference"]


def test_a_graph_that_obeys_its_mask_is_measured_a_few_times(tmp_path: Path, batches: list[Any]) -> None:
    """One row more for each new padding, three in all; then none, where no text is padded much further."""
    model = obeying(tmp_path)
    for first in ("a", "a b", "a b c"):
        model([first, "good film and bad film"])
        length = len(first.split()) + 2
        assert batches == [(2, 7), (1, length)]
        batches.clear()
        model([first, "good film and bad film"])
        assert batches == [(2, 7)]
        batches.clear()
    model(["a b c", "good film and bad film and bad"])
    model(TEXTS)
    assert {rows for rows, _ in batches} <= {len(TEXTS), 2}
    assert [entry.made_of["padding"] for entry in entries()] == ["makes no difference"]


def test_nothing_is_measured_where_nothing_is_padded(tmp_path: Path, batches: list[Any]) -> None:
    """One text, texts of one length, and a model that runs each row by itself cost no run, and nothing is written."""
    model = obeying(tmp_path / "plain")
    model("a good film")
    model(["a film", "good film"])
    assert batches == [(1, 5), (2, 4)]
    quantised = obeying(tmp_path / "int8", dtype="int8", file="model.onnx")
    quantised(["a", "good film"])
    assert batches[2:] == [(1, 4), (1, 3)]
    assert entries() == []


def test_the_verdict_goes_with_copies_and_pickles(tmp_path: Path, batches: list[Any]) -> None:
    """Models with other options share it; a pickle's model finds it on the disk."""
    model = reading_padding(tmp_path)
    model(["a", "good film"])
    for other in (model.with_options(top_k=1), pickle.loads(pickle.dumps(model))):
        batches.clear()
        other(["a", "good film"])
        assert batches == [(1, 4), (1, 3)]


PROGRAM = """
import onnxhub
from onnxhub._backend.runtime.session import Session
shapes, run = [], Session.run
def note(self, features, outputs):
    shapes.append(features["input_ids"].shape)
    return run(self, features, outputs)
Session.run = note
model = onnxhub.load("text-classification", FOLDER, threads=1)
scores = [round(found.score, 5) for found in model(["a", "good film"])]
print(shapes)
assert scores == [round(model(text).score, 5) for text in ["a", "good film"]]
"""


@pytest.mark.slow
def test_another_process_knows_what_was_measured(tmp_path: Path, home: Path) -> None:
    """Of a graph that reads padding, and of one that does not; of another graph in the same place, nothing."""
    code = PROGRAM.replace("FOLDER", repr(str(tmp_path / "model")))

    def ran() -> str:
        done = run_python(code, home)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    tiny.make_model(tmp_path / "model")
    assert [ran(), ran()] == ["[(2, 4), (1, 3)]", "[(2, 4)]"]
    ignore_mask(tmp_path / "model")
    assert [ran(), ran()] == ["[(2, 4), (1, 3), (1, 4), (1, 3)]", "[(1, 4), (1, 3)]"]
    ignore_mask(tiny.make_model(tmp_path / "model", seed=1))
    assert ran() == "[(2, 4), (1, 3), (1, 4), (1, 3)]"
    assert len(entries()) == 3


def test_nothing_is_kept_of_a_file_that_was_changed_after_its_load(tmp_path: Path, batches: list[Any]) -> None:
    """What the open session does says nothing of the graph that is in its place by now."""
    model = reading_padding(tmp_path)
    tiny.make_model(tmp_path)
    model(["a", "good film"])
    assert entries() == []
    batches.clear()
    model(["a", "good film"])
    assert batches == [(1, 4), (1, 3)]


def test_a_cache_that_cannot_be_written_leaves_it_to_the_process(
    tmp_path: Path, home: Path, batches: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The model remembers by itself, and nobody is warned."""
    (home / "huggingface").write_text("no folder")
    model = reading_padding(tmp_path)
    for expected in ([(2, 4), (1, 3), (1, 4), (1, 3)], [(1, 4), (1, 3)]):
        batches.clear()
        model(["a", "good film"])
        assert batches == expected
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_what_is_kept_and_damaged_is_measured_anew(tmp_path: Path, batches: list[Any]) -> None:
    """A manifest that is not as it was written counts for nothing."""
    folder = ignore_mask(tiny.make_model(tmp_path))
    onnxhub.load("text-classification", folder, threads=1)(["a", "good film"])
    manifest = entries()[0].folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("makes a difference", "makes no difference"))
    batches.clear()
    onnxhub.load("text-classification", folder, threads=1)(["a", "good film"])
    assert batches == [(2, 4), (1, 3), (1, 4), (1, 3)]


def test_the_cache_commands_know_what_is_kept(tmp_path: Path) -> None:
    """It says of which model it is, and is cleared away like all else."""
    reading_padding(tmp_path / "model")(["a", "good film"])
    [entry] = entries()
    assert entry.model == str(tmp_path / "model")
    assert "padding makes a difference" in entry.made_with
    assert kept.find_damage(entry) == []
    assert kept.clear(PADDING).removed == [entry]


def test_many_threads_measure_together(tmp_path: Path) -> None:
    """Each gets what the texts give alone, whoever is first."""
    model = onnxhub.load("text-classification", ignore_mask(tiny.make_model(tmp_path)))
    alone = [model(text).score for text in TEXTS]
    found: list[list[float]] = []

    def answer() -> None:
        found.append([result.score for result in model(TEXTS)])

    threads = [threading.Thread(target=answer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for scores in found:
        assert scores == pytest.approx(alone, abs=1e-5)


def test_a_text_that_fails_alone_fails_in_a_list(tmp_path: Path) -> None:
    """NaN of one text is its own failure, and the others of the list are measured and answered."""
    ignore_mask(tiny.nan_model(tmp_path, word="kaputt"))
    model = onnxhub.load("text-classification", tmp_path)
    first, failed, last = model.attempt(["a", "kaputt", "good film is bad"])
    assert failed.index == 1
    assert [first.score, last.score] == pytest.approx(
        [model(text).score for text in ("a", "good film is bad")], abs=1e-5
    )


# --- the rules alone -------------------------------------------------------------------------------------------------


@dataclass
class Notes:
    """A memory in a list."""

    kept: list[Findings] = field(default_factory=list)
    found: Findings = field(default_factory=Findings)

    def find(self) -> Findings:
        """Give what was there before."""
        return self.found

    def keep(self, findings: Findings) -> Findings:
        """Note it."""
        self.kept.append(findings)
        return findings


class Graph:
    """Sums each row, the padding of 100 tokens or more with it."""

    def __init__(self, *, blind_below: int = 10**9) -> None:
        """Read padding from so many tokens on."""
        self.blind_below = blind_below
        self.shapes: list[tuple[int, int]] = []

    def __call__(self, rows: Sequence[Features]) -> Outputs:
        """Pad and run them."""
        batch = collate(rows, {"input_ids": 1000})["input_ids"]
        self.shapes.append((batch.shape[0], batch.shape[1]))
        padding = (batch == 1000).sum(-1)
        own = np.where(batch == 1000, 0, batch).sum(-1)
        return {"logits": (own + np.where(padding >= self.blind_below, padding, 0)).astype(np.float32)}


def rows(*lengths: int) -> list[Features]:
    """Rows that can be told apart, the longest first."""
    return [{"input_ids": np.full(length, place + 1)} for place, length in enumerate(lengths)]


def sums(found: Sequence[tuple[Sequence[int], Outputs]]) -> list[float]:
    """Give what each row was summed up to."""
    by_place = {place: sum_ for places, part in found for place, sum_ in zip(places, part["logits"], strict=True)}
    return [float(by_place[place]) for place in range(len(by_place))]


def test_a_graph_is_tried_again_where_rows_are_padded_much_further() -> None:
    """Three paddings say something of those up to four times as far; what is only read beyond that is found there."""
    graph, notes = Graph(blind_below=100), Notes()
    neighbours = Neighbours(notes)
    for short in (99, 98, 97):
        neighbours.run(rows(100, short), graph)
    assert len(graph.shapes) == 2 * ENOUGH
    neighbours.run(rows(100, 95), graph)
    assert len(graph.shapes) == 2 * ENOUGH + 1
    assert sums(neighbours.run(rows(200, 60), graph)) == [200, 120]
    assert neighbours.need_one_length
    assert [one.differs for one in notes.kept] == [False] * ENOUGH + [True]
    graph.shapes.clear()
    assert sums(neighbours.run(rows(5, 4, 5), graph)) == [5, 8, 15]
    assert graph.shapes == [(2, 5), (1, 4)]


def test_a_graph_is_tried_a_dozen_times_at_the_most() -> None:
    """However the paddings grow, from one token beside five hundred to five hundred beside one."""
    graph = Graph()
    neighbours = Neighbours(Notes())
    for short in range(511, 0, -1):
        neighbours.run(rows(512, short), graph)
    assert 3 < len(graph.shapes) - 511 <= 12
    assert Findings(frozenset({(1, 2), (1, 3), (2, 3)})).cover((10, 10 + 10 * 2 * REACH))


def test_what_was_found_out_before_costs_nothing() -> None:
    """Neither that padding makes a difference, nor that it makes none."""
    for known, shapes in (
        (Findings(differs=True), [(1, 9), (1, 3)]),
        (Findings(frozenset({(3, 9)})), [(2, 9)]),
        (Findings(frozenset({(3, 8), (4, 8), (5, 8)})), [(2, 9)]),
    ):
        graph = Graph()
        Neighbours(Notes(found=known)).run(rows(9, 3), graph)
        assert graph.shapes == shapes


def test_an_error_of_the_row_alone_is_no_finding() -> None:
    """It is raised, so that the row is tried by itself, and nothing is remembered."""
    notes = Notes()
    for error in (OutOfMemoryError("no memory"), InvalidInputError("too short")):

        def fail(some: Sequence[Features], error: Exception = error) -> Outputs:
            if len(some) == 1:
                raise error
            return Graph()(some)

        with pytest.raises(type(error)):
            Neighbours(notes).run(rows(9, 3), fail)
    assert notes.kept == []


def test_a_row_of_nan_proves_nothing() -> None:
    """It counts as the same, but not as a finding."""
    notes = Notes()
    Neighbours(notes).run(rows(9, 3), lambda some: {"logits": np.full(len(some), np.nan, np.float32)})
    assert notes.kept == []


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_rows_keep_their_order(lengths: list[int]) -> None:
    """However they are put together, with padding that is read or not, each row has its own outputs."""
    expected = [float((place + 1) * length) for place, length in enumerate(lengths)]
    for findings in (Findings(), Findings(differs=True)):
        for graph in (Graph(), Graph(blind_below=1)):
            assert sums(Neighbours(Notes(found=findings)).run(rows(*lengths), graph)) == expected


def values(*numbers: float) -> Outputs:
    """Give an output of tokens."""
    return {"logits": np.array(numbers, np.float32)}


@pytest.mark.parametrize(
    ("alone", "padded", "same"),
    [
        (values(1, 2), values(1, 2), True),
        (values(1, 2), values(1, 2, 99), True),
        (values(1, 2), values(1, 2 + 1e-5), True),
        (values(1, 2), values(1, 2 + 5e-5), False),
        (values(0.001), values(0.001 + 5e-6), True),
        (values(500), values(500 + 2e-3), True),
        (values(np.nan, 1), values(np.nan, 1), True),
        (values(np.nan, 1), values(0, 1), False),
        (values(0, 1), values(np.nan, 1), False),
        (values(np.inf, 1), values(np.inf, 1), True),
        (values(np.inf, 1), values(-np.inf, 1), False),
        (values(1, 2, 3), values(1, 2), False),
        (values(), values(), True),
        (
            {**values(1), "more": np.ones((2, 2), np.float32)},
            {**values(1), "more": np.zeros((3, 2), np.float32)},
            False,
        ),
    ],
)
def test_only_a_rows_own_tokens_are_compared(alone: Outputs, padded: Outputs, same: bool) -> None:
    """Within the tolerance, as a share of the largest number where that is beyond 1; NaN equals NaN."""
    assert agree(alone, padded, EXACT) is same


@pytest.mark.parametrize(
    ("types", "operators", "provider", "expected"),
    [
        ({1}, {"MatMul"}, "cpu", EXACT),
        ({1, 7}, {"MatMul", "DequantizeLinear"}, "cpu", EXACT),
        ({1}, {"MatMul"}, "cuda", HALF),
        ({1, 10}, {"MatMul"}, "cpu", HALF),
        ({16}, {"MatMul"}, "cpu", COARSE),
        ({1, 3}, {"QuantizeLinear", "DequantizeLinear"}, "cpu", COARSE),
        ({1, 2}, {"MatMulNBits"}, "cuda", COARSE),
    ],
)
def test_the_tolerance_is_that_of_the_graphs_numbers(
    tmp_path: Path, types: set[int], operators: set[str], provider: str, expected: float
) -> None:
    """float32 on the CPU is compared most closely."""
    file = ModelFile("model", tmp_path, (), frozenset(operators), frozenset(types))
    assert choose_tolerance(file, provider) == expected
