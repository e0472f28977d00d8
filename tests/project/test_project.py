"""The project around the package: its notices, its workflows, its forms, and that they say the same."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import onnxhub
from onnxhub._contracts.built_in import BUILT_IN

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHONS = re.findall(
    r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)
# A source distribution has the tests, and not the files that are tested here.
pytestmark = [pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="not a checkout"), pytest.mark.alike]

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
SETTINGS = [*sorted(ROOT.glob(".github/**/*.yml")), ROOT / ".pre-commit-config.yaml"]
PAGES = [
    "README.md",
    "README.ja.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".github/PULL_REQUEST_TEMPLATE.md",
    "changelog.d/README.md",
]
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
USE = re.compile(r"^\s*- uses: ([\w-]+/[\w./-]+)@(.+)$", re.MULTILINE)
PIN = re.compile(r"[0-9a-f]{40} # v\d+\.\d+\.\d+")
BUNDLED = "src/onnxhub/builtin/sentiment/model_q4.onnx"


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
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "codeql.yml", "docs.yml", "release.yml"]
    assert [path.name for path in FORMS] == ["bug.yml", "feature.yml", "model.yml"]
    assert len(TESTS) > 20


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids)
def test_a_workflow_has_no_rights_but_those_that_a_job_names(path: Path) -> None:
    """None for all; to read, for most; to write, only what CodeQL finds, the site, and the identity that publishes."""
    flow = parsed(path)
    assert flow["permissions"] == {}
    more = {
        "required": {},
        "publish": {"id-token": "write"},
        "deploy": {"pages": "write", "id-token": "write"},
        "analyze": {"contents": "read", "security-events": "write"},
    }
    for name, job in flow["jobs"].items():
        assert job["permissions"] == more.get(name, {"contents": "read"}), name
        assert job["timeout-minutes"] <= 60, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids)
def test_a_workflow_uses_actions_of_a_commit(path: Path) -> None:
    """Not of a tag, which others can move; the version stands beside it. A checkout leaves no credentials behind."""
    uses = USE.findall(path.read_text(encoding="utf-8"))
    assert [name for name, pin in uses if not PIN.fullmatch(pin)] == []
    jobs = parsed(path)["jobs"].values()
    assert len(uses) == sum(len(steps(job, "uses")) for job in jobs)
    for job in jobs:
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_an_action_has_one_commit_in_all_workflows() -> None:
    """Whoever raises one raises all."""
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, pin in USE.findall(path.read_text(encoding="utf-8")):
            pins.setdefault(name.partition("/")[0] + "/" + name.split("/")[1], set()).add(pin)
    assert {name: pin for name, pin in pins.items() if len(pin) > 1} == {}


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
    assert build["steps"][compares]["env"]["SOURCE"] == "${{ github.server_url }}/${{ github.repository }}"
    assert 'grep -qxF "Source = \\"$SOURCE\\"" pyproject.toml' in build["steps"][compares]["run"]


@pytest.mark.parametrize(("name", "job"), [("ci.yml", "wheel"), ("release.yml", "test")])
def test_a_wheel_is_tested_alone_on_the_oldest_and_the_newest_python(name: str, job: str) -> None:
    """Without the source, with the folders of `make test-light`, on the first and last Python that the package names."""
    tested = workflow(name)["jobs"][job]
    scripts = steps(tested, "run")
    (removes,) = [number for number, script in enumerate(scripts) if "rm -rf src" in script]
    (installs,) = [number for number, script in enumerate(scripts) if "*.whl)[cpu,cli]" in script]
    assert removes < installs
    assert scripts[-1] == f"python -m pytest {folders('LIGHT_TESTS')}"
    assert tested["strategy"]["matrix"]["python"] == [PYTHONS[0], PYTHONS[-1]]


def test_ci_runs_what_the_readme_says() -> None:
    """`make demo`, then `make test` on the oldest Python; on the newest its parts, but for the oldest dependencies."""
    job = workflow("ci.yml")["jobs"]["make"]
    assert steps(job, "run") == ["make demo", "make $TARGETS"]
    parts = re.search(r"^test: (.+)$", read("Makefile"), re.MULTILINE)
    assert parts is not None
    rows = job["strategy"]["matrix"]["include"]
    assert [row["python"] for row in rows] == PYTHONS
    targets = [row["targets"].split() for row in rows]
    assert targets[0] == ["test"]
    assert targets[-1] == [part for part in parts[1].split() if part not in {"environments", "test-oldest"}]
    assert all(set(names) >= {"test-full", "test-light"} for names in targets[1:])


def test_one_job_of_ci_waits_for_all_others() -> None:
    """The protection of a branch names that one, and a job that is skipped or cancelled has not passed."""
    jobs = workflow("ci.yml")["jobs"]
    required = jobs.pop("required")
    assert set(required["needs"]) == set(jobs)
    assert required["if"] == "always()"
    (step,) = required["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
    assert 'for result in $RESULTS; do test "$result" = success; done' in step["run"]


def test_the_site_that_is_published_is_the_one_that_is_tested() -> None:
    """`make docs` builds it, strictly, and one job with no checkout puts it on the web."""
    jobs = workflow("docs.yml")["jobs"]
    assert steps(jobs["build"], "run") == ["make docs"]
    assert jobs["deploy"]["needs"] == "build"
    assert [use.partition("@")[0] for use in steps(jobs["deploy"], "uses")] == ["actions/deploy-pages"]
    assert "mkdocs build --strict" in read("Makefile")


def test_coverage_runs_all_tests() -> None:
    """All tests that the full install can run, in two passes, traced; less than the floor is a failure."""
    assert steps(workflow("ci.yml")["jobs"]["coverage"], "run") == ["make coverage"]
    assert re.findall(r"^\t\$\(FULL\) -m coverage run -m pytest (.*)$", read("Makefile"), re.MULTILINE) == [
        "--ignore tests/docs -m 'not system' $(SHARED)",
        "--ignore tests/docs -m system",
    ]
    settings = tomllib.loads(read("pyproject.toml"))["tool"]["coverage"]
    assert settings["run"]["branch"]
    assert settings["run"]["patch"] == ["subprocess", "_exit"]
    assert settings["report"]["fail_under"] > 0


def test_each_test_is_in_one_of_the_two_passes() -> None:
    """What one pass of an install leaves to the other, the other takes; the full one leaves out what the light ones run."""
    passes = re.findall(r"^\t\$\((\w+)\) -m pytest (.*)", read("Makefile"), re.MULTILINE)
    assert [words for python, words in passes if python == "FULL" and words.startswith("--ignore")] == [
        "--ignore tests/docs -m 'not system and (alike or not light)' $(SHARED)",
        "--ignore tests/docs -m 'system and (alike or not light)'",
    ]
    for python, tests in {"LIGHT": "$(LIGHT_TESTS)", "OLDEST": "$(OLDEST_TESTS)"}.items():
        assert [words for name, words in passes if name == python] == [
            f"{tests} -m 'not system and not alike' $(SHARED)",
            f"{tests} -m 'system and not alike'",
        ]
    assert {Path(part).name for part in folders("LIGHT_TESTS").split()} <= {path.parent.name for path in TESTS}
    for prefix, files in re.findall(r"\$\(addprefix (tests/[\w/]+),([^)]+)\)", read("Makefile")):
        for file in files.replace("\\", "").split():
            assert (ROOT / f"{prefix}{file}").is_file(), file


def test_what_the_full_install_leaves_to_the_light_ones_runs_there() -> None:
    """A file that is marked `light` lies in a folder that both light installs run, and asks for nothing that they lack."""
    marked = [
        path
        for path in TESTS
        if re.search(r"^pytestmark = .*mark\.light", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert marked
    everywhere = re.search(r"^EVERYWHERE = (.*)$", read("Makefile"), re.MULTILINE)
    assert everywhere is not None
    assert {ids(path.parent) for path in marked} <= set(everywhere[1].split())
    lacking = re.compile(r"""(?:importorskip|find_spec)\("(?:torch|transformers|optimum|sentence_transformers)""")
    assert [ids(path) for path in marked if lacking.search(path.read_text(encoding="utf-8"))] == []


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


