"""The documentation's examples: found, run, and compared with what the pages say, or written into them.

    python -m tools.documentation            # name each block that says something else than what comes out today
    python -m tools.documentation --write    # write today's outputs into the pages: `make docs-refresh`

A ``pycon`` block is a Python session, one for all such blocks of a page; a ``console`` block is what a terminal shows.
Both run in the folder that ``tests/workplace.py`` makes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import traceback
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from itertools import chain, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.workplace import Workplace

__all__ = ["ROOT", "Block", "blocks", "is_pasted", "pages", "ran", "same"]

ROOT: Final = Path(__file__).resolve().parent.parent
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPTS: Final = {"pycon": (">>> ", "..."), "console": ("$ ", "> ")}
COMMANDS: Final = ("onnxhub", "cat", "echo", "head", "ls", "make demo", "printf", "NO_COLOR=1")
"""What a line of a console block starts with, if it is run."""
PASTED: Final = ("README.md", "README.ja.md", "docs/index.md", "docs/quickstart.md", "docs/ja/quickstart.md")
"""The pages that one reads first: their examples run in an empty folder."""
USES: Final = ("docs/uses/", "docs/ja/", "docs/moving/from-sentence-transformers.md", "docs/moving/from-fastembed.md")
"""The pages that are each a whole: so do theirs."""
TIMES: Final = re.compile(r"\d+(?:\.\d+)? m?s\b")
"""Another on every machine and in every run."""
NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
TOLERANCE: Final = 0.02
"""Models give slightly different numbers on other processors."""
BARS: Final = re.compile("[▏▎▍▌▋▊▉█]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    name: str
    """Where it is: ``"docs/index.md:12"``."""
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """What is typed, with its prompts, and what comes out."""

    typed: tuple[str, ...]
    output: tuple[str, ...]

    def source(self, language: str) -> str:
        """Return what is typed, without prompts."""
        width = len(PROMPTS[language][0])
        return "".join(f"{line[width:]}\n" for line in self.typed)

    def giving(self, output: str) -> str:
        """Return the lines with another output, and as many blank lines after it as before."""
        blank = takewhile(lambda line: not line, reversed(self.output))
        return "".join(f"{line}\n" for line in (*self.typed, *output.splitlines(), *blank))


def pages() -> list[Path]:
    """Return the README in each language, and the documentation."""
    return [ROOT / "README.md", ROOT / "README.ja.md", *sorted((ROOT / "docs").rglob("*.md"))]


def is_pasted(page: Path) -> bool:
    """Tell whether the examples of a page run in an empty folder, as those of a reader do who has just come."""
    name = page.relative_to(ROOT).as_posix()
    return name in PASTED or name.startswith(USES)


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    source = page.read_text(encoding="utf-8")
    return [
        Block(f"{page.relative_to(ROOT)}:{source[: match.start()].count(chr(10)) + 2}", match[1], match[2])
        for match in BLOCK.finditer(source)
    ]


def ran(page: Path, workplace: Workplace) -> list[tuple[Block, str]]:
    """Return the blocks of a page that can be run, each with its text as it is with today's outputs."""
    steps = {block: _steps(block) for block in blocks(page) if block.language in PROMPTS}
    typed = {block: [step.source(block.language) for step in steps[block]] for block in steps}
    session = [source for block, sources in typed.items() if block.language == "pycon" for source in sources]
    made = []
    # A cache of its own: what other pages have fetched is not there.
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as empty:
        place = _Place(replace(workplace, folder=Path(empty)) if is_pasted(page) else workplace, cache)
        said = iter(place.session(session) if session else [])
        for block, sources in typed.items():
            if block.language == "console":
                if not all(source.startswith(COMMANDS) for source in sources):
                    continue
                said = chain(map(place.terminal, sources), said)
            made.append((block, "".join(step.giving(next(said)) for step in steps[block])))
    return made


def same(expected: str, actual: str) -> bool:
    """Whether two texts are equal but for white space, the length of bars, times, and a little in their numbers."""
    texts = [TIMES.sub("", BARS.sub("", text)) for text in (expected, actual)]
    words, others = (NUMBER.sub("0", text).split() for text in texts)
    numbers = zip(*(map(float, NUMBER.findall(text)) for text in texts), strict=False)
    return words == others and all(abs(number - other) <= TOLERANCE for number, other in numbers)


