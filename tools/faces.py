"""What follows from the rows of tasks and from the public names, written where it is needed.

    python -m tools.faces            # say what is stale; make test-lint runs it
    python -m tools.faces --write    # write it: make faces

A task is one file in ``src/onnxhub/tasks``: its row, and a last line ``publish(globals(), ...)`` with its public names. From
all rows, and from the ``publish`` lines of all modules, this writes, between lines ``# faces: begin`` and ``# faces: end``:

- the names of ``onnxhub`` in its ``__init__.py``: for type checkers, for ``__getattr__``, and ``__all__``;
- which module has the row of a name (``_contracts/built_in.py``);
- which task an architecture is for (``_contracts/architectures.py``);
- the overloads of ``load`` (``_api/load.py``), and of ``CannedBackend.load`` (``testing.py``);
- the table of tasks in docs/tasks.md, by ``tools/task_table.py``.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin

import numpy as np

import onnxhub

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnxhub._contracts.task import Task

__all__ = ["Row", "public_names", "read_rows", "render", "render_all"]

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = Path(onnxhub.__file__).resolve().parent
BEGIN: Final = "# faces: begin"
END: Final = "# faces: end"
WIDTH: Final = 120
PUBLIC_MODULES: Final = ("builtin", "errors", "testing")
NOT_TASKS: Final = ("__init__", "results")
"""Modules in ``tasks`` that have no row."""
LOAD: Final = """@overload
def load(
    task: Literal[{names}],
    model_id: ModelId = ...,
    provider: Provider = ...,
    **options: Unpack[LoadOptions[{result}]],
) -> {model}: ...
"""
CANNED: Final = """@overload
def load(
    self,
    task: Literal[{names}],
    *,
    postprocessor: PostprocessorOf[{result}] | None = ...,
) -> {model}: ...
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A task, and the module in ``tasks`` that has its row."""

    module: str
    task: Task[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and aliases."""
        return (self.task.name, *self.task.aliases)


def public_names(source: Path = SOURCE) -> dict[str, tuple[str, ...]]:
    """Return module -> the names that its ``publish`` line makes public, in their order.

    Raises:
        ValueError: two modules publish the same name, or a line cannot be read without running it.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(source.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node.value for node in tree.body if isinstance(node, ast.Expr) and _is_publish(node.value)]
        names = [name for call in calls for name in _names_of(call, tree, path)]
        if twice := sorted(name for name in names if any(name in known for known in found.values())):
            raise ValueError(f"{path}: {', '.join(twice)} is published by another module, too")
        if names:
            found[_module_of(path, source)] = tuple(sorted(names))
    return found


def read_rows(source: Path = SOURCE) -> list[Row]:
    """Return the rows of all modules in ``tasks``, those with typed results first."""
    rows: list[Row] = []
    for path in sorted((source / "tasks").glob("*.py")):
        if path.stem not in NOT_TASKS:
            module = import_module(f"onnxhub.tasks.{path.stem}")
            rows += [Row(path.stem, task) for task in getattr(module, "TASKS", None) or (module.TASK,)]
    return sorted(rows, key=lambda row: (row.task.raw, row.module))


def render(text: str, region: str, made: str) -> str:
    """Return a file's text with this between the markers of a region.

    Raises:
        ValueError: the markers are not there, once each.
    """
    pattern = rf"(^ *{BEGIN} {region}\b[^\n]*\n)(.*?)(^ *{END} {region}\n)"
    now, count = re.subn(pattern, lambda match: match[1] + made + match[3], text, flags=re.MULTILINE | re.DOTALL)
    if count != 1 or now.count(f"{BEGIN} {region}") != 1:
        raise ValueError(f"a file has the lines {BEGIN} {region} and {END} {region}, once each and in this order")
    return now


def render_all(source: Path = SOURCE) -> dict[Path, str]:
    """Return each file with generated regions -> its text of today."""
    names, rows = public_names(source), read_rows(source)
    homes = {name: module for module, published in names.items() for name in published}
    typed = [row for row in rows if not row.task.raw]
    regions = {
        "__init__.py": {"names": _package(names)},
        "_contracts/architectures.py": {"endings": _architectures(rows)},
        "_contracts/built_in.py": {"names": _built_in(rows)},
        "_api/load.py": {
            "types": _types(typed, homes),
            "overloads": "".join(_overload(row, LOAD, "") for row in typed),
        },
        "testing.py": {
            "types": _types(typed, homes),
            "overloads": "".join(_overload(row, CANNED, "    ") for row in typed),
        },
    }
    found: dict[Path, str] = {}
    for place, made in regions.items():
        path = source / place
        text = path.read_text(encoding="utf-8")
        for region, part in made.items():
            text = render(text, region, part)
        found[path] = text
    return found


def main() -> None:
    """Say what is stale, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write what is stale")
    write = parser.parse_args().write
    stale = [(path, text) for path, text in render_all().items() if path.read_text(encoding="utf-8") != text]
    if write:
        for path, text in stale:
            path.write_text(text, encoding="utf-8")
    elif stale:
        files = ", ".join(path.relative_to(ROOT).as_posix() for path, _ in stale)
        sys.exit(f"not up to date: {files}; make faces")
    table = [sys.executable, "-m", "tools.task_table", *(["--write"] if write else [])]
    sys.exit(subprocess.run(table, cwd=ROOT, check=False).returncode)  # in a process that reads what was written


