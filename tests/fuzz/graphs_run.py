"""Give mutants to ONNX Runtime, in a process of their own, since one of them may end it; run by test_graphs.py.

    python -m tests.fuzz.graphs_run FOLDER SEED COUNT [unjudged]

The number of each mutant goes to stderr before it is tried, and counts of what came of them to stdout.
"""

from __future__ import annotations

import collections
import json
import random
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from onnxhub._backend.repository.repository import fetch_model, open_repository
from onnxhub.errors import IntegrityError, UnsafeModelError
from tests.fuzz.graphs import CANARY, SECRET, Piece, mutant, seeds, written


def lay_out(folder: Path) -> list[list[Piece]]:
    """Make a folder of weights, with ways out to the canary; give the seeds for all of them."""
    folder.mkdir()
    (folder / ".hidden").mkdir()
    for name in ("w", "v"):
        (folder / name).write_bytes(np.arange(4, dtype=np.float32).tobytes())
    secret = folder.parent / "secret"
    secret.write_bytes(SECRET)
    (folder / ".hidden" / "w").write_bytes(SECRET)
    (folder / "linked").hardlink_to(secret)
    outside = (str(secret), "../secret", "linked", ".hidden/w")
    return [seed for location in ("w",) * 8 + outside for seed in seeds(location)]


def answer(path: Path) -> str:
    """Run the model as it is, and say what came of it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        inputs = {port.name: np.zeros(4, np.float32) for port in session.get_inputs()}
        found = session.run(None, inputs)
    except Exception:  # noqa: BLE001 - it has a dozen kinds of errors, and any of them will do
        return "refused by ONNX Runtime"
    leaked = any(SECRET[:4] in np.asarray(values).tobytes() for values in found)
    return f"{CANARY} leaked" if leaked else "answered"


def main(place: str, seed: str, count: str, unjudged: str = "") -> None:
    """Try that many mutants, or, where nothing is judged before, the seeds as they are."""
    onnxruntime.set_default_logger_severity(4)
    folder, chance = Path(place), random.Random(int(seed))
    models, seen = lay_out(folder), collections.Counter[str]()
    plans = [written(model) for model in models] if unjudged else None
    for number in range(len(models) if unjudged else int(count)):
        sys.stderr.write(f"{number}\n")
        sys.stderr.flush()
        (folder / "model.onnx").write_bytes(plans[number] if plans else mutant(chance, models) or b"\0")
        try:
            if not unjudged:
                fetch_model(open_repository(folder), "model.onnx")
        except (IntegrityError, UnsafeModelError):
            seen["refused"] += 1
            continue
        seen[answer(folder / "model.onnx")] += 1
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
