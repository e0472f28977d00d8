"""The peers that the oracle tests compare with; a module that imports this one is skipped where they are missing."""

import functools
import importlib
import importlib.util
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PACKAGES = ("torch", "transformers", "optimum.onnxruntime", "sentencepiece")


def _missing() -> list[str]:
    """Name the packages that cannot be imported, without importing those that can."""
    tops = {package: importlib.util.find_spec(package.partition(".")[0]) for package in PACKAGES}
    return [package for package, found in tops.items() if found is None]


if _missing():
    reason = f"the oracle tests need {', '.join(_missing())}"
    pytest.skip(reason, allow_module_level=True)

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
zoo: Any = importlib.import_module("tests.oracle.zoo")
transformers: Any = importlib.import_module("transformers")
optimum: Any = importlib.import_module("optimum.onnxruntime")
transformers.logging.set_verbosity_error()
# In models this small, threads only wait for one another: twenty times as long, on machines that others use too.
importlib.import_module("torch").set_num_threads(1)

ORT_CLASSES = {
    "text-classification": "ORTModelForSequenceClassification",
    "token-classification": "ORTModelForTokenClassification",
    "question-answering": "ORTModelForQuestionAnswering",
    "feature-extraction": "ORTModelForFeatureExtraction",
}
COUNTS: Counter[str] = Counter()
"""How many comparisons came out equal, or are explained by which rule; shown at the end of the run."""
LARGEST: dict[str, float] = {}
"""The largest difference between two numbers that were to be equal; shown beside them."""


@functools.lru_cache(maxsize=8)
def reference(folder: Path, task: str) -> Any:
    """Transformers' pipeline over optimum's model of a folder."""
    model = getattr(optimum, ORT_CLASSES[task]).from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")


@functools.lru_cache(maxsize=4)
def torch_reference(folder: Path, task: str) -> Any:
    """Transformers' pipeline over the torch model of a folder."""
    return transformers.pipeline(task, model=str(folder), framework="pt", device="cpu")


def close(expected: Any, actual: Any, what: str, tolerance: float = 1e-4) -> None:
    """Assert that numbers are equal to within the tolerance; count them, and remember the largest difference."""
    expected, actual = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
    assert expected.shape == actual.shape
    furthest = float(np.abs(expected - actual).max(initial=0.0))
    assert furthest <= tolerance, f"{what}: {furthest}"
    COUNTS[f"{what}: numbers"] += expected.size
    LARGEST[what] = max(LARGEST.get(what, 0.0), furthest)


def difference(expected: Any, actual: Any, place: str = "", tolerance: float = 1e-5) -> str:
    """Say where two results differ in structure, type or value; nothing where they are the same."""
    if isinstance(expected, dict) and isinstance(actual, dict) and list(expected) == list(actual):
        pairs = [(f"{place}.{key}", expected[key], actual[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = [(f"{place}[{number}]", *both) for number, both in enumerate(zip(expected, actual, strict=True))]
    elif hasattr(expected, "dtype") or isinstance(expected, float):
        same = type(actual) is float and abs(float(expected) - actual) <= tolerance
        return "" if same else f"{place}: {expected!r} is not {actual!r}"
    else:
        same = type(expected) is type(actual) and expected == actual
        return "" if same else f"{place}: {str(expected)[:300]} is not {str(actual)[:300]}"
    return next(filter(None, (difference(one, other, name, tolerance) for name, one, other in pairs)), "")
