"""What the commands print, for programs: JSON lines and tab-separated rows; and that they are what the library says."""

from __future__ import annotations

import inspect
import io
import json
import re
import shlex
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import onnxhub
from onnxhub._api.one_liners import LoadedAs
from onnxhub._contracts.options import option_names
from onnxhub._contracts.registry import list_tasks
from onnxhub.cli._app import build
from tests import tiny
from tests.runtime import compiles

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.workplace import Workplace

pytestmark = pytest.mark.light

APP = build()
COMMANDS = {command.callback.__name__: command.callback for command in APP.registered_commands} | {
    f"{group.name} {command.callback.__name__}": command.callback
    for group in APP.registered_groups
    for command in group.typer_instance.registered_commands
}
RUN_A_MODEL = sorted({place.partition(":")[2] for task in list_tasks() for place in task.commands})
TEXT_COMMANDS = {
    "classify": ["--model", "models/sentiment"],
    "tag": ["--model", "models/ner"],
    "embed": ["--model", "models/embedder"],
    "classify_zero_shot": ["--model", "models/nli", "--label", "sport", "--label", "tax law"],
    "fill_mask": ["--model", "models/masked"],
    "embed_sparse": ["--model", "models/masked"],
}


def typed(name: str) -> str:
    """A command's name as one types it."""
    return name.replace("_", "-")


def test_each_one_liner_has_a_command_of_its_name() -> None:
    """A task's row names both, so that neither is forgotten."""
    for task in list_tasks():
        if task.model.__module__.partition(".")[0] == "onnxhub":
            assert [name.partition(".")[2] for name in task.one_liners] == [
                place.partition(":")[2] for place in task.commands
            ]


def test_help_and_the_page_list_commands_in_the_order_of_use() -> None:
    """Commands that run a model come first, in the order in which the README lists the one-liners of the tasks."""
    root = Path(__file__).resolve().parents[2]
    rows = re.findall(r"^\| \S+ \| .* \| (`\w+`.*) \| `ORT", (root / "README.md").read_text("utf-8"), re.MULTILINE)
    expected = [typed(name) for row in rows for name in re.findall(r"`(\w+)`", row)]
    shown = [command.name for command in APP.registered_commands if command.rich_help_panel == "Run a model"]
    assert shown[: len(expected)] == expected
    page = re.findall(r"^\| `onnxhub ([\w-]+)", (root / "docs/command-line.md").read_text("utf-8"), re.MULTILINE)
    assert page[: len(expected)] == expected


@pytest.mark.parametrize("name", RUN_A_MODEL)
def test_a_command_and_its_one_liner_load_a_model_alike(name: str) -> None:
    """Each option of loading is an option of the command, with the same default."""
    of_command = inspect.signature(COMMANDS[name]).parameters
    defaults = {"model": None, "provider": "cpu", "dtype": "auto", "revision": None}
    assert {option: of_command[option].default for option in defaults} == defaults
    assert set(LoadedAs.__annotations__) - {"postprocessor"} | {"model"} == set(defaults)


@pytest.mark.parametrize("task", [task for task in list_tasks() if not task.raw], ids=lambda task: task.name)
def test_an_option_of_a_command_has_the_default_of_its_task(task: onnxhub.Task) -> None:
    """What a command says that it does by default is what a call without the option does."""
    known = {entry.name: entry.default for kind in (task.postprocessor, task.preprocessor) for entry in fields(kind)}
    for place in task.commands:
        for option, parameter in inspect.signature(COMMANDS[place.partition(":")[2]]).parameters.items():
            if option in option_names(task.options):
                assert parameter.default == known[option], (place, option)


@pytest.mark.parametrize("name", COMMANDS)
def test_debug_is_an_option_of_the_program_alone(name: str) -> None:
    """No command has one of its own."""
    assert "debug" not in inspect.signature(COMMANDS[name]).parameters


