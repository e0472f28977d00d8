"""Fail unless this environment is a light install, and onnxhub comes from its wheel."""

import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import onnxhub

heavy = [name for name in ("torch", "transformers", "optimum", "sentence_transformers") if find_spec(name)]
if heavy:
    sys.exit(f"not a light install: {', '.join(heavy)} can be imported")
if "site-packages" not in Path(onnxhub.__file__).parts:
    sys.exit(f"onnxhub comes from {onnxhub.__file__}, not from its wheel")
packages = ("numpy", "tokenizers", "huggingface_hub", "onnxruntime")
print("light install:", *(f"{name} {version(name)}" for name in ("onnxhub", *packages)))
