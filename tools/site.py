"""What the site's builder does to pages beside its theme (``hooks`` of mkdocs.yml)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

__all__ = ["on_files", "on_post_page"]

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def on_files(files: Any, *, config: Any) -> Any:
    """Add the changelog, which lies beside the documentation."""
    files.append(File.generated(config, "changelog.md", content=CHANGELOG.read_text(encoding="utf-8")))
    return files


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Say of a Japanese page that it is Japanese: browsers choose fonts and hyphenation by that, and readers' voices."""
    del config
    return output.replace('<html lang="en"', '<html lang="ja"', 1) if page.file.src_uri.startswith("ja/") else output
