"""The project around the package: its notices, its workflows, its forms, and that they say the same."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import onnxhub
from onnxhub._contracts.built_in import BUILT_IN

ROOT = Path(__file__).resolve().parent.parent.parent
# A source distribution has the tests, and not the files that are tested here.
pytestmark = pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="not a checkout")

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
SETTINGS = [*sorted(ROOT.glob(".github/**/*.yml")), ROOT / ".pre-commit-config.yaml"]
PAGES = ["README.md", "README.ja.md", "CONTRIBUTING.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md"]
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
ACTION = re.compile(r"[\w-]+/[\w./-]+@v\d+(\.\d+){0,2}")
BUNDLED = "src/onnxhub/builtin/sentiment/model.onnx"


def ids(path: Path) -> str:
    """A file's name in a test's name."""
    return path.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    """The text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def parsed(path: Path) -> dict[Any, Any]:
    """A YAML file; the light installs need not have a parser."""
    yaml = pytest.importorskip("yaml")
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


def workflow(name: str) -> dict[Any, Any]:
    """One of the workflows."""
    return parsed(ROOT / ".github" / "workflows" / name)


def steps(job: dict[str, Any], key: str) -> list[str]:
    """What the steps of a job run, or use."""
    return [step[key] for step in job["steps"] if key in step]


def folders(name: str) -> str:
    """A variable of the Makefile that names tests, with what it takes from others put in."""
    (value,) = re.findall(rf"^{name} = (.*)$", read("Makefile"), re.MULTILINE)
    return re.sub(r"\$\((\w+)\)", lambda other: folders(other[1]), value)


def hooks() -> dict[str, dict[str, Any]]:
    """The hooks before a commit, by their names."""
    return {hook["id"]: hook for repo in parsed(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]}


# --- workflows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SETTINGS, ids=ids)
def test_every_setting_can_be_read(path: Path) -> None:
    """Each YAML file is valid, and holds a mapping."""
    assert parsed(path)


