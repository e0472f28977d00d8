"""The package itself: what it exports, what it imports, how its code is built."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import onnxhub

SOURCE = Path(onnxhub.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
FOREIGN = {
    "PIL",
    "onnx_ir",
    "filelock",
    "fugashi",
    "huggingface_hub",
    "ipadic",
    "onnx",
    "onnxruntime",
    "optimum",
    "pyarrow",
    "sentencepiece",
    "tokenizers",
    "torch",
    "tqdm",
    "transformers",
    "unidic",
    "unidic_lite",
}
ROOT = Path(__file__).resolve().parent.parent.parent


def ids(path: Path) -> str:
    """A module's name in a test's name."""
    return path.relative_to(SOURCE).as_posix()


def fresh(code: str) -> str:
    """What a new interpreter prints that finds the package where this one does."""
    prelude = f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


# --- exports ---------------------------------------------------------------------------------------------------------


def test_exported_names_are_sorted_and_visible() -> None:
    """`__all__`, the lazy names and `dir` are the same, in order and without duplicates."""
    assert onnxhub.__all__ == sorted(set(onnxhub.__all__))
    assert set(onnxhub.__all__) == {*onnxhub._HOME, *onnxhub._MODULES}
    assert set(dir(onnxhub)) == {*onnxhub.__all__, "__version__"}


@pytest.mark.parametrize("name", onnxhub.__all__)
def test_every_exported_name_is_there_and_explained(name: str) -> None:
    """Each resolves lazily, is what its home calls so, and has a docstring of its own."""
    value = getattr(onnxhub, name)
    assert (value.__doc__ or "").strip()
    assert value.__doc__ != object.__doc__
    if not inspect.ismodule(value):
        assert value.__name__ == name
        assert value.__module__ == "onnxhub"
        assert pickle.loads(pickle.dumps(value)) is value


@pytest.mark.parametrize(
    "code",
    [
        "from onnxhub.tasks.results import Classification as found; import onnxhub",
        "import onnxhub; found = onnxhub.Classification",
        "import onnxhub; found = type(onnxhub.load('text-classification', 'builtin:sentiment')('a'))",
    ],
)
def test_a_class_is_pickled_by_its_public_name(code: str) -> None:
    """However it was reached; a process that has imported nothing yet finds it, and an older path still leads to it."""
    shown = fresh(f"import pickle\n{code}\nprint(pickle.dumps(found, 0).hex())")
    assert pickle.loads(bytes.fromhex(shown)) is onnxhub.Classification
    assert bytes.fromhex(shown).startswith(b"connxhub\nClassification\n")
    for module in ("results", "text_classification"):
        older = f"import pickle; print(pickle.loads(b'connxhub.tasks.{module}\\nClassification\\n.'))"
        assert fresh(older) == "<class 'onnxhub.Classification'>\n"


@pytest.mark.parametrize(
    "name", ["Classification", "Answer", "Entity", "Choice", "MaskFill", "Ranked", "SparseEmbedding"]
)
def test_the_types_of_a_result_can_be_read(name: str) -> None:
    """By `typing.get_type_hints`, as libraries for schemas do: what it mentions is in the package by then."""
    done = fresh(
        f"import onnxhub, typing; from dataclasses import fields; kind = onnxhub.{name}\n"
        "print(set(typing.get_type_hints(kind)) == {entry.name for entry in fields(kind)})"
    )
    assert done == "True\n"


def test_names_for_type_checkers_are_the_lazy_ones() -> None:
    """What `if TYPE_CHECKING` imports is what `__getattr__` gives, from the same homes."""
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == {**onnxhub._HOME, **dict.fromkeys(onnxhub._MODULES, "onnxhub")}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'onnxhub' has no attribute 'clasify'"):
        onnxhub.clasify  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_each_module_exports_what_it_says(path: Path) -> None:
    """Every `__all__` is sorted by nobody's whim and names only what is there; every module has a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" and path.name != "__init__.py":
            defined = {name for one in tree.body for name in _names(one)}
            assert set(ast.literal_eval(node.value)) <= defined


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets]
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    if isinstance(node, ast.If):
        return [name for one in node.body for name in _names(one)]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


@pytest.mark.parametrize("name", [name for name in onnxhub.__all__ if inspect.isclass(getattr(onnxhub, name))])
def test_every_public_method_is_explained(name: str) -> None:
    """Methods and properties of public classes have docstrings."""
    cls = getattr(onnxhub, name)
    for attribute, value in vars(cls).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not attribute.startswith("_") and inspect.isfunction(function):
            assert (function.__doc__ or "").strip(), f"{name}.{attribute}"


def test_every_error_is_explained() -> None:
    """The errors are public as well."""
    for name in onnxhub.errors.__all__:
        assert getattr(onnxhub.errors, name).__doc__


# --- imports ---------------------------------------------------------------------------------------------------------


