"""Text from outside, such as names of files, labels and answers of servers, made fit for a line of a message or a log.

Nothing is cleaned but what is printed: results, and the fields of errors, keep the text as it is.
"""

from __future__ import annotations

import re
from reprlib import Repr
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ForeignError",
    "PlainWarning",
    "drop_chain",
    "hide_secrets",
    "mask_credentials",
    "plain",
    "printable",
    "shorten",
    "to_text",
]

MOST: Final = 20_000
"""Characters of a message: more than a screen, and less than a log minds."""
_SPACES: Final = frozenset(
    "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
"""Spaces of other widths than the only space that Python calls printable."""
_WITH_USER: Final = re.compile(r"(?<=://)[^\s/?#]*@")
_PASSWORD: Final = re.compile(r":(?!//)(?!\d{1,5}/)[^\s:@]{1,256}@")
"""The password in an address without a scheme, or a password with a slash, which it may not have."""
_TOKEN: Final = re.compile(r"hf_(?:(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{8,}|[a-z]{12,})")
"""A token of the Hub. A few lower-case letters alone are a name, as hf_transfer."""
_HEADER: Final = re.compile(
    r"(?i)(\bbearer\s+|\bauthorization['\"]?\s*[:=]\s*['\"]?(?:basic\s+|bearer\s+)?)[^\s'\",;]+"
)
_QUERY: Final = re.compile(
    r"(?i)([?&](?:x-amz-)?(?:access_token|token|api_key|apikey|key|password|policy|signature|sig|security-token|credential)=)"
    r"[^\s&'\"<>]+"
)
"""Secrets in the query of an address: a signed address works for everyone who has it."""


class PlainWarning(UserWarning):
    """A warning without control characters in its text, however it is shown."""

    def __str__(self) -> str:
        return plain(super().__str__())


class ForeignError(Exception):
    """The text of another package's error without its secrets; replaces that error in a traceback."""


def printable(text: str, *, lines: bool = False) -> str:
    r"""Escape control characters and invisible characters as Python does: ``\x1b``, ``\u202e``.

    Escaped are control characters, marks of direction and of no width, line separators, surrogates, and code points that
    Unicode has not assigned. Spaces of every width stay.

    Args:
        text: Any text.
        lines: Whether its newlines stay; else they are escaped, too.
    """
    if text.isprintable():
        return text
    kept = _SPACES | {"\n"} if lines else _SPACES
    return "".join(
        character if character.isprintable() or character in kept else ascii(character)[1:-1] for character in text
    )


def mask_credentials(text: str, *secrets: str | None) -> str:
    """Put ``***`` in the place of tokens of the Hub, of users and passwords in addresses, of signatures, and of secrets.

    Args:
        text: Any text.
        secrets: Other texts to mask, exactly as they are; None and the empty text are left out.
    """
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    if "@" in text:
        text = _WITH_USER.sub("***@", _PASSWORD.sub(":***@", text))
    if "hf_" in text:
        text = _TOKEN.sub("hf_***", text)
    if "=" in text:
        text = _QUERY.sub(r"\1***", text)
    return _HEADER.sub(r"\1***", text)


def plain(said: object, most: int = MOST, *, lines: bool = False) -> str:
    """Return the text of a value: printable, without credentials, cut after about ``most`` characters; never raises.

    Args:
        said: A text, or what ``str`` makes one of.
        most: Characters; if there are more, how many stands behind them.
        lines: Whether newlines stay.
    """
    text = mask_credentials(to_text(said))
    if len(text) > most:
        return f"{printable(text[:most], lines=lines)}… ({len(text):,} characters)"
    return printable(text, lines=lines)


def shorten(value: object, most: int = 60) -> str:
    """Write the value as Python does, without credentials, and cut after about ``most`` characters; never raises."""
    if isinstance(value, str | bytes) and len(value) > most:
        unit = "characters" if isinstance(value, str) else "bytes"
        start = mask_credentials(value)[:most] if isinstance(value, str) else value[:most]
        return f"{start!r}… ({len(value):,} {unit})"
    try:
        text = _WRITER.repr(value)
    except Exception:  # noqa: BLE001  # another package's, about an error that must be told all the same
        text = f"<{type(value).__name__}>"
    if "\n" in text:  # as of a column of a table
        text = " ".join(text.split())
    # Behind a cut there may be the "@" by which a password is known.
    text = printable(mask_credentials(text))
    return text if len(text) <= most else f"{text[:most]}…"


def hide_secrets(error: BaseException, *secrets: str | None) -> BaseException:
    """Return an error of another package in a form that may be the cause of an error of the library.

    Args:
        error: The error; its causes are looked at as well.
        secrets: Texts to mask, such as the token that was sent, beside those that ``mask_credentials`` knows.

    Returns:
        The error itself, if nothing that it or its causes say is secret or unprintable. Else a ``ForeignError`` for each,
        with the same traceback and the type and text of it.
    """
    chain = list(_chain(error))
    texts = [to_text("\n".join([to_text(link), *getattr(link, "__notes__", ())])) for link in chain]
    shown = [printable(mask_credentials(text, *secrets), lines=True) for text in texts]
    if texts == shown:
        return error
    cause: BaseException | None = None
    for link, text in reversed(list(zip(chain, shown, strict=True))):
        stand_in = ForeignError(f"{type(link).__name__}: {plain(text, lines=True)}").with_traceback(link.__traceback__)
        stand_in.__cause__ = cause
        cause = stand_in
    return error if cause is None else cause


def drop_chain(error: BaseException) -> BaseException:
    """Take from an error its traceback, and the errors behind it: as a cause, it then is a line of a traceback."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those that a traceback prints before it, the last first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ if link.__suppress_context__ else link.__context__


def to_text(said: object) -> str:
    """Return ``str`` of a value; never raises."""
    try:
        return str(said)
    except Exception:  # noqa: BLE001  # another package's, about an error that must be told all the same
        return f"<{type(said).__name__}>"


class _Writer(Repr):
    """Values as Python writes them, without making a text of all of a long one."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxarray = 12
        self.maxdict = 12
        self.maxstring = self.maxother = 500
        self.maxlong = 100

    def repr_str(self, x: str, level: int) -> str:
        """Write a text without credentials; they are masked before it is cut, as half a token is not recognised."""
        return super().repr_str(mask_credentials(x), level)

    def repr_int(self, x: int, level: int) -> str:
        """Write a whole number; Python refuses to write one of thousands of digits."""
        if x.bit_length() > 10_000:
            return f"<int of {x.bit_length():,} bits>"
        return super().repr_int(x, level)

    def repr_ndarray(self, x: Any, level: int) -> str:
        """Write an array, or of one that is large, its shape."""
        if x.size > 100:
            return f"<ndarray of shape {x.shape}, {x.dtype}>"
        return self.repr_instance(x, level)


_WRITER: Final = _Writer()