def play(sources: Sequence[str]) -> None:
    """Type the sources into one Python session, and print what comes out of each, as a JSON list."""
    warnings.simplefilter("default")
    warnings.showwarning = lambda message, kind, *_: print(f"{kind.__name__}: {message}")
    print(json.dumps([*_play(sources)]))


def main() -> None:
    """Check the pages, or write them anew."""
    from tests.workplace import workplace

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="default: all")
    parser.add_argument("--write", action="store_true", help="write today's outputs into the pages")
    arguments = parser.parse_args()
    differ = False
    with tempfile.TemporaryDirectory() as folder, workplace(Path(folder)) as place:
        for page in [page.resolve() for page in arguments.pages] or pages():
            now = dict(ran(page, place))
            if arguments.write:
                _write(page, now)
            for block, text in now.items():
                if not same(block.text, text):
                    differ = True
                    print(f"{block.name}\n{text}", file=sys.stderr)
    sys.exit(differ and not arguments.write)


def _write(page: Path, now: dict[Block, str]) -> None:
    texts = iter([now.get(block, block.text) for block in blocks(page)])
    source = BLOCK.sub(lambda match: f"```{match[1]}\n{next(texts)}```", page.read_text(encoding="utf-8"))
    page.write_text(source, encoding="utf-8")


def _steps(block: Block) -> list[Step]:
    first, more = PROMPTS[block.language]
    steps: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith(first):
            steps.append(Step((line,), ()))
        elif not steps:
            raise ValueError(f"{block.name}: its first line has no prompt")
        elif line.startswith(more) and not steps[-1].output:
            steps[-1] = Step((*steps[-1].typed, line), ())
        else:
            steps[-1] = Step(steps[-1].typed, (*steps[-1].output, line))
    return steps


def _play(sources: Sequence[str]) -> Iterator[str]:
    names: dict[str, object] = vars(sys.modules["__main__"])
    for source in sources:
        with redirect_stdout(StringIO()) as said:
            try:
                exec(compile(source, "<stdin>", "single"), names)  # the documentation's own examples
            except Exception as error:  # noqa: BLE001  # a page may show any
                print("Traceback (most recent call last):\n    ...")
                print("".join(traceback.format_exception_only(error)), end="")
        yield said.getvalue()


@dataclass(frozen=True)
class _Place:
    """The folder and environment in which the examples of a page run."""

    workplace: Workplace
    cache: str

    def session(self, sources: Sequence[str]) -> list[str]:
        """Return the output of each source, typed into one Python session."""
        from tests.hub_server import run_python

        code = f"from tools.documentation import play\nplay({list(sources)!r})"
        done = run_python(code, self.workplace.folder, self.env)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [self.clean(output) for output in json.loads(done.stdout)]

    def terminal(self, command: str) -> str:
        """Return what a terminal shows of a command."""
        from tests.cli.terminal import in_a_terminal, plain
        from tests.hub_server import clean_environment

        if command.strip() == "make demo":
            # In this environment, not in one that pip has to make first; and as text, with brackets for colours.
            command = f"PATH=/usr/bin:/bin {sys.executable} {ROOT / 'tools' / 'demo.py'} | cat"
        env = clean_environment(self.workplace.folder, self.env)
        return self.clean(plain(in_a_terminal(["bash", "-c", command], self.workplace.folder, env)[1]))

    @property
    def env(self) -> dict[str, str]:
        """Variables for both."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        hub = {"HF_ENDPOINT": self.workplace.endpoint, "HF_HOME": self.cache}
        return {"PATH": path, "PYTHONIOENCODING": "utf-8", **hub}

    def clean(self, output: str) -> str:
        """Without what is another on every machine, and white space that no reader sees."""
        usual = {
            self.cache: "~/.cache/huggingface",
            self.workplace.endpoint: "https://huggingface.co",
            str(Path(sys.executable).parent): ".venv-demo/bin",
        }
        for here, there in {**usual, str(self.workplace.folder): "~"}.items():
            output = output.replace(here, there)
        return "\n".join(line.rstrip() for line in output.splitlines())


if __name__ == "__main__":
    main()