def test_importing_it_imports_numpy_and_the_standard_library_only() -> None:
    """An allow-list over everything that a new interpreter has loaded."""
    loaded = set(fresh("import onnxhub; print(*sorted({name.partition('.')[0] for name in sys.modules}))").split())
    bare = set(fresh("import numpy; print(*sorted({name.partition('.')[0] for name in sys.modules}))").split())
    assert loaded - bare - set(sys.stdlib_module_names) == {"onnxhub"}


def test_importing_it_loads_none_of_its_own_modules() -> None:
    """Names are imported when they are used: a module of the package is loaded by its names alone, but for what lets a
    fork wait for that.
    """
    printed = fresh("import onnxhub; print(*[name for name in sys.modules if name.startswith('onnxhub')])")
    assert set(printed.split()) == {"onnxhub", "onnxhub._process", "onnxhub._process.forking"}


def test_postprocessors_need_no_runtime() -> None:
    """Logits from anywhere are decoded without onnxruntime, tokenizers or huggingface_hub."""
    code = (
        "import onnxhub; print(onnxhub.ClassificationPostprocessor(labels=('A', 'B'))([[0.0, 2.0]])[0].label); "
        f"print(sorted({FOREIGN!r} & set(sys.modules)))"
    )
    assert fresh(code).splitlines() == ["B", "[]"]


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_nothing_but_the_backend_imports_foreign_packages(path: Path) -> None:
    """At run time; what a type checker alone reads is no import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [
        inner for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for one in node.body for inner in ast.walk(one)
    ]  # fmt: skip
    imported = set()
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").partition(".")[0])
    allowed = {"numpy", "onnxhub"} | set(sys.stdlib_module_names)
    if SOURCE / "_backend" in path.parents:
        allowed |= FOREIGN
    if SOURCE / "cli" in path.parents:
        allowed |= {"rich", "typer"}
    if path == SOURCE / "_process" / "progress.py":
        allowed |= {"tqdm"}
    assert imported <= allowed


@pytest.mark.parametrize(
    "code",
    [
        "print(len(onnxhub.list_tasks()) >= 4)",
        "from onnxhub._contracts.registry import get_task; print(get_task('ner').name == 'token-classification')",
        "from onnxhub._contracts.registry import Task; print(Task.__name__ == 'Task' and onnxhub.Preprocessor.__name__ == 'Preprocessor')",
    ],
)
def test_built_in_tasks_are_there_whatever_is_used_first(code: str) -> None:
    """The registry is full before `load` was ever touched."""
    assert fresh(f"import onnxhub; {code}").strip() == "True"


def test_a_built_in_name_cannot_be_taken_first() -> None:
    """Not even by who registers before anything else is used."""
    code = """
import onnxhub
class Anything: pass
task = onnxhub.Task(name="ner", summary="", model=Anything, preprocessor=Anything, postprocessor=Anything, outputs=(), ort_class="")
try:
    onnxhub.register(task)
except onnxhub.errors.InvalidOptionError as error:
    print(error)
"""
    assert "a name that is not taken (by token-classification)" in fresh(code)


# --- size and shape --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_modules_and_functions_are_short(path: Path) -> None:
    """No module of more than 600 lines (one subject is the rule), no function body of more than 40 without its docstring."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, node.name


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_no_asserts_on_data_no_prints_no_todos(path: Path) -> None:
    """`assert` is for what cannot be, stdout is not ours, and what is to do has an issue."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, ast.Assert), node.lineno
        assert not (isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "eval", "exec"}), node.lineno
    assert not re.search(r"\b(TODO|FIXME|XXX)\b(?!.*#\d)", text)


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_every_codec_is_there_without_an_import(path: Path) -> None:
    """Text is read and written in UTF-8: any other codec is imported first, which fails where no file can be opened."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            named = [keyword.value for keyword in node.keywords if keyword.arg == "encoding"]
            if isinstance(node.func, ast.Attribute) and node.func.attr in {"encode", "decode"}:
                named += node.args[:1]
            codecs = {value.value for value in named if isinstance(value, ast.Constant)}
            assert codecs <= {"utf-8"}, node.lineno


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_no_handler_of_errors_imports_a_module(path: Path) -> None:
    """An import can fail by itself, where no more files can be opened, and its error would take the place of ours."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_exit = isinstance(node, ast.FunctionDef) and node.name == "__exit__"
        if is_exit or isinstance(node, ast.ExceptHandler):
            imports = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
            assert imports == []


def test_the_types_are_shipped() -> None:
    """`py.typed` is beside the code."""
    assert (SOURCE / "py.typed").is_file()


def test_the_installed_version_is_that_of_the_code() -> None:
    """What pip shows is what runs."""
    assert metadata.version("onnxhub") == onnxhub.__version__


def test_the_version_is_the_newest_of_the_changelog() -> None:
    """Whoever changes one changes the other."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert versions[0] == onnxhub.__version__
