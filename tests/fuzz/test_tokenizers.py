"""Whatever the JSON files of a model say, loading and calling it ends in answers or in errors of the tree."""

from __future__ import annotations

import collections
import random
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.rounds import rounds
from tests.fuzz.tokenizers import Subject, mutants, subjects, tried

if TYPE_CHECKING:
    from pathlib import Path

MUTANTS = 340
ROUNDS = rounds()


@pytest.mark.parametrize("subject", subjects(), ids=lambda subject: subject.name)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_odd_files_end_in_answers_or_in_errors_of_the_tree(subject: Subject, seed: int, tmp_path: Path) -> None:
    """No error of Python, of another library or of Rust comes out, whichever value stands in whichever place."""
    folder = subject.make(tmp_path / "model")
    assert tried(subject, folder)
    seen: collections.Counter[bool] = collections.Counter()
    foreign: list[str] = []
    for name, data in mutants(folder, random.Random(f"{subject.name} {seed}"), MUTANTS):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(data)
        try:
            seen[tried(subject, folder)] += 1
        except BaseException as error:  # noqa: BLE001  # a panic of Rust is no Exception
            kept = tmp_path / f"foreign-{len(foreign)}.json"
            kept.write_bytes(data)
            foreign.append(f"{name} ({kept}): {type(error).__name__}: {str(error)[:300]}")
        (folder / name).write_bytes(whole)
    assert not foreign, "\n".join(foreign)
    assert seen[True] > MUTANTS // 20, seen
    assert seen[False] > MUTANTS // 20, seen
