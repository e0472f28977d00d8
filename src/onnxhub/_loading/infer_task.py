"""Which task a model is for, and how that is known: rules over what its files, its card and its graph say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onnxhub._contracts.architectures import ARCHITECTURES
from onnxhub._contracts.registry import list_foreign_tasks
from onnxhub._toolkit.label_names import count_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FRONT_MATTER", "Inferred", "infer_from_files", "infer_from_graph", "read_pipeline_tag"]

FRONT_MATTER: Final = 65_536
"""Characters of a model card that are read; the front matter of real cards has a few thousand."""
SOUND: Final = frozenset(
    [
        "data2vec-audio",
        "hubert",
        "sew",
        "sew-d",
        "unispeech",
        "unispeech-sat",
        "wav2vec2",
        "wav2vec2-bert",
        "wav2vec2-conformer",
        "wavlm",
    ]
)
"""Model types whose inputs are samples of sound; their classifiers are named as those of texts are."""
REFINED: Final[Mapping[str, tuple[str, ...]]] = {
    "text-classification": ("zero-shot-classification", "text-ranking"),
    "fill-mask": ("sparse-feature-extraction",),
}
"""Task by architecture -> other tasks of models with that architecture, which only their cards tell."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """A task, and how it is known."""

    task: str
    """Its canonical name."""
    reason: str
    """The evidence, in a few words."""


def infer_from_files(
    config: Mapping[str, object],
    modules: Sequence[object],
    sentence_transformers: Mapping[str, object],
    read_card_tag: Callable[[], str | None],
) -> Inferred | None:
    """Infer the task from a repository's files, the most specific evidence first; None if they do not tell it.

    Args:
        config: ``config.json``.
        modules: ``modules.json``.
        sentence_transformers: ``config_sentence_transformers.json``.
        read_card_tag: Reads the card's pipeline tag, read only if it matters.
    """
    return (
        _infer_from_sentence_transformers(config, modules, sentence_transformers)
        or _infer_from_architecture(config, read_card_tag)
        or _infer_from_card(read_card_tag())
    )


def infer_from_graph(shapes: Mapping[str, tuple[int | None, ...]], config: Mapping[str, object]) -> Inferred | None:
    """Infer the task from the names and shapes of a graph's outputs; None if they do not tell it."""
    said = f"its graph gives {', '.join(shapes)}"
    if {"start_logits", "end_logits"} <= shapes.keys():
        return Inferred("question-answering", said)
    if shapes.keys() & {"last_hidden_state", "token_embeddings", "sentence_embedding"}:
        return Inferred("feature-extraction", said)
    logits = shapes.get("logits", ())
    if len(logits) == 2:
        return Inferred("text-classification", f"{said} with 2 axes")
    labels, words = count_labels(config), config.get("vocab_size")
    if len(logits) == 3 and labels is not None and logits[-1] == labels:
        return Inferred("token-classification", f"{said} with one for each label and token")
    if len(logits) == 3 and logits[-1] is not None and logits[-1] == words:
        return Inferred("fill-mask", f"{said} with one for each word of the vocabulary")
    return None


def read_pipeline_tag(card: str) -> str | None:
    """Return the pipeline tag in the front matter of a model card; only its first 64 KiB are read."""
    first, *lines = card[:FRONT_MATTER].removeprefix("\ufeff").split("\n")
    if first.rstrip() != "---":
        return None
    tag = None
    for line in lines:
        if line.startswith("---"):
            return tag
        if tag is None and (found := re.match(r"pipeline_tag:\s*[\"']?([\w-]+)", line)):
            tag = found[1]
    return tag if len(card) >= FRONT_MATTER else None


def _infer_from_sentence_transformers(
    config: Mapping[str, object], modules: Sequence[object], sentence_transformers: Mapping[str, object]
) -> Inferred | None:
    kinds = [str(module.get("type")) for module in modules if isinstance(module, Mapping)]
    if any(kind.endswith("SpladePooling") for kind in kinds):
        return Inferred("sparse-feature-extraction", "modules.json has a SpladePooling")
    declared = sentence_transformers.get("model_type")
    named = {"SparseEncoder": "sparse-feature-extraction", "CrossEncoder": "text-ranking"}
    if isinstance(declared, str) and declared in named:
        return Inferred(named[declared], f"config_sentence_transformers.json says {declared}")
    if kinds:
        return Inferred("feature-extraction", "modules.json has sentence-transformers' modules")
    for key in ("sentence_transformers", "sbert_ce_default_activation_function"):
        if key in config:
            return Inferred("text-ranking", f"config.json has {key}, as a CrossEncoder's does")
    return None


def _infer_from_architecture(config: Mapping[str, object], read_card_tag: Callable[[], str | None]) -> Inferred | None:
    declared = config.get("architectures")
    for name in map(str, declared if isinstance(declared, list) else ()):
        task = _find_task(name)
        if task is None:
            continue
        kind = config.get("model_type")
        if task == "text-classification" and isinstance(kind, str) and kind in SOUND:
            return Inferred("audio-classification", f"config.json says {name}, of a {kind}")
        tag = read_card_tag() if task in REFINED else None
        if tag in REFINED.get(task, ()):
            return Inferred(str(tag), f"its card says {tag}, and config.json {name}")
        return Inferred(task, f"config.json says {name}")
    return None


def _find_task(architecture: str) -> str | None:
    """Return the task whose row has the longest end of an architecture's name; None if none fits."""
    found = {ending: task for ending, task in ARCHITECTURES.items() if architecture.endswith(ending)}
    for task in list_foreign_tasks():
        for ending in task.architectures:
            if architecture.endswith(ending):
                found.setdefault(ending, task.name)
    return found[max(found, key=len)] if found else None


def _infer_from_card(tag: str | None) -> Inferred | None:
    return None if tag is None else Inferred(tag, f"its card says {tag}")
