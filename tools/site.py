"""What the site's builder does to pages beside its theme (``hooks`` of mkdocs.yml)."""

from __future__ import annotations

from typing import Any

__all__ = ["on_post_page"]


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Say of a Japanese page that it is Japanese: browsers choose fonts and hyphenation by that, and readers' voices."""
    del config
    return output.replace('<html lang="en"', '<html lang="ja"', 1) if page.file.src_uri.startswith("ja/") else output
