"""The picture of a terminal in the README: real commands in a real terminal, drawn as SVG.

python -m tools.pictures        # writes docs/images/terminal.svg
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.cli.terminal import in_a_terminal
from tests.hub_server import clean_environment
from tools.documentation import ROOT

TARGET: Final = ROOT / "docs" / "images" / "terminal.svg"
WIDTH: Final = 96
COMMANDS: Final = (
    (
        "onnxhub",
        "classify",
        "-m",
        "builtin:sentiment",
        "Quite easy to use!",
        "It broke after two days, and nobody answers my mails.",
    ),
    ("onnxhub", "tag", "-m", "builtin:ner", "Ada Lovelace met Charles Babbage in London, long before IBM was founded."),
    (
        "onnxhub",
        "answer",
        "-m",
        "builtin:qa",
        "Who built the first lighthouse?",
        "The first lighthouse was built by Marta Olsen in 1871. Her nephew Henrik put up the second.",
    ),
    ("onnxhub", "classify", "-m", "builtin:sentiment", "--json", "Quite easy to use!"),
)


def main() -> None:
    """Run the commands, and draw what the terminal shows."""
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: PTH123, SIM115
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        env = clean_environment(Path(folder), {"PATH": path})
        for command in COMMANDS:
            code, seen = in_a_terminal(list(command), Path(folder), env, WIDTH)
            if code:
                sys.exit(seen)
            console.print(Text.assemble(("$ ", "green"), shlex.join(command)))
            console.print(Text.from_ansi(seen.rstrip()), end="\n\n")
    svg = console.export_svg(title="onnxhub", theme=MONOKAI, unique_id="terminal")
    # Nothing is fetched to look at it: the reader's own fixed-width font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )
    TARGET.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
