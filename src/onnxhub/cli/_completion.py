"""What a shell offers when somebody presses the tabulator."""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Final

from onnxhub.builtin import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping

__all__ = ["complete_for_bash", "complete_from", "list_dtypes", "list_models", "list_providers", "list_tasks"]

WORDS: Final = "COMP_WORDS"
PLACE: Final = "COMP_CWORD"


def complete_from(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return what typer calls for the values of an option or argument, which are among these names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


@contextmanager
def complete_for_bash(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Join the words of a command line that bash is about to complete: it makes three of ``builtin:ner``.

    A colon separates words there (``COMP_WORDBREAKS``), and what stands before the last one stays as it is: it is left
    out of what is printed.
    """
    if environment.get("_ONNXHUB_COMPLETE") != "complete_bash" or not _join_words(environment):
        yield
        return
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        sys.stdout.write("\n".join(name.removeprefix(PREFIX) for name in printed.getvalue().split("\n")))


def _join_words(environment: MutableMapping[str, str]) -> bool:
    """Join words at colons, and tell whether bash keeps the prefix of the word at the cursor, and replaces what follows it."""
    words, place = environment.get(WORDS, "").split("\n"), int(environment.get(PLACE, "0"))
    is_prefixed = False
    joined: list[str] = []
    for number, word in enumerate(words):
        # Other words with a colon, such as a text, are none of ours; and an option begins a word of its own.
        if joined and ((word == ":" and joined[-1] == PREFIX[:-1]) or (joined[-1] == PREFIX and word[:1] != "-")):
            joined[-1] += word
            is_prefixed = True
        else:
            joined.append(word)
            is_prefixed = False
        if number == place:
            environment[PLACE] = str(len(joined) - 1)
            break
    environment[WORDS] = "\n".join(joined)
    return is_prefixed


def list_models() -> Iterable[str]:
    """Return the bundled models."""
    from onnxhub import builtin

    return builtin.names()


def list_providers() -> Iterable[str]:
    """Return the execution providers, whether they are here or not."""
    from onnxhub._backend.runtime.providers import FULL_NAMES

    return ("auto", *FULL_NAMES)


def list_dtypes() -> Iterable[str]:
    """Return the precisions that people ask for."""
    return ("auto", "fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4", "bf16")


def list_tasks() -> Iterable[str]:
    """Return the tasks, and ``auto``."""
    from onnxhub._contracts.registry import list_tasks as read_registry

    return ("auto", *(task.name for task in read_registry()))
