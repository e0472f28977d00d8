"""Errors about the usage, as typer and click draw them, without what a terminal would obey in the arguments."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from onnxhub._strings.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CleanGroup"]


class CleanGroup(TyperGroup):
    """Commands, whose arguments may come from anybody: the names of files that a script found, for instance."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the options before the command."""
        with _clean_usage():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read the arguments of the command, and run it."""
        with _clean_usage():
            return super().invoke(ctx)


@contextmanager
def _clean_usage() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        message = getattr(error, "message", None)
        # click's own errors have these attributes; typer keeps the classes in a private package.
        if hasattr(error, "format_message") and isinstance(message, str):
            error.message = plain(message, lines=True)  # type: ignore[attr-defined]
        raise
