"""The door: nothing outside this folder imports onnxruntime, tokenizers, huggingface_hub, transformers or optimum."""

from onnxhub._process import logs as _logs  # noqa: F401  # so that whatever is logged is printable
