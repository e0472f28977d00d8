"""The names of a model's labels, from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from onnxhub._strings.plain_text import shorten
from onnxhub.errors import TaskMismatchError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence


class Configured(Protocol):
    """A model, or what is known of one that is not open: its files, and what its graph says if it was read."""

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        ...

    @property
    def config(self) -> Mapping[str, object]:
        """``config.json``."""
        ...

    @property
    def output_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """The graph's outputs and their shapes; None where an axis is dynamic."""
        ...


__all__ = ["MOST_LABELS", "count_labels", "labels_of"]

MOST_LABELS: Final = 1_000_000
MOST_LETTERS: Final = 10_000
"""Letters of a label; it is part of every result."""
_DIGITS: Final = len(str(MOST_LABELS))


def labels_of(backend: Configured, output: str = "logits", *, inverted: bool = True) -> tuple[str, ...]:
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
    return tuple(f"LABEL_{index}" for index in range(_count_unnamed(backend, output)))


def count_labels(config: Mapping[str, object]) -> int | None:
    """Return how many labels a configuration has, by the first of its keys that says so; None if none does."""
    for key in ("id2label", "label2id"):
        declared = config.get(key)
        if isinstance(declared, Mapping) and declared:
            return len(declared)
    number = config.get("num_labels")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _read(backend: Configured, key: str) -> Mapping[str, object]:
    declared = backend.config.get(key) or {}
    if not isinstance(declared, Mapping):
        raise _refuse(backend, f"{key} in config.json is a {type(declared).__name__}, not an object of label and index")
    if len(declared) > MOST_LABELS:
        raise _refuse(backend, f"{key} in config.json has {len(declared):,} labels; {MOST_LABELS:,} are the most")
    return declared


def _order(backend: Configured, key: str, numbered: Sequence[tuple[str, object]]) -> tuple[str, ...]:
    by_index = {int(index): label for index, label in numbered if index.isdecimal() and len(index) <= _DIGITS}
    if len(by_index) != len(numbered) or sorted(by_index) != list(range(len(numbered))):
        numbers = listing(index if len(index) <= _DIGITS else f"{index[:_DIGITS]}..." for index, _ in numbered)
        raise _refuse(backend, f"{key} in config.json is numbered {numbers}, not 0 to {len(numbered) - 1}")
    return tuple(_write(backend, key, by_index[index], index) for index in range(len(by_index)))


def _write(backend: Configured, key: str, label: object, index: int) -> str:
    """Return a label as text: a text, or a number or null, as some models name their classes."""
    if not isinstance(label, str | int | float | None):
        raise _refuse(backend, f"{key} in config.json has a {type(label).__name__} for the label {index}, not a text")
    text = str(label)
    if len(text) > MOST_LETTERS:
        reason = f"{key} in config.json has {len(text):,} letters in the label {index}; {MOST_LETTERS:,} are the most"
        raise _refuse(backend, reason)
    return text


def _count_unnamed(backend: Configured, output: str) -> int:
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


def _refuse(backend: Configured, reason: str) -> TaskMismatchError:
    return TaskMismatchError(backend.model_id, "labels", (reason,))
