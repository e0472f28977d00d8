"""The sections of the page, in their order; a file for each theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.sections import calls, growth, memory, pairs, postprocessing, start, throughput, vectors, verification

if TYPE_CHECKING:
    from benchmarks.bench import Topic

_ALL = {
    name: topic
    for theme in (start, calls, throughput, growth, memory, postprocessing, pairs, vectors, verification)
    for name, topic in theme.TOPICS.items()
}
ORDER = (
    "cold",
    "compiling",
    "from-pytorch",
    "processes",
    "warm",
    "lengths",
    "throughput",
    "embeddings",
    "first-vector",
    "static",
    "int8",
    "growth",
    "memory",
    "documents",
    "postprocessing",
    "imports",
    "verification",
    "zero-shot",
    "rerank",
)
SECTIONS: dict[str, Topic] = {name: _ALL[name] for name in ORDER}
