"""The reader of safetensors files takes what the library of that name takes, and nothing else."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from onnxhub._backend.inputs.safetensors import read_safetensors
from onnxhub.errors import IntegrityError
from tests.fuzz.rounds import rounds

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = rounds()
MUTANTS = 1000
LETTERS = b'0123456789[]{},":aFB- '


def mutant(chance: random.Random, whole: bytes) -> bytes:
    """The file with letters of its header changed, and seldom cut or longer."""
    data, header = bytearray(whole), int.from_bytes(whole[:8], "little")
    for _ in range(chance.choice([1, 1, 2])):
        data[chance.randrange(8, 8 + header)] = chance.choice(LETTERS)
    if chance.random() < 0.1:
        data += b"x"
    if chance.random() < 0.1:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_mutants_are_read_as_the_library_reads_them(seed: int, tmp_path: Path) -> None:
    """The same tensors where both read them, and an error of the tree wherever the library has one."""
    library = pytest.importorskip("safetensors.numpy")
    tensors = {"a": np.ones((2, 3), np.float32), "b": np.ones(5, np.float16), "c": np.zeros((0, 4)), "d": np.array(2.0)}
    whole, chance, path = library.save(tensors, {"format": "pt"}), random.Random(seed), tmp_path / "x.safetensors"
    seen = {True: 0, False: 0}
    for _ in range(MUTANTS):
        data = mutant(chance, whole)
        path.write_bytes(data)
        try:
            ours = read_safetensors(path)
        except IntegrityError:
            seen[False] += 1
            continue
        theirs = library.load(data)
        seen[True] += 1
        assert {name: values.tolist() for name, values in ours.items()} == {
            name: values.astype(np.float32).tolist() for name, values in theirs.items()
        }, data
    assert min(seen.values()) > MUTANTS / 100