@pytest.mark.parametrize("name", [pytest.param(name, marks=compiles if name == "compile" else ()) for name in COMMANDS])
def test_help_has_an_example_that_runs(name: str, run: Run) -> None:
    """`--help` exits with 0, says what the command does, brackets included, and its example does it."""
    shown = run(*typed(name).split(), "--help", env={"NO_COLOR": "1"})
    assert shown.returncode == 0
    about = inspect.getdoc(COMMANDS[name])
    assert about.partition("\n")[0][:40] in shown.stdout.decode()
    assert all(one in shown.stdout.decode() for one in re.findall(r"\[\S+?\]", about))
    example = re.search(r"Example: onnxhub (.*)", shown.stdout.decode())[1].strip(" │")
    done = run(*shlex.split(example))
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("name", "options"), TEXT_COMMANDS.items())
def test_json_lines_are_what_the_library_gives(name: str, options: list[str], run: Run, workplace: Workplace) -> None:
    """One object a text, in order, with the text and the fields of the typed result."""
    mask = " [MASK] [MASK]" if name == "fill_mask" else ""
    texts = [f"Ada Lovelace lived in London{mask}.", f'naïve 東京 \\ "quoted"\t{mask}.']
    done = run(typed(name), *options, "--json", *texts)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [line.pop("text") for line in lines] == texts
    labels = [["sport", "tax law"]] if name == "classify_zero_shot" else []
    results = getattr(onnxhub, name)(texts, *labels, model=workplace.folder / options[1])
    if name == "fill_mask":
        assert lines == [{"masks": [[one.to_dict() for one in fills] for fills in masks]} for masks in results]
    elif name == "tag":
        assert lines == [{"entities": [one.to_dict() for one in entities]} for entities in results]
    elif name == "embed":
        assert lines == [{"embedding": vector.tolist()} for vector in results]
    else:
        assert lines == [json.loads(json.dumps(one.to_dict())) for one in results]


def test_the_rows_of_classify(run: Run, workplace: Workplace) -> None:
    """Label, score, text; with `--top-k`, a row for each label, best first."""
    model = onnxhub.load("text-classification", workplace.folder / "models/sentiment")
    (first, second), text = model("Quite easy!").ranking, "Quite easy!"
    assert (
        run("classify", "-m", "models/sentiment", text).stdout.decode() == f"{first.label}\t{first.score:.4f}\t{text}\n"
    )
    both = run("classify", "-m", "models/sentiment", "--top-k", "2", text).stdout.decode().splitlines()
    assert both == [f"{one.label}\t{one.score:.4f}\t{text}" for one in (first, second)]


def test_the_rows_of_tag(run: Run, workplace: Workplace) -> None:
    """Number of the text, label, score, start, end, entity."""
    texts = ["a cat", "Ada Lovelace lived in London."]
    model = onnxhub.load("token-classification", workplace.folder / "models/ner")
    expected = [
        f"{number}\t{one.label}\t{one.score:.4f}\t{one.start}\t{one.end}\t{one.text}"
        for number, entities in enumerate(model(texts), 1)
        for one in entities
    ]
    assert run("tag", "-m", "models/ner", *texts).stdout.decode().splitlines() == expected


@pytest.mark.alike
def test_answer_takes_its_context_from_anywhere(run: Run, workplace: Workplace, tmp_path: Path) -> None:
    """An argument, a file, standard input: the same answer; newlines of the context count."""
    context = "Nobody knows.\nAda wrote it in London.\n"
    (tmp_path / "context.txt").write_text(context, encoding="utf-8")
    asked = ("answer", "-m", "models/qa", "--json", "Who wrote it?")
    by_argument = run(*asked, context)
    assert by_argument.returncode == 0, by_argument.stderr
    assert run(*asked, "--file", str(tmp_path / "context.txt")).stdout == by_argument.stdout
    assert run(*asked, input=context.encode()).stdout == by_argument.stdout
    assert run(*asked, "--file", "-", input=context.encode()).stdout == by_argument.stdout
    model = onnxhub.load("question-answering", workplace.folder / "models/qa")
    expected = {"question": "Who wrote it?", **model("Who wrote it?", context).to_dict()}
    assert json.loads(by_argument.stdout) == json.loads(json.dumps(expected))


@pytest.mark.alike
def test_more_answers(run: Run) -> None:
    """`--top-k` gives a row for each, best first."""
    rows = run("answer", "-m", "models/qa", "--top-k", "3", "Who wrote it?", "Ada wrote it in London.").stdout
    scores = [float(row.split("\t")[1]) for row in rows.decode().splitlines()]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_embed_writes_a_file_of_numpys(run: Run, workplace: Workplace, tmp_path: Path) -> None:
    """Shape (texts, dim), in order, nothing on standard output; the file has the name that was given, whatever its end."""
    expected = onnxhub.embed(["a cat", "a dog"], model=workplace.folder / "models/embedder")
    for name in ("vectors.npy", "vectors.bin"):
        done = run("embed", "-m", "models/embedder", "-o", str(tmp_path / name), "a cat", "a dog")
        assert (done.returncode, done.stdout) == (0, b"")
        np.testing.assert_allclose(np.load(tmp_path / name), expected, atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"vectors.npy", "vectors.bin"}