def test_the_links_of_the_readme_work_on_pypi() -> None:
    """What is a file of the repository there has its address at the version's tag; nothing else is changed."""
    project = tomllib.loads(read("pyproject.toml"))
    source = project["project"]["urls"]["Source"]
    assert all(
        address.startswith(source) for name, address in project["project"]["urls"].items() if name != "Documentation"
    )
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    assert [part["path"] for part in hook["fragments"]] == ["README.md"]
    text = read("README.md")
    shown = text
    for change in hook["substitutions"]:
        shown = re.sub(change["pattern"], change["replacement"], shown)
    for block in re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL):
        assert block in shown
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```$", "", shown, flags=re.MULTILINE | re.DOTALL))
    ours = [
        source + "/blob/v$HFPR_VERSION/",
        source.replace("github.com", "raw.githubusercontent.com") + "/v$HFPR_VERSION/",
    ]
    assert len(links) > 20
    for link in links:
        (name,) = [link.removeprefix(place) for place in ours if link.startswith(place)]
        assert (ROOT / name.partition("#")[0]).is_file(), link
    assert shown.count("](https://") == text.count("](https://") + len(links)


# --- layout ----------------------------------------------------------------------------------------------------------


def test_tests_of_modules_mirror_the_rooms() -> None:
    """`_calls/streams.py` is tested by `tests/unit/calls/test_streams.py`; what follows the name is an aspect of it.

    Where this fails, a module has got another name, or a new test lies in no room: move the file of tests.
    """
    package = Path(onnxhub.__file__).parent
    modules = {
        "/".join(part.removeprefix("_") for part in path.relative_to(package).with_suffix("").parts)
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    } | {"builtin"}
    astray = []
    for path in sorted((ROOT / "tests" / "unit").rglob("test_*.py")):
        words = path.stem.removeprefix("test_").split("_")
        room = path.parent.relative_to(ROOT / "tests" / "unit").as_posix()
        names = {"_".join(words[:size]) for size in range(1, len(words) + 1)}
        if not {name if room == "." else f"{room}/{name}" for name in names} & modules:
            astray.append(path.relative_to(ROOT).as_posix())
    assert astray == []


def test_tests_of_tasks_have_the_names_of_tasks() -> None:
    """One file for each, and one for what holds for several."""
    tasks = {path.stem for path in Path(onnxhub.__file__).parent.joinpath("tasks").glob("*.py")}
    named = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "tasks").glob("test_*.py")}
    assert named - {"every_postprocessor"} <= tasks


# --- version ---------------------------------------------------------------------------------------------------------


def test_the_version_comes_from_one_place() -> None:
    """The build reads it from the package, which says it once."""
    project = tomllib.loads(read("pyproject.toml"))
    assert "version" in project["project"]["dynamic"]
    assert "version" not in project["project"]
    module = Path(onnxhub.__file__)
    assert project["tool"]["hatch"]["version"]["path"] == f"src/{module.parent.name}/{module.name}"
    said = re.findall(r"^__version__ = \"(.+)\"$", module.read_text(encoding="utf-8"), re.MULTILINE)
    assert said == [onnxhub.__version__]
