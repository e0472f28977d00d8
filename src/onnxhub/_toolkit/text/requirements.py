"""Requirements of text tasks on a model: inputs that tokens can fill, a fast tokenizer, a vocabulary that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub._contracts.protocols import width
from onnxhub._toolkit.text.positions import first_position
from onnxhub.errors import TaskMismatchError

if TYPE_CHECKING:
    from onnxhub._contracts.protocols import Backend, Tokenizer


__all__ = ["require_inputs", "require_offsets", "require_vocabulary"]


TOKEN_INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
"""Graph inputs that can be made from tokens."""


def require_inputs(backend: Backend, task: str, axes: int = 2) -> tuple[str, ...]:
    """Return the graph's inputs if tokens can fill them all: ``(rows, tokens)``, or with an axis of choices between.

    Raises:
        TaskMismatchError: they cannot; names those that are left.
    """
    unknown = [name for name in backend.input_names if name not in TOKEN_INPUTS]
    if unknown:
        problem = f"its graph wants the inputs {', '.join(unknown)}, which a text does not give"
        raise TaskMismatchError(backend.model_id, task, (problem,))
    wanted = backend.inputs("model") if "model" in backend.sessions else {}
    for name, entry in wanted.items():
        if len(entry.shape) not in (0, axes):  # 0: the graph does not say
            problem = f"its graph wants {name} of {len(entry.shape)} axes, and this task gives {axes}"
            raise TaskMismatchError(backend.model_id, task, (problem,))
    if "position_ids" in backend.input_names and (first := first_position(backend.config)):
        problem = f"its graph wants position_ids, which begin with {first} in a {backend.config['model_type']}"
        raise TaskMismatchError(backend.model_id, task, (f"{problem}; export it without that input",))
    return backend.input_names


def require_offsets(backend: Backend, task: str) -> Tokenizer:
    """Return the tokenizer if its tokens know their characters."""
    if not backend.tokenizer.has_offsets:
        problem = "its tokenizer has no fast form, so tokens cannot be traced back to characters of the text"
        raise TaskMismatchError(backend.model_id, task, (problem,))
    return backend.tokenizer


def require_vocabulary(backend: Backend, task: str) -> None:
    """Raise ``TaskMismatchError`` if the graph is known to have another number of logits than there are words."""
    size, words = width(backend), backend.config.get("vocab_size")
    if size is not None and isinstance(words, int) and size != words:
        problem = f"its graph gives {size} logits for a token, and its vocabulary has {words} words"
        raise TaskMismatchError(backend.model_id, task, (problem,))
