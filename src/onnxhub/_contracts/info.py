"""What is known of a loaded model: why it is that one, and what its configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxhub._process.public import publish
from onnxhub._strings.plain_text import plain
from onnxhub.errors import listing, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Config", "ModelInfo", "draw_info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What was loaded, and why."""

    task: str
    """Canonical task name."""
    task_reason: str
    """Why this task: it was asked for, or what says so."""
    model_id: str
    """Hub id or folder."""
    revision: str | None
    """The commit hash; None for a local folder."""
    file: str
    """The ONNX file that runs."""
    reason: str
    """Why this file."""
    dtype: str
    """The precision of its graph: ``"fp32"``, ``"q8"``, ...; ``"mixed"`` where no type has most of the weights."""
    provider: str
    """The execution provider that really runs, by its short name."""
    compiled: bool
    """Whether the session is of a compiled graph: optimised before, its weights mapped from a file."""
    labels: tuple[str, ...]
    """The model's labels, in the order of its outputs; empty where the task has none."""
    max_length: int | None
    """Tokens that the model takes, special tokens included; None: no limit is known."""
    outputs: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The task's name of an output -> the graph's, where they differ."""

    def _repr_html_(self) -> str:
        return draw_info(type(self).__name__, self)


def draw_info(title: str, info: ModelInfo) -> str:
    """Draw what is known of a model as a small table of HTML, for notebooks."""
    from onnxhub._strings.html_parts import draw_fields

    values = {
        "task": f"{info.task} ({info.task_reason})",
        "model": f"{info.model_id} at {info.revision[:12]}" if info.revision else info.model_id,
        "file": f"{info.file} ({info.reason})",
        "precision": f"{info.dtype}{', compiled' * info.compiled}",
        "provider": info.provider,
        "labels": info.labels and listing(info.labels),
        "longest input": info.max_length and f"{info.max_length:,} tokens",
    }
    return draw_fields(title, {name: plain(value) for name, value in values.items() if value})


class Config(Mapping[str, Any]):
    """A ``config.json``, whose keys are attributes too; its labels are numbered, as transformers reads them."""

    def __init__(self, values: Mapping[str, object], labels: Sequence[str] = ()) -> None:
        """Take the file's object, and the labels in the order of the outputs, if the task has any."""
        numbered: dict[str, object] = {}
        if labels:
            numbered["id2label"] = dict(enumerate(labels))
            numbered["label2id"] = {label: number for number, label in enumerate(labels)}
        self._values = {**values, **numbered}

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name in values:
            return values[name]
        msg = f"config.json has no {name!r}{nearest(name, values)}"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        return f"Config({self._values!r})"


publish(globals(), "ModelInfo")
