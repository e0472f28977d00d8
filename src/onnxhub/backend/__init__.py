"""The door: nothing outside this folder imports onnxruntime, tokenizers, huggingface_hub, transformers or optimum."""
