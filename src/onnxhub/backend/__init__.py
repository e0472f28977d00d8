"""The door: nothing outside this folder imports onnxruntime, tokenizers, huggingface_hub, transformers or optimum."""

from onnxhub import _logs  # noqa: F401  # so that whatever is logged is printable