def test_embed_writes_vectors_into_a_pipe(run: Run, workplace: Workplace) -> None:
    """`-o -` is standard output, with the bytes of a file of numpy's and nothing else."""
    piped = run("embed", "-m", "models/embedder", "-o", "-", "a cat", "a dog")
    assert (piped.returncode, piped.stderr) == (0, b"")
    expected = onnxhub.embed(["a cat", "a dog"], model=workplace.folder / "models/embedder")
    np.testing.assert_allclose(np.load(io.BytesIO(piped.stdout)), expected, atol=1e-6)
    assert not (workplace.folder / "-.npy").exists()


@pytest.mark.alike
def test_similarity_keeps_the_order_or_takes_the_nearest(run: Run) -> None:
    """As they come; with `--top-k`, the nearest first."""
    others = b"tax law\na kitten\na dog\n"
    rows = run("similarity", "-m", "models/embedder", "a cat", input=others).stdout.decode().splitlines()
    assert [row.split("\t")[1] for row in rows] == others.decode().splitlines()
    nearest = run("similarity", "-m", "models/embedder", "--top-k", "2", "a cat", input=others).stdout.decode()
    assert nearest.splitlines() == sorted(rows, key=lambda row: -float(row.split("\t")[0]))[:2]


def test_the_rows_of_classify_zero_shot(run: Run, workplace: Workplace) -> None:
    """The best label, or `--top-k` of them; with `--multi-label` all, each by itself; options reach the model."""
    asked = ("classify-zero-shot", "-m", "models/nli", "-l", "sport", "-l", "tax law", "Who won the match?")
    labels = ["sport", "tax law"]
    model = onnxhub.load("zero-shot-classification", workplace.folder / "models/nli")
    for arguments, shown, options in (
        ((), 1, {}),
        (("--top-k", "2"), 2, {}),
        (("--multi-label",), 2, {"multi_label": True}),
        (("--multi-label", "--top-k", "1"), 1, {"multi_label": True}),
        (("--template", "It is a cat {}."), 1, {"template": "It is a cat {}."}),
    ):
        best = model("Who won the match?", labels, **options).ranking[:shown]
        expected = [f"{one.label}\t{one.score:.4f}\tWho won the match?" for one in best]
        assert run(*asked, *arguments).stdout.decode().splitlines() == expected


def test_the_rows_of_fill_mask(run: Run, workplace: Workplace) -> None:
    """Number of the text, number of the mask, word, score, text; `--target` may be repeated."""
    texts = ["a [MASK] is no dog", "a [MASK] eats a [MASK]"]
    words = ["cat", "fish", "law"]
    results = onnxhub.fill_mask(texts, model=workplace.folder / "models/masked", top_k=2, targets=words)
    expected = [
        f"{number}\t{place}\t{one.token}\t{one.score:.4f}\t{one.text}"
        for number, masks in enumerate(results, 1)
        for place, fills in enumerate(masks, 1)
        for one in fills
    ]
    assert len(expected) == 6
    asked = ("fill-mask", "-m", "models/masked", "--top-k", "2", *(part for word in words for part in ("-t", word)))
    assert run(*asked, *texts).stdout.decode().splitlines() == expected
    assert run(*asked, input="\n".join(texts).encode()).stdout.decode().splitlines() == expected


@pytest.mark.alike
def test_rerank_takes_its_documents_from_anywhere(run: Run, workplace: Workplace, tmp_path: Path) -> None:
    """Arguments, a file, standard input: one ranking of them all, however they come; each document a row or an object."""
    documents = [f"{word} {number}" for number in range(40) for word in ("a kitten", "tax law", "a dog")]
    (tmp_path / "documents.txt").write_text("\n".join(documents), encoding="utf-8")
    ranking = onnxhub.rerank("a cat", documents, model=workplace.folder / "models/reranker")
    rows = [f"{one.score:.4f}\t{one.index}\t{one.text}" for one in ranking]
    asked = ("rerank", "-m", "models/reranker", "a cat")
    assert run(*asked, *documents).stdout.decode().splitlines() == rows
    assert run(*asked, "--file", str(tmp_path / "documents.txt")).stdout.decode().splitlines() == rows
    assert run(*asked, input="\n\n".join(documents).encode()).stdout.decode().splitlines() == rows
    assert run(*asked, "--top-k", "3", *documents).stdout.decode().splitlines() == rows[:3]
    lines = [json.loads(line) for line in run(*asked, "--json", *documents).stdout.splitlines()]
    assert lines == [one.to_dict() for one in ranking]


