"""What is judged before ONNX Runtime opens a model is what ONNX Runtime finds in it, however the file is written."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onnxhub._backend.graphs import protobuf
from onnxhub._backend.graphs.protobuf import Reader
from onnxhub._backend.graphs.safety import find_facts
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.kept.values import relative_location
from onnxhub.errors import IntegrityError, UnsafeModelError
from tests.external import PLACES
from tests.fuzz.graphs import HIDING, OUTSIDE, Piece, Trick, messages, mutant, seeds, sights, written
from tests.fuzz.rounds import rounds
from tests.hub_server import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = rounds()
MUTANTS = 10_000
RUNS = 1_500
FOUND = json.loads((Path(__file__).parent / "graphs_found.json").read_text(encoding="utf-8"))
"""Models that were once read in another way than by ONNX Runtime: what was hidden, and the bytes."""
NAMES = [place.__name__ for place in PLACES] + [f"runnable_{number}" for number in range(6)]
PATH = Path("model.onnx")


@functools.cache
def cached_seeds(location: str) -> list[list[Piece]]:
    """The seeds, which are copied before they are changed."""
    return seeds(location)


def disagreement(data: bytes) -> str | None:
    """What a parser sees in a model that is let pass, and the judge does not; or the other way round."""
    try:
        facts = find_facts(PATH, data)
    except (IntegrityError, UnsafeModelError):
        return None
    for sight in sights(data):
        try:
            locations = {relative_location(location, PATH) for location in sight.locations}
        except UnsafeModelError:
            return f"a way out of the folder among {sight.locations}"
        if locations != facts.external_data.keys() or sight.operators != facts.operators:
            return f"{sight} where the judge sees {facts}"
    return None


def paths(pieces: list[Piece]) -> Iterator[tuple[list[Piece], int]]:
    """Each field that leads to the name of a file, with the message that it is in."""
    for inside in messages(pieces):
        yield from ((inside, at) for at, piece in enumerate(inside) if b"location" in piece.written())


@pytest.mark.parametrize("trick", HIDING)
@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_no_trick_hides_a_way_out(place: int, trick: Trick) -> None:
    """At each field on the path to the name, for each way out of the folder: the model is refused, whatever parsers see."""
    chance = random.Random(5)
    for location in OUTSIDE:
        if location in {"linked", ".hidden/w"}:  # names of the folder, which are looked for there
            continue
        sound = cached_seeds(location)[place]
        count = len(list(paths(sound)))
        assert count >= 3
        for number in range(count):
            model = [piece.copied() for piece in sound]
            trick(chance, *list(paths(model))[number])
            with pytest.raises((IntegrityError, UnsafeModelError)):
                find_facts(PATH, written(model))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_is_judged_is_what_parsers_see(seed: int) -> None:
    """Of every mutant that is let pass: the same files, the same operators."""
    chance, models = random.Random(seed), seeds()
    seen = {True: 0, False: 0}
    for number in range(MUTANTS):
        data = mutant(chance, models)
        assert disagreement(data) is None, f"mutant {number} of seed {seed}: {disagreement(data)}\n{data.hex()}"
        seen[bool(sights(data))] += 1
    assert min(seen.values()) > MUTANTS / 10


def test_a_lenient_reader_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes numbers of any size, and jumps over all that is unknown, lets files and operators pass unseen."""

    def lenient(self: Reader, start: int, end: int, _: int = 0) -> tuple[int, int]:
        value = 0
        for position in range(start, min(start + 10, end)):
            value |= (self.data[position] & 0x7F) << 7 * (position - start)
            if self.data[position] < 0x80:
                return value, position + 1
        raise self.refuse_damaged(f"byte {start} starts no number")

    monkeypatch.setattr(Reader, "varint", lenient)
    monkeypatch.setattr(protobuf, "_TELLTALES", ())
    chance, models = random.Random(0), seeds("../secret")
    assert any(disagreement(mutant(chance, models)) for _ in range(2000))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_whatever_is_damaged_is_described_or_refused(seed: int, tmp_path: Path) -> None:
    """Inputs, outputs, operator sets and weights are read from mutants, and nothing but errors of the tree comes out."""
    chance, models, path = random.Random(seed), seeds(), tmp_path / "model.onnx"
    described = 0
    for _ in range(MUTANTS // 10):
        path.write_bytes(mutant(chance, models))
        try:
            described += read_graph(path) is not None
        except (IntegrityError, UnsafeModelError):
            continue
    assert 0 < described < MUTANTS // 10


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case["hides"])
def test_what_was_found_is_refused(case: dict[str, str]) -> None:
    """Each of them was let pass once."""
    with pytest.raises((IntegrityError, UnsafeModelError)):
        find_facts(PATH, bytes.fromhex(case["model"]))


def counts(folder: Path, seed: int, unjudged: str = "") -> dict[str, int]:
    """What came of mutants in a process of their own."""
    arguments = [str(folder / "model"), str(seed), str(RUNS), unjudged]
    done = run_python(f"from tests.fuzz.graphs_run import main\nmain(*{arguments!r})", folder)
    last = [line for line in done.stderr.splitlines() if line.isdecimal()][-1:]
    assert done.returncode == 0, f"mutant {last} of seed {seed}: {done.returncode}\n{done.stderr[-3000:]}"
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_onnx_runtime_survives_what_is_let_pass_and_reads_no_other_file(seed: int, tmp_path: Path) -> None:
    """No mutant ends the process, and no answer holds the value of a file outside the folder, linked, or unlisted."""
    found = counts(tmp_path, seed)
    assert set(found) == {"refused", "refused by ONNX Runtime", "answered"}
    assert found["answered"] > RUNS / 20


def test_the_canary_can_be_read(tmp_path: Path) -> None:
    """Whoever judges nothing gets it out of the files, so that the test above can fail."""
    found = counts(tmp_path, 0, "unjudged")
    assert found["7777.25 leaked"] > 0
    assert found["answered"] > 0
