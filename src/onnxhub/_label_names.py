"""What the labels of a model are called, by its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from onnxhub._plain_text import shorten
from onnxhub.errors import TaskMismatchError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._protocols import Backend

__all__ = ["labels_of"]

MOST_LABELS: Final = 1_000_000
MOST_LETTERS: Final = 10_000
"""Of one label; it stands in every result."""
_DIGITS: Final = len(str(MOST_LABELS))


def labels_of(backend: Backend, output: str = "logits", *, inverted: bool = True) -> tuple[str, ...]:
    """Return the model's labels in the order of its outputs: ``id2label``, else ``label2id``, else as many ``LABEL_i``.

    Args:
        backend: Its configuration, and what its graph says.
        output: The output that has a logit for each label.
        inverted: Read ``label2id``, which transformers does not, where ``id2label`` is missing.

    Raises:
        TaskMismatchError: the labels are not numbered 0..n-1, are no texts, or are beyond a bound.
    """
    declared = _read(backend, "id2label")
    if declared:
        return _order(backend, "id2label", [(str(index), label) for index, label in declared.items()])
    declared = _read(backend, "label2id") if inverted else {}
    if declared:
        return _order(backend, "label2id", [(str(index), label) for label, index in declared.items()])
    return tuple(f"LABEL_{index}" for index in range(_count(backend, output)))


def _read(backend: Backend, key: str) -> Mapping[str, object]:
    declared = backend.config.get(key) or {}
    if not isinstance(declared, Mapping):
        raise _refuse(backend, f"{key} in config.json is a {type(declared).__name__}, not an object of label and index")
    if len(declared) > MOST_LABELS:
        raise _refuse(backend, f"{key} in config.json has {len(declared):,} labels; {MOST_LABELS:,} are the most")
    return declared


def _order(backend: Backend, key: str, numbered: Sequence[tuple[str, object]]) -> tuple[str, ...]:
    by_index = {int(index): label for index, label in numbered if index.isdecimal() and len(index) <= _DIGITS}
    if len(by_index) != len(numbered) or sorted(by_index) != list(range(len(numbered))):
        numbers = listing(index if len(index) <= _DIGITS else f"{index[:_DIGITS]}..." for index, _ in numbered)
        raise _refuse(backend, f"{key} in config.json is numbered {numbers}, not 0 to {len(numbered) - 1}")
    return tuple(_write(backend, key, by_index[index], index) for index in range(len(by_index)))


def _write(backend: Backend, key: str, label: object, index: int) -> str:
    """Return a label as text: a text, or a number or null, as some models name their classes."""
    if not isinstance(label, str | int | float | None):
        raise _refuse(backend, f"{key} in config.json has a {type(label).__name__} for the label {index}, not a text")
    text = str(label)
    if len(text) > MOST_LETTERS:
        reason = f"{key} in config.json has {len(text):,} letters in the label {index}; {MOST_LETTERS:,} are the most"
        raise _refuse(backend, reason)
    return text


def _count(backend: Backend, output: str) -> int:
    """Return how many labels without names there are: ``num_labels``, else as many as the graph gives, else two."""
    declared = backend.config.get("num_labels")
    if declared is None:
        size = backend.output_shapes.get(output, (None,))[-1]
        # A logit for each word of the vocabulary is no label. Two is what transformers' PretrainedConfig assumes.
        return 2 if size is None or size == backend.config.get("vocab_size") else size
    if not isinstance(declared, int) or isinstance(declared, bool) or not 1 <= declared <= MOST_LABELS:
        expected = f"a whole number of at least 1, and at most {MOST_LABELS:,}"
        raise _refuse(backend, f"num_labels in config.json is {shorten(declared)}, not {expected}")
    return declared


def _refuse(backend: Backend, reason: str) -> TaskMismatchError:
    return TaskMismatchError(backend.model_id, "labels", (reason,))