@pytest.mark.alike
def test_rerank_waits_for_all_documents(workplace: Workplace, environment: dict[str, str]) -> None:
    """Those that come late through a pipe are ranked with the others."""
    command = [sys.executable, "-m", "onnxhub", "rerank", "-m", "models/reranker", "a cat"]
    process = subprocess.Popen(
        command, cwd=workplace.folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    for part in (b"tax law\n", b"a kit", b"ten\n"):
        process.stdin.write(part)
        process.stdin.flush()
        time.sleep(0.1)
    stdout, _ = process.communicate(timeout=60)
    assert [row.split(b"\t")[1:] for row in stdout.splitlines()] == [[b"1", b"a kitten"], [b"0", b"tax law"]]


def test_the_rows_and_the_object_of_choose(run: Run, workplace: Workplace) -> None:
    """A row a choice, best first; the object is the typed result with its prompt."""
    choices = ["tax law", "a fish", "a dog"]
    result = onnxhub.choose("a cat eats", choices, model=workplace.folder / "models/chooser")
    asked = ("choose", "-m", "models/chooser")
    rows = [f"{one.score:.4f}\t{one.index}\t{one.choice}" for one in result.ranking]
    assert run(*asked, "a cat eats", *choices).stdout.decode().splitlines() == rows
    assert run(*asked, "--top-k", "2", "a cat eats", *choices).stdout.decode().splitlines() == rows[:2]
    line = json.loads(run(*asked, "--json", "a cat eats", *choices).stdout)
    assert line == json.loads(json.dumps({"prompt": "a cat eats", **result.to_dict()}))


def test_the_rows_of_embed_sparse(run: Run, workplace: Workplace) -> None:
    """Number of the text, word, weight, the heaviest first; all that are not zero, or `--top-k`."""
    model = onnxhub.load("splade", workplace.folder / "models/masked")
    texts = ["a cat", "tax law"]
    expected = [
        "{}\t{}\t{:.4f}".format(number, word.replace("\\", "\\\\"), weight)
        for number, text in enumerate(texts, 1)
        for word, weight in model.words(model(text)).items()
    ]
    rows = run("embed-sparse", "-m", "models/masked", *texts).stdout.decode().splitlines()
    assert rows == expected
    few = run("embed-sparse", "-m", "models/masked", "--top-k", "3", *texts).stdout.decode().splitlines()
    assert few == [*expected[:3], *[row for row in expected if row.startswith("2\t")][:3]]


def test_the_default_model_comes_from_the_hub(run: Run) -> None:
    """Without `--model`, the task's own; `--revision` names a commit of it."""
    assert run("classify", "Quite easy!").stdout.startswith(b"POSITIVE\t")
    wrong = run("classify", "--revision", "no-such-branch", "Quite easy!")
    assert wrong.returncode == 1
    assert b"no-such-branch" in wrong.stderr


def test_tasks_is_the_registry(run: Run) -> None:
    """A row a task, those with typed results first; the same as JSON."""
    rows = run("tasks").stdout.decode().splitlines()
    typed, raw = ([task.name for task in list_tasks() if task.raw is kind] for kind in (False, True))
    assert [row.split("\t")[0] for row in rows] == typed + raw
    assert any("ORTModelForSpeechSeq2Seq, ORTModelForCTC" in row for row in rows)
    assert (
        "text-classification\tsentiment-analysis, sequence-classification\tORTModelForSequenceClassification"
        in "\n".join(rows)
    )
    records = [json.loads(line) for line in run("tasks", "--json").stdout.splitlines()]
    assert [record["one_liner"] for record in records if record["task"] == "feature-extraction"] == [
        ["onnxhub.embed", "onnxhub.similarity"]
    ]


def test_providers_says_what_runs_and_what_is_missing(run: Run) -> None:
    """The CPU runs; each that does not says what it needs."""
    done = run("providers")
    rows = [row.split("\t") for row in done.stdout.decode().splitlines()]
    states = {name: (state, needs) for name, _, state, needs in rows}
    assert states["cpu"] == ("runs", "")
    assert all(bool(needs) == (state != "runs") for state, needs in states.values())
    assert done.stderr == b""


def test_a_row_stays_a_row(run: Run) -> None:
    """Tabs, newlines and backslashes of a text are escaped."""
    row = run("classify", "-m", "models/sentiment", "a\tb\nc\\d").stdout.decode()
    assert row.endswith("\ta\\tb\\nc\\\\d\n")
    assert row.count("\n") == 1
    assert run("classify", "-m", "models/sentiment", "\x1b[2J\x9b").stdout.decode().endswith("\t\\x1b[2J\\x9b\n")
    assert b"\\u001b[2J\\u009b" in run("classify", "-m", "models/sentiment", "--json", "\x1b[2J\x9b").stdout


def test_it_runs_as_a_script_too(environment: dict[str, str], workplace: Workplace) -> None:
    """The entry point of the installed distribution, and `python -m onnxhub`, are the same program."""
    find = (
        "from importlib.metadata import entry_points; (point,) = entry_points(group='console_scripts', name='onnxhub')"
    )
    script = [sys.executable, "-c", f"{find}; point.load()()"]
    for command in (script, [sys.executable, "-m", "onnxhub"]):
        done = subprocess.run(
            [*command, "--version"], env=environment, cwd=workplace.folder, capture_output=True, check=True
        )
        assert done.stdout.decode() == f"onnxhub {onnxhub.__version__}\n"


def test_shells_complete_its_commands_and_models(run: Run) -> None:
    """By the protocol that the installed completion script speaks."""
    asked = {"_ONNXHUB_COMPLETE": "complete_bash", "COMP_WORDS": "onnxhub cl", "COMP_CWORD": "1"}
    assert run(env=asked).stdout.split() == [b"classify", b"classify-zero-shot", b"classify-image"]
    asked = {"_ONNXHUB_COMPLETE": "complete_bash", "COMP_WORDS": "onnxhub tag --model builtin:n", "COMP_CWORD": "3"}
    assert run(env=asked).stdout.split() == [b"builtin:ner"]


def test_without_the_extra_it_says_what_to_install() -> None:
    """Typer and rich are not in the light install."""
    code = "import sys; sys.modules['typer'] = None; from onnxhub.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "onnxhub: the command line needs typer, which is not installed: pip install 'onnxhub[cli]'"
    )


