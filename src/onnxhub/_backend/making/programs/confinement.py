"""Limits the files that a program may open: those it was given, Python with its packages, and a few of the system.

A repository must not make a program read anything else, whatever the libraries do with its settings. An audit hook sees
the files that Python opens; C++ and Rust open files by themselves, so a program gets a folder with nothing else in it.
"""

from __future__ import annotations

import mimetypes
import os
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from onnxhub._backend.making.programs import ForeignFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["confine"]

PACKAGES: Final = (
    "onnxhub",
    "huggingface_hub",
    "numpy",
    "onnx",
    "onnxruntime",
    "optimum",
    "sentencepiece",
    "tiktoken",
    "tokenizers",
    "torch",
    "transformers",
)
"""Packages that may lie anywhere: an editable install stays in the folder of its source."""
OF_A_PREFIX: Final = ("lib", "lib64", "share", "include", "bin")
SYSTEM: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
    "/etc/debian_version",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/os-release",
    "/etc/timezone",
    "/dev/full",
    "/dev/null",
    "/dev/random",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
)
KERNEL: Final = ("/proc", "/sys")
"""Folders whose files the kernel makes, unless they are links out of them."""
SECRET: Final = frozenset({"environ", "kcore", "kmem", "mem"})
CODE: Final = frozenset({".py", ".pyc", ".pyi", ".so"})


def confine(folders: Iterable[str]) -> None:
    """Make it a ``ForeignFileError`` from now on to open a file outside of these folders, Python and the system."""
    open_to_all = _resolve_forms(
        [*folders, *_list_prefixes(), *_list_packages(), *SYSTEM, *map(str, mimetypes.knownfiles)]
    )
    importable = _resolve_forms(path for path in sys.path if path)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event != "open":
            return
        opened = arguments[0]
        if not isinstance(opened, str | bytes | os.PathLike):
            return  # a number: it is open already
        path = os.fsdecode(opened)
        # The parent of a link is that of its target, which the text of a path does not show.
        path = os.path.realpath(path) if os.pardir in PurePath(path).parts else os.path.abspath(path)
        if not (_is_within(path, open_to_all) or _is_of_kernel(path) or _is_code(path, importable)):
            raise ForeignFileError(f"it makes transformers open {path}, which is no file of the model")

    sys.addaudithook(watch)


def _resolve_forms(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths as they are, and with their links resolved."""
    found = {form for path in paths for form in (os.path.abspath(path), os.path.realpath(path))}
    return tuple(found - {os.sep})


def _list_prefixes() -> Iterator[str]:
    """Yield the folders of Python and of the packages that are installed in it."""
    yield from sysconfig.get_paths().values()
    for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix):
        yield from (os.path.join(prefix, name) for name in OF_A_PREFIX)
        yield os.path.join(prefix, "pyvenv.cfg")
    for path in sys.path:
        if PurePath(path).name in {"site-packages", "dist-packages"} or path.endswith(".zip"):
            yield path


def _list_packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):  # it is not installed, or replaced in sys.modules
            continue
        yield from (spec and spec.submodule_search_locations) or ()


def _is_within(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root + os.sep) for root in roots)


def _is_of_kernel(path: str) -> bool:
    if not _is_within(path, KERNEL):
        return False
    real = os.path.realpath(path)
    return _is_within(real, KERNEL) and PurePath(real).name not in SECRET


def _is_code(path: str, importable: tuple[str, ...]) -> bool:
    """Tell whether a file is one of those that an import reads, in a folder that is not for packages alone."""
    for root in importable:
        if _is_within(path, (root,)):
            inner = PurePath(path).relative_to(root).parts
            if PurePath(path).suffix in CODE or "__pycache__" in inner[:-1]:
                return True
            if inner and inner[0].endswith((".dist-info", ".egg-info")):
                return True
    return False
