"""Explains why the installed ONNX Runtime does not read a file: it is too new, unsafe, or damaged.

All of it runs after a failure, or in ``onnxhub inspect`` before a load; successful loads do not use it.
"""

from __future__ import annotations

import mmap
import re
from importlib import import_module
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.protobuf import Reader, write_header, write_varint
from onnxhub._backend.graphs.schema import MESSAGES
from onnxhub._backend.runtime.providers import import_onnxruntime
from onnxhub._process.signals import is_from_handler
from onnxhub.errors import IntegrityError, MissingDependencyError, TooNewError, UnsafeModelError, listing, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onnxhub._backend.graphs.schema import Message
    from onnxhub.errors import OnnxHubError

__all__ = ["check_support", "explain_failure"]

_IR: Final = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET: Final = re.compile(r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)", re.DOTALL)
_NO_OPERATOR: Final = ("is not a registered function/op", "No Op registered", "No opset import for domain")
_NO_KERNEL: Final = re.compile(r"Could not find an implementation for (\S+?)\((\d+)\)")
_NODE_OF_RUNTIME: Final = re.compile(
    r'In Node, .*?"com\.microsoft[^"]*", -?\d+\).*Error (Unrecognized attribute: .+|Node with schema.+ not in range.+)',
    re.DOTALL,
)
"""ONNX Runtime's own operators gain attributes and inputs without a new version."""
_ELEMENT_TYPE: Final = re.compile(r"Invalid tensor data type (1[7-9]|2\d|3[01])\b")
"""Types of less than 16 bits, of which newer versions have more."""
_OLDEST_OPSET: Final = 7
"""The oldest operator set that ONNX Runtime has kernels for."""
_MIXED: Final = re.compile(r"bound to different types \(tensor\(b?float|Type 'tensor\(b?float\d*\)' of input parameter")
_ADVICE: Final = (
    "; the program that wrote the graph mixed its float types, so that fetching it anew does not help: take another variant "
    "(dtype= or file=), or convert the model anew"
)
_OFFICIAL: Final = re.compile(
    r"(ai\.onnx(\.ml|\.training|\.preview\.training)?|com\.microsoft(\..+)?|com\.ms\.internal\..+)?"
)
"""The domains of ONNX and of ONNX Runtime."""
_LIBRARIES: Final = {"ai.onnx.contrib": "onnxruntime-extensions", "com.microsoft.extensions": "onnxruntime-extensions"}
"""Domain -> the package whose library has its operators."""
_WALKED: Final = frozenset({"model", "graph", "function", "node", "attribute"})
_DEEPEST: Final = 100
_BUILDS: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")

_BODY: Final = (
    b":5\n\x0e\n\x01x\n\x01x\x12\x01y\x22\x03Add\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01"
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01"
)
"""The field ``graph`` of a model: y = x + x, in float32."""


def explain_failure(path: Path, error: Exception) -> OnnxHubError:
    """Return the error for a file that ONNX Runtime refused, by what it said and what the file holds."""
    said = str(error)
    if too_new := _explain_version(path, said):
        return too_new
    reason = said.strip().partition("\n")[0]
    used = None if "INVALID_PROTOBUF" in said else _read_operators(path)
    if any(sign in said for sign in _NO_OPERATOR):
        return _explain_operators(path, reason, used)
    if later := _NODE_OF_RUNTIME.search(said) or _ELEMENT_TYPE.search(said):
        return _make_too_new_error(
            path, f"it has what this version does not know: {one_line(later[0] if later[1].isdecimal() else later[1])}"
        )
    kernel = _NO_KERNEL.search(said)
    if kernel and used and used.opsets.get("", _OLDEST_OPSET) >= _OLDEST_OPSET:
        wanted = f"it has no implementation of {kernel[1]}, version {kernel[2]}, for the types and the provider that are wanted; another version or provider may"
        return _make_too_new_error(path, wanted)
    advice = _ADVICE if _MIXED.search(said) else ""
    return IntegrityError(str(path), f"ONNX Runtime cannot load it: {reason}{advice}")