def test_inspect_says_what_load_would_take(run: Run, workplace: Workplace) -> None:
    """Facts and files, as rows and as JSON with names like those of all other records."""
    model = onnxhub.load("auto", workplace.folder / "models/ner")
    record = json.loads(run("inspect", "models/ner", "--json").stdout)
    assert record["task"] == model.info.task
    assert record["known_from"] == model.info.task_reason
    assert record["labels"] == list(model.info.labels)
    assert record["longest_input"] == model.info.max_length
    assert [one["file"] for one in record["files"] if one["chosen"]] == [model.info.file]
    rows = [row.split("\t") for row in run("inspect", "models/ner").stdout.decode().splitlines()]
    assert ["task", "token-classification"] in rows
    assert [row[1] for row in rows if row[0] == "file" and row[4] == "chosen"] == [model.info.file]
    graph = record["graphs"][model.info.file]
    assert [port["name"] for port in graph["inputs"]] == list(model.backend.input_names)
    assert ["graph", model.info.file, "output", "logits: float32[batch, sequence, 5]"] in rows
    assert record["error"] == ""


def test_inspect_fails_where_load_would(run: Run, workplace: Workplace, tmp_path: Path) -> None:
    """With its words, after the facts; and it fetches no weights to find out."""
    done = run("inspect", "models/ner", "--dtype", "q4", "--json")
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert record["choice"] == record["error"] == done.stderr.decode().strip().removeprefix("onnxhub: ")
    assert "has no ONNX file for dtype='q4'" in record["error"]
    folder = tiny.make_model(tmp_path / "model", external_data="shards")
    assert run("inspect", str(folder)).returncode == 0
    (folder / "model.onnx_data_1").unlink()
    done = run("inspect", str(folder), "--json")
    assert done.returncode == 1
    assert "its weights are in model.onnx_data_1, which does not exist" in json.loads(done.stdout)["error"]
    (folder / "model.onnx").unlink()
    done = run("inspect", str(folder))
    assert done.returncode == 1
    assert "has no ONNX file; it has: config.json" in done.stderr.decode()


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("builtin:sentiment", "question-answering"),
        ("builtin:ner", "text-classification"),
        ("builtin:qa", "feature-extraction"),
    ],
)
def test_inspect_fails_where_the_graph_does_not_fit_the_task(model: str, task: str, run: Run) -> None:
    """With the very words of load, which open the graph; the facts are told all the same."""
    done = run("inspect", model, "--task", task, "--json")
    assert done.returncode == 1
    with pytest.raises(onnxhub.errors.TaskMismatchError) as raised:
        onnxhub.load(task, model)
    assert json.loads(done.stdout)["error"] == str(raised.value)
    assert done.stderr.decode() == f"onnxhub: {raised.value}\n"