def _is_publish(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "publish"


def _names_of(call: ast.expr, tree: ast.Module, path: Path) -> list[str]:
    """Return the names of ``publish(globals(), "A", "B")`` or ``publish(globals(), *__all__)``."""
    assert isinstance(call, ast.Call)
    given = call.args[1:]
    if len(given) == 1 and isinstance(given[0], ast.Starred) and ast.unparse(given[0]) == "*__all__":
        listed = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ]
        given = listed[0].elts if listed and isinstance(listed[0], ast.List) else given
    names = [node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if len(names) != len(given):
        raise ValueError(f"{path}: publish takes names as literals, or *__all__")
    return names


def _module_of(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(("onnxhub", *(part for part in parts if part != "__init__")))


def _package(names: Mapping[str, Sequence[str]]) -> str:
    """Return the imports for type checkers, the homes of the lazy names, and ``__all__``."""
    public = sorted([*PUBLIC_MODULES, *(name for published in names.values() for name in published)])
    imports = f"    from onnxhub import {', '.join(PUBLIC_MODULES)}\n" + _imports(names)
    homes = "".join(
        _wrap(f'    "{module}": ', [f'"{name}"' for name in names[module]], ",") for module in sorted(names)
    )
    exported = "".join(f'    "{name}",\n' for name in public)
    return f"if TYPE_CHECKING:\n{imports}\n_HOMES = {{\n{homes}}}\n\n__all__ = [\n{exported}]\n"


def _built_in(rows: Iterable[Row]) -> str:
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row.module, []).extend(f'"{name}"' for name in row.names)
    table = "".join(_wrap(f'    "{module}": ', names[module], ",") for module in names)
    return f"_NAMES: Final[Mapping[str, tuple[str, ...]]] = {{\n{table}}}\n"


def _architectures(rows: Iterable[Row]) -> str:
    endings = {row.task.name: row.task.architectures for row in rows if row.task.architectures}
    table = "".join(
        _wrap(f'    "{task}": ', [f'"{ending}"' for ending in endings[task]], ",") for task in sorted(endings)
    )
    return f"_ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {{\n{table}}}\n"


def _types(rows: Iterable[Row], homes: Mapping[str, str]) -> str:
    """Return the imports of what the overloads name."""
    used: dict[str, set[str]] = {}
    for row in rows:
        for name in re.findall(r"\w+", f"{_type_text(row.task.result)} {row.task.model.__name__}"):
            if name in homes:
                used.setdefault(homes[name], set()).add(name)
    return "if TYPE_CHECKING:\n" + _imports({module: sorted(names) for module, names in used.items()})


def _imports(names: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        _wrap(f"    from {module} import ", sorted(names[module], key=_import_order), "", optional_brackets=True)
        for module in sorted(names)
    )


def _import_order(name: str) -> tuple[bool, str]:
    """Return what ruff sorts names of an import by: classes before functions."""
    return not name[0].isupper(), name


def _wrap(beginning: str, items: Sequence[str], ending: str, *, optional_brackets: bool = False) -> str:
    """Return the line of a tuple or an import as ruff formats it: on one line, if it fits."""
    bare = ", ".join(items)
    inner = bare if optional_brackets else f"({bare},)" if len(items) == 1 else f"({bare})"
    line = f"{beginning}{inner}{ending}\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"{beginning}(\n" + "".join(f"        {item},\n" for item in items) + f"    ){ending}\n"


def _overload(row: Row, template: str, margin: str) -> str:
    names = ", ".join(f'"{name}"' for name in row.names)
    return indent(
        template.format(names=names, result=_type_text(row.task.result), model=row.task.model.__name__), margin
    )


def _type_text(kind: Any) -> str:
    """Return a type as the overloads write it."""
    if get_origin(kind) is Annotated:
        return _type_text(get_args(kind)[0])
    if get_origin(kind) is np.ndarray:
        return f"NDArray[np.{get_args(get_args(kind)[1])[0].__name__}]"
    if get_origin(kind) is not None:
        return f"{get_origin(kind).__name__}[{', '.join(map(_type_text, get_args(kind)))}]"
    return str(kind.__name__)


if __name__ == "__main__":
    main()
