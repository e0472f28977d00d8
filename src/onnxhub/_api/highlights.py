"""Entities and answers shown in their text: as HTML in a notebook, in brackets at a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxhub._process.public import publish
from onnxhub._strings.html_parts import cut_at_spans, draw_text
from onnxhub._strings.plain_text import printable, shorten
from onnxhub.errors import InvalidInputError
from onnxhub.tasks.question_answering import Answer
from onnxhub.tasks.token_classification import Entity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from onnxhub._strings.html_parts import Span

    Marked: TypeAlias = Answer | Entity | Iterable[Entity]

__all__ = ["Highlight", "highlight"]


@dataclass(frozen=True, slots=True)
class Highlight:
    """Texts with marked spans; a notebook shows them in colour, ``print`` in brackets."""

    texts: tuple[str, ...]
    """The texts, whole."""
    spans: tuple[tuple[Span, ...], ...]
    """The spans of each text: first character, character after the last, label (empty for an answer)."""

    def __str__(self) -> str:
        return "\n".join(
            "".join(_bracket(part, label) for part, label in cut_at_spans(text, spans))
            for text, spans in zip(self.texts, self.spans, strict=True)
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return draw_text(zip(self.texts, self.spans, strict=True))


def highlight(text: str | Iterable[str], result: Marked | Iterable[Marked]) -> Highlight:
    """Mark what ``tag`` or ``answer`` found in the text that it was found in.

    Args:
        text: The text, of a question its context; or a list of texts.
        result: Its entities or its answer, of which the best is marked; for a list of texts, a list of those.

    Raises:
        InvalidInputError: a result is of another text, or of another kind; or there are more texts than results, or fewer.

    Examples:
        >>> text = "Ada Lovelace lived in London."
        >>> onnxhub.highlight(text, onnxhub.tag(text, model="builtin:ner"))
        [Ada Lovelace PER] lived in [London LOC].
        >>> onnxhub.highlight(text, onnxhub.answer("Where did she live?", text, model="builtin:qa"))
        Ada Lovelace lived in [London].
    """
    if isinstance(text, str):
        return Highlight((text,), (_find_spans(text, result, None),))
    texts, results = tuple(text), tuple(_iterate(result, None))
    if len(texts) != len(results):
        msg = f"expected a result for each text, got {len(results)} results for {len(texts)} texts"
        raise InvalidInputError(msg)
    pairs = enumerate(zip(texts, results, strict=True))
    return Highlight(texts, tuple(_find_spans(value, found, index) for index, (value, found) in pairs))


def _find_spans(text: object, result: object, index: int | None) -> tuple[Span, ...]:
    """Return the spans of a result, if they are of the text."""
    if not isinstance(text, str):
        msg = f"expected a str as text, got {type(text).__name__}"
        raise InvalidInputError(msg, index)
    found = (result,) if isinstance(result, Answer | Entity) else tuple(_iterate(result, index))
    spans = []
    for entry in found:
        if isinstance(entry, Answer):
            span, said, label = (entry.start, entry.end), entry.answer, ""
        elif isinstance(entry, Entity):
            span, said, label = (entry.start, entry.end), entry.text, entry.label
        else:
            msg = f"expected an Answer or entities as the result, got {type(entry).__name__}"
            raise InvalidInputError(msg, index)
        if text[slice(*span)] != said:
            place = f"{span[0]}:{span[1]}"
            msg = f"the result is of another text, which has {shorten(said)} at {place}; here is {shorten(text[slice(*span)])}"
            raise InvalidInputError(msg, index)
        if said:  # an answer that was not found marks nothing
            spans.append((*span, label))
    return tuple(spans)


def _iterate(result: object, index: int | None) -> Iterable[object]:
    try:
        return iter(result)  # type: ignore[call-overload,no-any-return]  # whether it can be iterated is what is asked
    except TypeError:
        pass
    msg = f"expected an Answer or entities as the result, got {type(result).__name__}"
    raise InvalidInputError(msg, index)


def _bracket(part: str, label: str | None) -> str:
    shown = printable(part, lines=True)
    if label is None:
        return shown
    return f"[{shown} {printable(label)}]" if label else f"[{shown}]"


publish(globals(), "Highlight", "highlight")
