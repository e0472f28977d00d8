"""What a person sees at a terminal: colours, tables and highlighted texts, at any width; and what they do not see."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from rich.cells import cell_len

from tests.cli.terminal import ESCAPES, in_a_terminal, on_a_terminal, plain
from tests.runtime import compiles

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workplace import Workplace

pytestmark = pytest.mark.light

COMMANDS = {
    "classify": ["classify", "-m", "models/sentiment", "Quite easy!", "Rather hard."],
    "answer": ["answer", "-m", "models/qa", "Who wrote it?", "Ada wrote it in London."],
    "tag": ["tag", "-m", "models/ner", "Ada Lovelace lived in London."],
    "embed": ["embed", "-m", "models/embedder", "a cat", "tax law"],
    "similarity": ["similarity", "-m", "models/embedder", "a cat", "a kitten", "tax law"],
    "classify-zero-shot": [
        "classify-zero-shot",
        "-m",
        "models/nli",
        "-l",
        "sport",
        "-l",
        "the law of taxes and of whatever else there is",
        "--top-k",
        "2",
        "Who won the match?",
        "tax law",
    ],
    "fill-mask": ["fill-mask", "-m", "models/masked", "a [MASK] is no dog and [MASK] is no law of the country"],
    "rerank": ["rerank", "-m", "models/reranker", "a cat", "tax law", "a kitten that is young, and lives with a dog"],
    "choose": ["choose", "-m", "models/chooser", "a cat eats", "tax law", "a fish that is fresh from the wide sea"],
    "embed-sparse": ["embed-sparse", "-m", "models/masked", "a cat", "tax law"],
    "tasks": ["tasks"],
    "providers": ["providers"],
}
WIDTHS = (40, 80, 250)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_cut_and_no_line_is_too_long(
    name: str, width: int, workplace: Workplace, environment: dict[str, str]
) -> None:
    """At 40 columns as at 250, every word that a pipe would get is there, whole or folded."""
    code, seen = on_a_terminal(COMMANDS[name], workplace.folder, environment, width)
    lines = plain(seen).splitlines()
    assert code == 0
    assert max(map(cell_len, lines)) <= width
    _, wide = on_a_terminal(COMMANDS[name], workplace.folder, environment, 1000)
    letters = sorted(character for character in plain(wide) if character.isalnum())
    titles = 7 if name == "tasks" else 4 if name == "providers" else 0
    if titles and len(lines[0].split()) < titles:  # blocks repeat the titles where a table has them once
        assert set(letters) <= {character for line in lines for character in line}
    else:
        assert sorted(character for line in lines for character in line if character.isalnum()) == letters
    assert "…" not in plain(seen) or name in {"embed", "embed-sparse"}


@pytest.mark.parametrize("measure", ["euclidean", "manhattan", "dot"])
def test_the_bar_of_a_similarity_is_longer_for_a_nearer_text(
    measure: str, workplace: Workplace, environment: dict[str, str], tmp_path: Path
) -> None:
    """Also where similarities are negative distances, or products beyond 1; the number stands on one line."""
    model = tmp_path / "model"
    shutil.copytree(workplace.folder / "models/embedder", model)
    settings = json.dumps({"similarity_fn_name": measure})
    (model / "config_sentence_transformers.json").write_text(settings, encoding="utf-8")
    texts = ["a cat", "tax law", "a dog that lives with a kitten"]
    _, seen = on_a_terminal(["similarity", "-m", str(model), "a cat", *texts], workplace.folder, environment, 120)
    lines = plain(seen).splitlines()
    assert len(lines) == len(texts)
    bars = {float(line.split()[0]): sum(line.count(block) for block in "█▏▎▍▌▋▊▉") for line in lines}
    assert [bars[value] for value in sorted(bars)] == sorted(bars.values())
    assert min(bars.values()) < max(bars.values())
    assert max(bars.values()) > 0


def test_entities_and_answers_are_highlighted_in_the_text(workplace: Workplace, environment: dict[str, str]) -> None:
    """The text itself is shown; what was found stands out in it."""
    _, seen = on_a_terminal(COMMANDS["tag"], workplace.folder, environment)
    assert plain(seen).replace(" PER", "").replace(" LOC", "") == "Ada Lovelace lived in London.\n"
    assert "\x1b[1;4;35mAda\x1b[0m" in seen
    _, seen = on_a_terminal(COMMANDS["answer"], workplace.folder, environment)
    assert "\x1b[1;4;32mAda\x1b[0m wrote it in London." in seen


def test_a_long_context_is_shown_around_the_answer(workplace: Workplace, environment: dict[str, str]) -> None:
    """Not all of a book."""
    context = "a cat a kitten a dog tax law " * 50 + "Ada wrote it in London."
    code, seen = on_a_terminal(["answer", "-m", "models/qa", "Who wrote it?", context], workplace.folder, environment)
    assert code == 0
    assert len(plain(seen)) < 600
    assert "…" in seen


@pytest.mark.parametrize("name", COMMANDS)
def test_no_color(name: str, workplace: Workplace, environment: dict[str, str]) -> None:
    """NO_COLOR takes the colours (bold and underlined stay), a dumb terminal gets no escape at all."""
    _, seen = on_a_terminal(COMMANDS[name], workplace.folder, {**environment, "NO_COLOR": "1"})
    codes = {code for escape in ESCAPES.findall(seen) for code in escape[2:-1].split(";")}
    assert codes <= {"", "0", "1", "2", "4"}
    _, seen = on_a_terminal(COMMANDS[name], workplace.folder, {**environment, "TERM": "dumb"})
    assert "\x1b" not in seen


def test_no_arguments_at_a_terminal(workplace: Workplace, environment: dict[str, str]) -> None:
    """Nobody waits for a person to type texts: the command says how to give them, before a model is loaded."""
    code, seen = on_a_terminal(["classify", "-m", "no/such/model"], workplace.folder, environment)
    assert code == 2
    assert "pass it as an argument" in " ".join(plain(seen).replace("│", " ").split())


def test_help_is_for_people(workplace: Workplace, environment: dict[str, str]) -> None:
    """Without a command: the list of commands, and exit code 2."""
    code, seen = on_a_terminal([], workplace.folder, environment, 40)
    assert code == 2
    assert set(COMMANDS) <= set(plain(seen).split())


@pytest.mark.parametrize("name", ["classify", "tag", "answer", "embed"])
def test_a_text_gives_the_terminal_no_orders(name: str, workplace: Workplace, environment: dict[str, str]) -> None:
    """Escapes in a text, which may come from anybody, are shown as signs: no title is set, nothing is cleared."""
    text = "Ada\x1b]0;title\x07 lived\x1b[2J in\x9b31m London"
    extra = [text] if name != "answer" else ["Who?", text]
    code, seen = on_a_terminal([*COMMANDS[name][:3], *extra], workplace.folder, environment)
    assert code == 0
    assert not [order for order in ("\x1b]0;", "\x07", "\x1b[2J", "\x9b") if order in seen]
    assert "\N{SYMBOL FOR ESCAPE}" in plain(seen)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_measurement_is_shown_as_it_goes_and_at_its_end(
    width: int, workplace: Workplace, environment: dict[str, str]
) -> None:
    """A line of progress on the terminal, which goes; then a table that fits, and the advice."""
    asked = ["bench", "models/sentiment", "--seconds", "0.3", "--threads", "1"]
    code, seen = on_a_terminal(asked, workplace.folder, environment, width)
    assert code == 0
    _, _, result = seen.rpartition("\x1b[2K")  # the line of progress is erased
    assert "round 1" in plain(seen)
    assert "round" not in plain(result).replace(" rounds", "")
    lines = plain(result).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "threads=1" in "".join(line.strip() for line in lines)
    assert "texts/s" in plain(result)


@compiles
def test_compile_shows_sizes_as_people_read_them(workplace: Workplace, environment: dict[str, str]) -> None:
    """Megabytes, as every other table of the terminal does; a pipe gets bytes."""
    code, seen = on_a_terminal(["compile", "builtin:sentiment"], workplace.folder, environment, width=250)
    assert code == 0
    assert re.search(r"^model_q4\.onnx +\d+\.\d MB +\S+compiled\S+", plain(seen), re.MULTILINE), plain(seen)


WAITING = """
import time
from onnxhub._process.progress import waiting
with waiting("converting org/name to ONNX"):
    time.sleep(1.5)
"""


def test_what_is_waited_for_stands_on_a_terminal_alone(workplace: Workplace, environment: dict[str, str]) -> None:
    """With the time that has passed, and it is wiped out afterwards; elsewhere there is nothing."""
    command = [sys.executable, "-c", WAITING]
    code, seen = in_a_terminal(command, workplace.folder, environment)
    assert code == 0
    assert "converting org/name to ONNX ... 00:01" in seen
    assert seen.rpartition("\r")[0].rpartition("\r")[2].strip() == ""
    piped = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert (piped.stdout, piped.stderr) == (b"", b"")