def test_inspect_fetches_no_weights(run: Run, tmp_path: Path) -> None:
    """Of a model of the Hub, graphs are told once they are here."""
    env = {"HF_HOME": str(tmp_path / "home")}
    before = json.loads(run("inspect", "org/name", "--json", env=env).stdout)
    assert before["graphs"] == {}
    assert [file["file"] for file in before["files"] if file["chosen"]] == ["model.onnx"]
    assert not list(tmp_path.glob("home/hub/*/snapshots/*/*.onnx"))
    assert run("classify", "-m", "org/name", "a cat", env=env).returncode == 0
    after = json.loads(run("inspect", "org/name", "--json", env=env).stdout)
    assert list(after.pop("graphs")) == ["model.onnx"]
    before.pop("graphs")
    # Whether a graph is worth compiling is known once it is here; an ONNX Runtime without compiled graphs says so.
    assert before.pop("compiled") == ""
    assert after.pop("compiled").startswith("no: ")
    assert after == before


def test_bench_says_how_fast_each_setting_is(run: Run) -> None:
    """A row a setting, with what was measured; then the advice, as one would write it."""
    done = run("bench", "models/sentiment", "--seconds", "0.5", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = [row.split("\t") for row in done.stdout.decode().splitlines()]
    measured, advice = [row for row in rows if row[0] != "best"], [row for row in rows if row[0] == "best"]
    assert sorted(row[3] for row in measured) == ["list", "one"]
    assert all(row[0] == "fp32" and int(row[1]) > 0 and row[2] == "1" and float(row[4]) > 0 for row in measured)
    assert [bool(row[5]) for row in measured] == [row[3] == "one" for row in measured]
    assert [row[1] for row in advice] == ["most texts a second", "shortest wait for one text"]
    assert {row[2] for row in advice} == {"onnxhub.load('text-classification', 'models/sentiment', threads=1)"}


@pytest.mark.alike
@pytest.mark.parametrize("name", ["ner", "qa", "embedder", "nli", "reranker", "chooser", "masked"])
def test_bench_knows_what_each_task_wants(name: str, run: Run, workplace: Workplace) -> None:
    """As one object: what was measured, how often, and the advice as options of `load`."""
    task = {"nli": "zero-shot-classification", "reranker": "text-ranking"}.get(name, "auto")
    done = run("bench", f"models/{name}", "--seconds", "0.2", "--threads", "1", "--task", task, "--json")
    assert done.returncode == 0, done.stderr.decode()
    record = json.loads(done.stdout)
    assert record["task"] == onnxhub.load(task, workplace.folder / "models" / name).info.task
    assert record["texts"] >= 4
    assert record["rounds"] >= 1
    assert [one["error"] for one in record["measured"]] == [None, None]
    assert {one["purpose"] for one in record["best"]} == {"throughput", "latency"}
    assert all(one["options"] == {"threads": 1} and one["same_scores"] for one in record["best"])


@pytest.mark.alike
def test_bench_reads_texts_of_ones_own(run: Run, tmp_path: Path) -> None:
    """From a file, or from standard input if it is named."""
    (tmp_path / "texts.txt").write_text("Quite easy!\n\nRather hard.\n", encoding="utf-8")
    asked = ("bench", "models/sentiment", "--seconds", "0.2", "--threads", "1", "--json")
    assert json.loads(run(*asked, "--file", str(tmp_path / "texts.txt")).stdout)["texts"] == 2
    assert json.loads(run(*asked, "--file", "-", input=b"Quite easy!\n").stdout)["texts"] == 1


@pytest.mark.alike
def test_bench_tries_sizes_of_batches(run: Run) -> None:
    """Each that was named; the size is in the row, and in advice on lists: a text alone is a batch of any size."""
    asked = ("bench", "models/sentiment", "--seconds", "0.2", "--threads", "1", "--json")
    record = json.loads(run(*asked, "--batch-tokens", "64", "--batch-tokens", "512").stdout)
    assert {one["batch"] for one in record["measured"]} == {"one", "list, 64 tokens", "list, 512 tokens"}
    sizes = {"one": None, "list, 64 tokens": 64, "list, 512 tokens": 512}
    assert all(one["options"].get("batch_tokens") == sizes[one["batch"]] for one in record["best"])


@pytest.mark.alike
def test_bench_goes_on_without_a_variant_that_is_not_there(run: Run) -> None:
    """Its row says why; if there is no other, it is an error."""
    asked = ("bench", "models/sentiment", "--seconds", "0.2", "--threads", "1")
    done = run(*asked, "--dtype", "fp32", "--dtype", "q4", "--json")
    errors = {one["dtype"]: one["error"] for one in json.loads(done.stdout)["measured"]}
    assert errors["fp32"] is None
    assert "q4" in errors["q4"]
    alone = run(*asked, "--dtype", "q4")
    assert (alone.returncode, alone.stdout) == (1, b"")
    assert b"q4" in alone.stderr


@pytest.mark.parametrize("name", [*RUN_A_MODEL, "bench", "compile", "export", "inspect"])
def test_each_command_can_choose_among_several_files(name: str) -> None:
    """By the option that an error about several files names; what was ``file`` in Python is the file of texts here."""
    assert inspect.signature(COMMANDS[name]).parameters["onnx_file"].default is None


def test_one_of_several_files_is_chosen(run: Run, tmp_path: Path) -> None:
    """The error about them says how; then it runs, is measured, exported and told as that file."""
    folder = tiny.make_model(tmp_path / "model")
    tiny.make_model(folder, file="onnx/model.onnx")
    undecided = run("classify", "-m", str(folder), "a cat")
    assert (undecided.returncode, undecided.stdout) == (1, b"")
    assert undecided.stderr.endswith(b"model.onnx, onnx/model.onnx; choose one with --onnx-file model.onnx\n")
    chosen = ("--onnx-file", "onnx/model.onnx")
    assert run("classify", "-m", str(folder), *chosen, "a cat").returncode == 0
    told = json.loads(run("inspect", str(folder), *chosen, "--json").stdout)
    assert [one["file"] for one in told["files"] if one["chosen"]] == ["onnx/model.onnx"]
    assert run("inspect", str(folder), "--onnx-file", "no.onnx").stderr.endswith(b"onnx/model.onnx (fp32)\n")
    assert run("export", str(folder), *chosen, "-o", str(tmp_path / "made")).returncode == 0
    measured = run("bench", str(folder), *chosen, "--seconds", "0.2", "--threads", "1", "--json")
    best = json.loads(measured.stdout)["best"][0]["load"]
    assert best == f"onnxhub.load('text-classification', {str(folder)!r}, file='onnx/model.onnx', threads=1)"


def test_a_command_that_cannot_choose_a_file_says_so(run: Run, tmp_path: Path) -> None:
    """Verify compares precisions, each of one file."""
    folder = tiny.make_model(tmp_path / "model")
    tiny.make_model(folder, file="onnx/model.onnx")
    done = run("verify", str(folder), "--dtype", "q8")
    assert done.returncode == 1
    assert done.stderr.endswith(b"model.onnx, onnx/model.onnx; this command cannot choose one of them\n")


@compiles
def test_the_rows_of_compile(run: Run) -> None:
    """File, bytes and folder of what later loads take; the second time it is there."""
    rows = [run("compile", "builtin:sentiment", *options).stdout.decode() for options in ([], ["--json"])]
    file, size, folder = rows[0].rstrip("\n").split("\t")
    assert file == "model_q4.onnx"
    assert int(size) == sum(path.stat().st_size for path in Path(folder).iterdir())
    assert json.loads(rows[1]) == {"file": file, "bytes": int(size), "folder": folder}