def test_the_workflows_are_those() -> None:
    """Nothing below is empty by mistake."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert [path.name for path in FORMS] == ["bug.yml", "feature.yml", "model.yml"]
    assert len(TESTS) > 20


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids)
def test_a_workflow_has_no_rights_but_those_that_a_job_names(path: Path) -> None:
    """None for all; to read, for each; to write, only the identity with which a release is published."""
    flow = parsed(path)
    assert flow["permissions"] == {}
    for name, job in flow["jobs"].items():
        expected = {"id-token": "write"} if name == "publish" else {"contents": "read"}
        assert job["permissions"] == expected, name
        assert job["timeout-minutes"] <= 60, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids)
def test_a_workflow_uses_actions_of_a_version(path: Path) -> None:
    """Not of a branch; and a checkout leaves no credentials behind."""
    for job in parsed(path)["jobs"].values():
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                assert ACTION.fullmatch(step["uses"]), step["uses"]
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids)
def test_a_workflow_pastes_no_foreign_text_into_a_shell(path: Path) -> None:
    """What an event or a matrix says reaches a script as an environment variable."""
    for job in parsed(path)["jobs"].values():
        assert not [script for script in steps(job, "run") if "${{" in script]


def test_a_release_is_built_once_and_published_without_a_password() -> None:
    """One job builds; the tested files are the published ones; the index trusts the workflow and no secret."""
    flow = workflow("release.yml")
    jobs = flow["jobs"]
    assert [name for name, job in jobs.items() if any("-m build" in script for script in steps(job, "run"))] == [
        "build"
    ]
    assert sum(script.count("-m build") for job in jobs.values() for script in steps(job, "run")) == 1
    assert jobs["test"]["needs"] == "build"
    publish = jobs["publish"]
    assert set(publish["needs"]) == {"build", "test"}
    assert publish["if"] == "github.event_name == 'release'"
    assert publish["environment"] == "pypi"
    assert [use.partition("@")[0] for use in steps(publish, "uses")] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert publish["steps"][-1]["with"] == {"attestations": True}
    assert "secrets." not in read(".github/workflows/release.yml")
    assert set(flow[True]) == {"release", "workflow_dispatch"}  # YAML 1.1 takes the key `on` for a truth value


def test_a_release_has_the_version_of_its_tag() -> None:
    """The job that builds compares them before anything is uploaded."""
    build = workflow("release.yml")["jobs"]["build"]
    (compares,) = [number for number, step in enumerate(build["steps"]) if "TAG" in step.get("env", {})]
    (uploads,) = [number for number, step in enumerate(build["steps"]) if "upload" in step.get("uses", "")]
    assert compares < uploads
    assert '"v$version" != "$TAG"' in build["steps"][compares]["run"]


@pytest.mark.parametrize(("name", "job"), [("ci.yml", "wheel"), ("release.yml", "test")])
def test_a_wheel_is_tested_alone_on_the_oldest_and_the_newest_python(name: str, job: str) -> None:
    """Without the source, with the folders of `make test-light`, on the first and last Python that the package names."""
    tested = workflow(name)["jobs"][job]
    scripts = steps(tested, "run")
    (removes,) = [number for number, script in enumerate(scripts) if "rm -rf src" in script]
    (installs,) = [number for number, script in enumerate(scripts) if "*.whl)[cpu,cli]" in script]
    assert removes < installs
    assert scripts[-1] == f"python -m pytest {folders('LIGHT_TESTS')}"
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', read("pyproject.toml"))
    assert tested["strategy"]["matrix"]["python"] == [named[0], named[-1]]


def test_ci_runs_what_the_readme_says() -> None:
    """`make demo`, then `make test`; on the newest Python its parts, but for the oldest dependencies."""
    job = workflow("ci.yml")["jobs"]["make"]
    assert steps(job, "run") == ["make demo", "make $TARGETS"]
    parts = re.search(r"^test: (.+)$", read("Makefile"), re.MULTILINE)
    assert parts is not None
    oldest, newest = (row["targets"].split() for row in job["strategy"]["matrix"]["include"])
    assert oldest == ["test"]
    assert newest == [part for part in parts[1].split() if part not in {"environments", "test-oldest"}]


def test_each_test_is_in_one_of_the_two_passes() -> None:
    """What one pass of an install leaves to the other, the other takes; the full install leaves out nothing."""
    passes = re.findall(r"^\t\$\((\w+)\) -m pytest (.*)", read("Makefile"), re.MULTILINE)
    assert [words for python, words in passes if python == "FULL" and words.startswith("--ignore")] == [
        "--ignore tests/docs -m 'not system' $(SHARED)",
        "--ignore tests/docs -m system",
    ]
    for python, tests in {"LIGHT": "$(LIGHT_TESTS)", "OLDEST": "$(EVERYWHERE)"}.items():
        assert [words for name, words in passes if name == python] == [
            f"{tests} -m 'not system and not alike' $(SHARED)",
            f"{tests} -m 'system and not alike'",
        ]
    assert {Path(part).name for part in folders("LIGHT_TESTS").split()} <= {path.parent.name for path in TESTS}
    for name in re.findall(r"tests/\w+/test_,[\w. ]+", read("Makefile")):
        folder, _, files = name.partition("test_,")
        for file in files.split():
            assert (ROOT / folder / f"test_{file}").is_file(), file


def test_dependabot_looks_after_actions_and_packages() -> None:
    """Of both there are pinned versions."""
    updates = parsed(ROOT / ".github" / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip"}


# --- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FORMS, ids=ids)
def test_a_form_is_one_that_github_takes(path: Path) -> None:
    """Known kinds of fields, each with a label, and with an id of its own."""
    form = parsed(path)
    assert set(form) == {"name", "description", "labels", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({field["id"] for field in fields}) == len(fields)
    assert len({field["attributes"]["label"] for field in fields}) == len(fields)
    assert any(field["validations"]["required"] for field in fields)


@pytest.mark.parametrize("name", ["bug.yml", "model.yml"])
def test_a_report_says_what_runs_where(name: str) -> None:
    """Both forms ask for the version and for the providers, and insist."""
    form = parsed(ROOT / ".github" / "ISSUE_TEMPLATE" / name)
    required = [field["attributes"]["label"] for field in form["body"] if field.get("validations", {}).get("required")]
    for command in ("`onnxhub --version`", "`onnxhub providers`"):
        assert any(command in label for label in required), command


def test_the_form_for_models_names_the_tasks() -> None:
    """Those of the registry, and a way out."""
    form = parsed(ROOT / ".github" / "ISSUE_TEMPLATE" / "model.yml")
    (choice,) = [field for field in form["body"] if field["type"] == "dropdown"]
    built_in = {task.name for task in onnxhub.list_tasks() if task.name in BUILT_IN}
    assert {*choice["attributes"]["options"]} == {*built_in, "another"}


# --- hooks -----------------------------------------------------------------------------------------------------------


def test_the_hooks_have_the_ruff_of_the_constraints() -> None:
    """One formatter, whoever runs it."""
    pinned = re.search(r"^ruff==(\S+)$", read("constraints.txt"), re.MULTILINE)
    assert pinned is not None
    repos = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    (rev,) = [repo["rev"] for repo in repos if repo["repo"].endswith("/ruff-pre-commit")]
    assert rev == f"v{pinned[1]}"


@pytest.mark.parametrize(
    ("hook", "left_alone"),
    [
        ("end-of-file-fixer", {BUNDLED, "docs/a.svg"}),
        ("trailing-whitespace", {BUNDLED, "docs/a.svg"}),
        ("check-added-large-files", {BUNDLED}),
    ],
)
def test_the_hooks_leave_made_files_alone(hook: str, left_alone: set[str]) -> None:
    """Bundled models and drawings are as the programs wrote them; code is not."""
    pattern = re.compile(hooks()[hook]["exclude"])
    files = {BUNDLED, "docs/a.svg", "src/onnxhub/builtin/__init__.py", "README.md"}
    assert {name for name in files if pattern.search(name)} == left_alone


# --- notices ---------------------------------------------------------------------------------------------------------


def targets() -> set[str]:
    """What the Makefile can make."""
    return set(re.findall(r"^([a-z][\w-]*)(?: [a-z][\w-]*)*:(?!=)", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_are_in_the_makefile(page: str) -> None:
    """Every `make something`, in a sentence or in a block."""
    named = set(re.findall(r"(?:`|^\$ )make ([a-z][\w-]*)", read(page), re.MULTILINE))
    assert named <= targets()
    assert named or page == "SECURITY.md"


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    """Files exist, and so do the headings that are pointed at; what a program prints has no links."""
    home = (ROOT / page).parent
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, heading = link.partition("#")
        target = home / name if name else ROOT / page
        assert target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, link


def test_the_notices_name_files_that_exist() -> None:
    """Paths in backticks, and programs that are run with `-m`, in CONTRIBUTING.md and SECURITY.md."""
    for page in ("CONTRIBUTING.md", "SECURITY.md"):
        for name in re.findall(r"`((?:tests|tools|docs)/[\w./-]+)`", read(page)):
            assert (ROOT / name).exists(), name
        for name in re.findall(r"-m (tools[\w.]*)", read(page)):
            assert (ROOT / name.replace(".", "/") / "__main__.py").is_file(), name


@pytest.mark.parametrize("path", TESTS, ids=ids)
def test_every_test_has_a_sentence(path: Path) -> None:
    """What holds, in words, for whoever finds it broken."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert (ast.get_docstring(node) or "").strip(), node.name


# --- version ---------------------------------------------------------------------------------------------------------


def test_the_version_comes_from_one_place() -> None:
    """The build reads it from the package, which says it once."""
    project = tomllib.loads(read("pyproject.toml"))
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]
    module = Path(onnxhub.__file__)
    assert project["tool"]["hatch"]["version"]["path"] == f"src/{module.parent.name}/{module.name}"
    said = re.findall(r"^__version__ = \"(.+)\"$", module.read_text(encoding="utf-8"), re.MULTILINE)
    assert said == [onnxhub.__version__]


def test_the_installed_version_is_that_of_the_code() -> None:
    """What pip shows is what runs."""
    assert metadata.version("onnxhub") == onnxhub.__version__
