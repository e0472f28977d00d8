"""Repositories without a ``tokenizer.json``: transformers makes the tokenizer, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxhub.errors import TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._protocols import Tokenizer
    from onnxhub.backend.hub import Repository

__all__ = ["convert_tokenizer"]


def convert_tokenizer(repository: Repository, config: Mapping[str, object]) -> Tokenizer:
    raise TaskMismatchError(repository.model_id, "text", ("it has no tokenizer.json",))
