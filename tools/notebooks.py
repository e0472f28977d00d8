"""Notebooks of the documentation: they are executed, and are shown on a page as they then look.

    python -m tools.notebooks            # say whether the outputs in the notebook and the page are today's
    python -m tools.notebooks --write    # write today's into both

It needs nbclient and ipykernel.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tools.documentation import same
from tools.markers import replace_between

__all__ = ["NOTEBOOK", "PAGE", "draw_cells", "execute", "read_notebook", "tell_outputs"]

ROOT: Final = Path(__file__).resolve().parent.parent
NOTEBOOK: Final = ROOT / "docs" / "notebooks" / "first-steps.ipynb"
PAGE: Final = ROOT / "docs" / "notebooks.md"
VARYING: Final = re.compile(r"width:[\d.]+%|, compiled(?=<)")
BEGIN, END = "<!-- notebook: begin -->", "<!-- notebook: end -->"


def read_notebook() -> Any:
    """Return the notebook as it is in the repository."""
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: Any) -> Any:
    """Return the notebook with the outputs that a fresh kernel gives, in an empty folder."""
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}, record_timing=False
        )
        client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _join_streams(cell.outputs)
    notebook.metadata.pop("language_info", None)  # it has the version of this Python
    return notebook


def _join_streams(outputs: list[Any]) -> list[Any]:
    """Join what was written to a stream in pieces, and keep what is left on a line where a bar was drawn over itself."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            lines = output.text.rstrip("\n").split("\n")
            output.text = "".join(f"{line.rpartition(chr(13))[2]}\n" for line in lines)
    return joined


def tell_outputs(notebook: Any) -> list[str]:
    """Return what can be compared of the outputs of each cell: results in each of their forms; not the speed of bars.

    The lengths of bars differ as their numbers do, and a graph is compiled from its second load on.
    """
    return [
        "\n".join(
            f"{kind}: {VARYING.sub('', text)}"
            for output in cell.outputs
            for kind, text in sorted((output.get("data") or {output.output_type: output.get("name", "")}).items())
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def draw_cells(notebook: Any) -> str:
    """Return the notebook as the page has it: texts, code, and results as a notebook shows them."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```py\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if "text/html" in data:
                parts.append(data["text/html"])
            else:
                parts.append(f"```text\n{output.get('text', data.get('text/plain', '')).strip()}\n```")
    return "\n\n".join(parts)


def main() -> None:
    """Check the notebook and its page, or write them anew."""
    import nbformat

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write today's outputs into the notebook and the page")
    write = parser.parse_args().write
    before = tell_outputs(read_notebook())
    notebook = execute(read_notebook())
    if write:
        nbformat.write(notebook, NOTEBOOK)
        page = replace_between(PAGE.read_text(encoding="utf-8"), BEGIN, END, draw_cells(notebook))
        PAGE.write_text(page, encoding="utf-8")
    elif not all(map(same, before, tell_outputs(notebook))):
        sys.exit(f"{NOTEBOOK.name} has outputs that are not today's: python -m tools.notebooks --write")


if __name__ == "__main__":
    main()