def check_support(path: Path) -> None:
    """Ask the installed ONNX Runtime whether it reads files of this IR version, these operator sets and operators.

    Raises:
        TooNewError: It does not, and a newer one may.
        UnsafeModelError: The file needs operators of another library.
        IntegrityError: The file is no ONNX model.
    """
    try:
        runtime = import_onnxruntime()
    except MissingDependencyError:
        return
    used = _read_operators(path)
    if used is None:
        return
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        runtime.InferenceSession(used.write_tiny_model(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base class, and only two of them count here
        if is_from_handler(error):
            raise
        if too_new := _explain_version(path, str(error)):
            raise too_new from error
    if used.list_unknown():
        raise _explain_operators(path, "", used)


def _explain_version(path: Path, said: str) -> TooNewError | None:
    """Return the error about an IR version or an operator set of later times, if that is what ONNX Runtime says."""
    if found := _IR.search(said):
        return _make_too_new_error(path, f"its IR version is {found[1]}, and this one reads up to {found[2]}")
    if found := _OPSET.search(said):
        return _make_too_new_error(
            path, f"it has version {found[1]} of the operators of {found[2]}, and this one reads up to {found[3]}"
        )
    return None


def _make_too_new_error(path: Path, wanted: str) -> TooNewError:
    package = _find_package()
    return TooNewError(
        str(path), package, str(import_onnxruntime().__version__), wanted, f"pip install --upgrade {package}"
    )


def _find_package() -> str:
    """Return the name by which pip knows the build of ONNX Runtime that is installed; its usual name where none can be read."""
    try:
        from importlib import metadata  # takes as long to import as all of this package; needed on this path alone

        installed = {
            name for name in _BUILDS if next(iter(metadata.Distribution.discover(name=name)), None) is not None
        }
    except (ImportError, OSError):  # no more files can be opened
        installed = set()
    return next((name for name in _BUILDS if name in installed), _BUILDS[0])


def _explain_operators(path: Path, reason: str, used: _Operators | None) -> OnnxHubError:
    """Return the error for operators that are not registered: of another library, of later times, or used wrongly."""
    if used is None:
        return UnsafeModelError(str(path), f"it needs operators that ONNX Runtime does not have: {reason}")
    unknown = used.list_unknown()
    foreign = sorted({domain for domain, _ in unknown if not _OFFICIAL.fullmatch(domain)})
    if foreign:
        named = listing(f"{domain}:{name}" for domain, name in unknown if domain in foreign)
        libraries = sorted({_LIBRARIES[domain] for domain in foreign if domain in _LIBRARIES})
        whose = f"{', '.join(libraries)}, whose" if libraries else "another package, whose"
        problem = f"it needs operators that ONNX Runtime does not have: {named}; they are of {whose} code would have to be loaded"
        return UnsafeModelError(str(path), problem)
    if unknown:
        named = listing(f"{domain or 'ai.onnx'}:{name}" for domain, name in unknown)
        return _make_too_new_error(
            path, f"it needs operators that this version does not have ({named}), and a newer one may"
        )
    later = listing(f"{name} (of version {first}, under version {own})" for name, first, own in used.list_later())
    problem = f"; it has operators of later operator sets than it declares: {later}" if later != "nothing" else ""
    return IntegrityError(str(path), f"ONNX Runtime cannot load it: {reason}{problem}")


def _list_known_operators() -> dict[tuple[str, str], int]:
    """Return (domain, name) of all operators of ONNX Runtime -> the operator set that introduced each."""
    known: dict[tuple[str, str], int] = {}
    for schema in import_module("onnxruntime.capi.onnxruntime_pybind11_state").get_all_operator_schema():
        key = (_normalize_domain(schema.domain), schema.name)
        known[key] = min(schema.since_version, known.get(key, schema.since_version))
    return known


def _normalize_domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _read_operators(path: Path) -> _Operators | None:
    """Return the operators that the file needs; None if it cannot be read."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _Operators(path, data)
            found.read(MESSAGES["model"], 0, len(data), 0)
            found.data = b""
            return found
    except (OSError, ValueError, IntegrityError, UnsafeModelError):
        return None


class _Operators(Reader):
    """The versions that a model declares, and the operators that it has."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        super().__init__(path, data)
        self.version = 0
        self.opsets: dict[str, int] = {}
        self.used: set[tuple[str, str]] = set()
        self.defined: set[tuple[str, str]] = set()
        """Functions of the model."""

    def read(self, message: Message, start: int, end: int, depth: int) -> None:
        """Walk over a message and those within it."""
        if depth > _DEEPEST:
            raise UnsafeModelError(str(self.path), f"its graphs are nested more than {_DEEPEST} messages deep")
        texts: dict[str, str] = {}
        for field, wire, begin, stop in self.fields(message, start, end):
            if field.type in _WALKED:
                self.read(MESSAGES[field.type], begin, stop, depth + 1)
            elif field.name in {"op_type", "name", "domain"}:
                texts[field.name] = self.text(begin, stop)
            elif field.name == "ir_version":
                self.version = next(self.numbers(wire, begin, stop), 0)
            elif field.name == "opset_import":
                self.read_operator_set(begin, stop)
        domain = _normalize_domain(texts.get("domain", ""))
        if message.name == "node":
            self.used.add((domain, texts.get("op_type", "")))
        elif message.name == "function":
            self.defined.add((domain, texts.get("name", "")))

    def read_operator_set(self, start: int, end: int) -> None:
        """Note an operator set that the model or a function of it declares: the latest counts."""
        domain, version = "", 0
        for field, wire, begin, stop in self.fields(MESSAGES["operator_set"], start, end):
            if field.name == "domain":
                domain = self.text(begin, stop)
            else:
                version = next(self.numbers(wire, begin, stop), 0)
        domain = _normalize_domain(domain)
        self.opsets[domain] = max(version, self.opsets.get(domain, version))

    def list_unknown(self) -> list[tuple[str, str]]:
        """Return domain and name of the operators that ONNX Runtime does not have."""
        return sorted(self.used - self.defined - _list_known_operators().keys())

    def list_later(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, first version and declared version of operators that are newer than the declared version."""
        known = _list_known_operators()
        for domain, name in sorted(self.used - self.defined):
            own = self.opsets.get(domain, 0)
            if known.get((domain, name), 0) > own:
                yield name, known[domain, name], own

    def write_tiny_model(self) -> bytes:
        """Write a model of this IR version and these operator sets that does nearly nothing."""
        sets = {"": _OLDEST_OPSET, **self.opsets}
        imports = [_encode_field(1, domain.encode()) + _encode_number(2, version) for domain, version in sets.items()]
        return _encode_number(1, self.version) + _BODY + b"".join(_encode_field(8, entry) for entry in imports)


def _encode_number(number: int, value: int) -> bytes:
    return write_varint(number << 3) + write_varint(value % 2**64)


def _encode_field(number: int, value: bytes) -> bytes:
    return write_header(number, len(value)) + value
