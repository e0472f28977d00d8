"""Every error that the library raises on purpose, in one tree.

    OnnxHubError
    ├── UnknownTaskError            (LookupError)        no task of that name
    ├── UnclearTaskError            (LookupError)        "auto" cannot tell what a model is for
    ├── ModelNotFoundError          (FileNotFoundError)  no such repository, revision, folder or file
    ├── NoOnnxFileError             (FileNotFoundError)  the repository has no ONNX file
    ├── VariantNotFoundError        (FileNotFoundError)  it has none of the wanted dtype or name
    ├── AmbiguousFileError          (ValueError)         it has several that fit
    ├── GatedModelError             (PermissionError)    the Hub wants a licence accepted, or a token
    ├── OfflineError                (ConnectionError)    not cached, and the Hub cannot be asked
    ├── IntegrityError              (OSError)            a file is damaged or incomplete
    ├── TooNewError                 (RuntimeError)       an installed package is too old for a file, which is whole
    ├── UnsafeModelError            (ValueError)         loading it could run code or read foreign files
    ├── ExportError                 (RuntimeError)       the conversion to ONNX failed
    ├── MissingDependencyError      (ImportError)        a package that this needs is not installed
    ├── ProviderUnavailableError    (RuntimeError)       the execution provider cannot run here
    ├── TaskMismatchError           (ValueError)         the model does not fit the task
    ├── InvalidOptionError          (ValueError)         an option or argument, with what it may be
    ├── UnknownOptionError          (TypeError)          an InvalidOptionError: no option or argument has this name
    ├── ClosedModelError            (ValueError)         the model was closed
    ├── TaskContractError           (AssertionError)     a task breaks what is promised of every task
    └── IndexedError                                     an input of a call, with its index:
        ├── InvalidInputError       (ValueError)         it cannot be used
        ├── OutOfMemoryError        (MemoryError)        it does not fit into memory, not even alone
        └── NonFiniteOutputError    (ArithmeticError)    the model gave NaN or infinity for it

Each class also inherits the built-in type that a caller would expect, keeps its arguments as attributes, pickles,
and says what was asked, what exists and what to do. The arguments are as they were given; the message is printable, of
bounded length and without credentials, whatever is in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Self

from onnxhub._strings.plain_text import plain, shorten, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal, TypeAlias

    Place: TypeAlias = Literal["list", "stream", "failure"]
    """Where an input stood that has an index; ``"failure"``: its error is a result, beside those of the others."""

__all__ = [
    "AmbiguousFileError",
    "ClosedModelError",
    "ExportError",
    "GatedModelError",
    "IndexedError",
    "IntegrityError",
    "InvalidInputError",
    "InvalidOptionError",
    "MissingDependencyError",
    "ModelNotFoundError",
    "NoOnnxFileError",
    "NonFiniteOutputError",
    "OfflineError",
    "OnnxHubError",
    "OutOfMemoryError",
    "ProviderUnavailableError",
    "TaskContractError",
    "TaskMismatchError",
    "TooNewError",
    "UnclearTaskError",
    "UnknownOptionError",
    "UnknownTaskError",
    "UnsafeModelError",
    "VariantNotFoundError",
]

LONGEST_FIELD = 4000
"""Characters of an argument that a message tells."""
LONGEST_NAME = 300
"""Characters of a name that are told: no file of a disk has more in one part of its path."""
MOSTLY = 0.65
"""The share of the letters of two words that are the same if one is the other with a typing error."""
NEARLY_ALL = 0.9
"""The same of two names of several words."""


class OnnxHubError(Exception):
    """Base of all errors of the library: ``except onnxhub.errors.OnnxHubError`` catches them all."""

    _written: ClassVar[tuple[str, ...]] = ()
    """Fields that ``_message`` writes by ``shorten``: those that are not of the library's making."""
    _with_lines: ClassVar[tuple[str, ...]] = ()
    """Fields whose newlines stay; those of another, such as a name, could make it look like another message."""

    def __post_init__(self) -> None:
        self.args: tuple[Any, ...] = self._values()

    def __str__(self) -> str:
        shown = self
        if is_dataclass(self):
            given = {field.name: getattr(self, field.name) for field in fields(self) if field.init}
            clean = {name: self._clean(name, value) for name, value in given.items() if name not in self._written}
            shown = replace(self, **clean)
        return plain(shown._message(), lines=bool(self._with_lines))  # noqa: SLF001  # it is of this class

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(shorten(value, 500) for value in self.args)})"

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        # OSError would drop every argument after the second.
        return type(self), self._values()

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, field.name) for field in fields(self)) if is_dataclass(self) else self.args

    def _message(self) -> str:
        """Return the message; the fields are clean already."""
        return super().__str__()

    def _clean(self, name: str, value: object) -> object:
        """Return a field's value as the message may have it."""
        if isinstance(value, tuple | list):
            return tuple(self._clean(name, part) for part in value)
        if value is None or isinstance(value, int | float):
            return value
        return plain(value, lines=True) if name in self._with_lines else plain(value, LONGEST_FIELD)


@dataclass(eq=False, repr=False)
class UnknownTaskError(OnnxHubError, LookupError):
    """No task has this name or alias."""

    task: str
    known: tuple[str, ...]
    hint: str = ""
    _written: ClassVar = ("task",)

    def _message(self) -> str:
        asked = shorten(self.task, 200)
        like_a_model = isinstance(self.task, str) and (":" in self.task or "/" in self.task)
        hint = f"; if it is a model, load('auto', {asked}) asks it for its task" if like_a_model else ""
        hint = f"; {self.hint}" if self.hint else hint
        known = ", ".join(self.known)
        others = "" if self.hint else "; one of another package is there once it is installed or registered"
        meant = "" if self.hint else nearest_by_words(self.task, self.known)
        return f"unknown task {asked}{meant}{hint}; the tasks are: {known}{others}"


@dataclass(eq=False, repr=False)
class UnclearTaskError(OnnxHubError, LookupError):
    """The task is "auto", and nothing of the model says what it is for."""

    model_id: str
    looked_at: tuple[str, ...]
    known: tuple[str, ...]
    hint: str = ""

    def _message(self) -> str:
        places, known, hint = ", ".join(self.looked_at), ", ".join(self.known), self.hint and f"{self.hint}; "
        return f"{self.model_id}: its task cannot be told from {places}; {hint}name it: one of {known}"


@dataclass(eq=False, repr=False)
class ModelNotFoundError(OnnxHubError, FileNotFoundError):
    """There is no such repository, revision, folder or file."""

    model_id: str
    reason: str

    def _message(self) -> str:
        return f"{self.model_id}: {self.reason}"


@dataclass(eq=False, repr=False)
class NoOnnxFileError(OnnxHubError, FileNotFoundError):
    """The repository or folder has no ONNX file."""

    model_id: str
    files: tuple[str, ...]
    hint: str

    def _message(self) -> str:
        return f"{self.model_id} has no ONNX file; it has: {listing(self.files)}; {self.hint}"


@dataclass(eq=False, repr=False)
class VariantNotFoundError(OnnxHubError, FileNotFoundError):
    """The repository has ONNX files, but none of the wanted dtype or name."""

    model_id: str
    wanted: str
    variants: tuple[str, ...]
    hint: str = ""

    def _message(self) -> str:
        found = f"it has: {listing(self.variants)}{self.hint and '; ' + self.hint}"
        return f"{self.model_id} has no ONNX file for {self.wanted}; {found}"


@dataclass(eq=False, repr=False)
class AmbiguousFileError(OnnxHubError, ValueError):
    """Several ONNX files of the repository fit what was asked."""

    model_id: str
    wanted: str
    candidates: tuple[str, ...]

    def _message(self) -> str:
        return (
            f"{self.model_id}: {len(self.candidates)} ONNX files fit {self.wanted}: {listing(self.candidates)}; "
            f"choose one with file={self.candidates[0]!r}"
        )


@dataclass(eq=False, repr=False)
class GatedModelError(OnnxHubError, PermissionError):
    """The repository is gated or private, and the Hub refused the token (or there was none)."""

    model_id: str
    reason: str
    url: str

    def _message(self) -> str:
        return f"{self.model_id}: {self.reason}: {self.url}"


@dataclass(eq=False, repr=False)
class OfflineError(OnnxHubError, ConnectionError):
    """Something is not in the cache, and the Hub is switched off, out of reach or failing."""

    model_id: str
    reason: str
    hint: str = ""

    def _message(self) -> str:
        return f"{self.model_id}: {self.reason}{self.hint and '; ' + self.hint}"


@dataclass(eq=False, repr=False)
class IntegrityError(OnnxHubError, OSError):
    """A file is damaged, incomplete or not what it should be."""

    path: str
    reason: str

    def _message(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(eq=False, repr=False)
class TooNewError(OnnxHubError, RuntimeError):
    """A file is whole, but has what the installed version of a package does not know: a newer one may."""

    path: str
    package: str
    installed: str
    wanted: str
    install: str

    def _message(self) -> str:
        return f"{self.path}: {self.package} {self.installed} is too old for it: {self.wanted}; {self.install}"


@dataclass(eq=False, repr=False)
class UnsafeModelError(OnnxHubError, ValueError):
    """Loading this file could run code, or read files outside the repository."""

    path: str
    reason: str

    def _message(self) -> str:
        return f"{self.path} is refused: {self.reason}"


@dataclass(eq=False, repr=False)
class ExportError(OnnxHubError, RuntimeError):
    """The conversion to ONNX, or to another precision, failed."""

    model_id: str
    reason: str
    target: str = "ONNX"
    _with_lines: ClassVar = ("reason",)

    def _message(self) -> str:
        return f"{self.model_id} could not be converted to {self.target}: {self.reason}"


@dataclass(eq=False, repr=False)
class MissingDependencyError(OnnxHubError, ImportError):
    """A package that this needs is not installed, or cannot be imported as it is installed."""

    package: str
    purpose: str
    install: str
    reason: str = ""
    """Why it cannot be imported; empty if it is not there."""

    @classmethod
    def of(cls, error: ImportError, package: str, purpose: str, install: str) -> Self:
        """Build the error about a failed import: of the package itself, or of something that it needs in turn."""
        absent = isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == package
        return cls(package, purpose, install, "" if absent else one_line(error))

    def _message(self) -> str:
        problem = f"cannot be imported ({self.reason})" if self.reason else "is not installed"
        return f"{self.purpose} needs {self.package}, which {problem}: {self.install}"


@dataclass(eq=False, repr=False)
class ProviderUnavailableError(OnnxHubError, RuntimeError):
    """The execution provider that was asked for cannot run here."""

    provider: str
    available: tuple[str, ...]
    hint: str
    _written: ClassVar = ("provider",)

    def _message(self) -> str:
        return f"provider {shorten(self.provider, 200)} cannot run here: {self.hint}; available: {', '.join(self.available)}"


@dataclass(eq=False, repr=False)
class TaskMismatchError(OnnxHubError, ValueError):
    """The model's graph, labels or tokenizer do not fit the task; all problems at once."""

    model_id: str
    task: str
    problems: tuple[str, ...]

    def _message(self) -> str:
        return f"{self.model_id} cannot be used for {self.task}: {'; '.join(self.problems)}"


class IndexedError(OnnxHubError):
    """An error about one input of a call; ``index`` is its position in the list (None: it was not in one)."""

    index: int | None

    def at(self, index: int | None, place: Place | None = None) -> Self:
        """Return the same error, about the input at ``index``.

        Args:
            index: Position in the list or the stream; None: it was the only input.
            place: Where an input with an index stood: it decides what the message advises.
        """
        del place
        return replace(self, index=index)  # type: ignore[type-var]  # each subclass is a dataclass


@dataclass(eq=False, repr=False)
class InvalidInputError(IndexedError, ValueError):
    """An input of a call cannot be used."""

    reason: str
    index: int | None = None

    @classmethod
    def with_advice(cls, reason: str, index: int | None, **advice: str) -> Self:
        """Build the error with what to do, which depends on where the input stands.

        Args:
            reason: What is wrong.
            index: Position of the input.
            advice: What follows the reason, of an input that is ``alone``, in a ``list`` or in a ``stream``.
        """
        error = cls(reason + advice.get("alone", ""), index)
        by_place = {place: reason + advice.get(place, "") for place in ("list", "stream", "failure")}
        vars(error)["_reasons"] = by_place
        return error

    def at(self, index: int | None, place: Place | None = None) -> Self:
        """Return the same error, about the input at ``index``, with the advice for its place."""
        reasons: Mapping[str, str] = vars(self).get("_reasons", {})
        moved = replace(self, index=index, reason=reasons.get(place or "", self.reason))
        # Kept for a failure, which is raised where its stream has come to it.
        vars(moved)["_reasons"] = {} if index is None else reasons
        return moved

    def _message(self) -> str:
        return self.reason if self.index is None else f"item {self.index}: {self.reason}"


@dataclass(eq=False, repr=False)
class InvalidOptionError(OnnxHubError, ValueError):
    """An option or argument has a value that it cannot have."""

    option: str
    value: object
    expected: str
    known: tuple[str, ...] = ()
    _written: ClassVar = ("value",)

    def _message(self) -> str:
        return f"{self.option}={shorten(self.value, 500)}: expected {self.expected}{nearest(self.value, self.known)}"


@dataclass(eq=False, repr=False)
class UnknownOptionError(InvalidOptionError, TypeError):
    """There is no option or argument of this name; a ``TypeError`` too, as Python raises one for any function."""


@dataclass(eq=False, repr=False)
class ClosedModelError(OnnxHubError, ValueError):
    """The model was closed, as Python says of a closed file: by a ``ValueError``."""

    def _message(self) -> str:
        return "the model was closed; load it again"


@dataclass(eq=False, repr=False)
class TaskContractError(OnnxHubError, AssertionError):
    """A task does not hold what onnxhub promises of every task; ``onnxhub.testing.check_task`` found it."""

    task: str
    contract: str
    """What holds for every task, in words."""
    found: str

    def _message(self) -> str:
        return f"the task {self.task} breaks a contract: {self.contract}. {self.found}"


@dataclass(eq=False, repr=False)
class OutOfMemoryError(IndexedError, MemoryError):
    """An input does not fit into the memory that is left, not even in a batch of its own."""

    reason: str
    index: int | None = None

    def _message(self) -> str:
        item = "" if self.index is None else f"item {self.index}: "
        return f"{item}there is not enough memory to run the model: {self.reason}"


@dataclass(eq=False, repr=False)
class NonFiniteOutputError(IndexedError, ArithmeticError):
    """The model gave NaN or infinity."""

    what: str = "scores"
    index: int | None = None

    def _message(self) -> str:
        item = "" if self.index is None else f"item {self.index}: "
        return f"{item}the model gave NaN or infinite {self.what}; is its ONNX file intact, and its dtype wide enough?"


def one_line(said: object) -> str:
    """Return the text of a value in a printable line, however many lines it has: for a log, or the end of a message."""
    return plain(" ".join(to_text(said).split()))


def nearest(name: object, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known name, else an empty text."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return ""
    matches = get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {shorten(matches[0], LONGEST_NAME)}?)" if matches else ""


def nearest_by_words(name: object, known: Iterable[str]) -> str:
    """Return what ``nearest`` does, for a name whose words are all nearly right.

    The names of tasks share words: ``image-feature-extraction`` looks like ``sparse-feature-extraction``, and is for
    something else.
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return ""
    alike = [other for other in known if _has_like_words(name.lower(), other.lower())]
    return nearest(name, alike)


def _has_like_words(name: str, other: str) -> bool:
    words, others = ([*filter(None, re.split(r"[\W_]+", text))] for text in (name, other))
    if len(words) != len(others):  # some are written together
        words, others = ["".join(words)], ["".join(others)]
        return get_close_matches(words[0], others, cutoff=NEARLY_ALL) != []
    return all(get_close_matches(word, [meant], cutoff=MOSTLY) for word, meant in zip(words, others, strict=True))


def listing(names: Iterable[str], most: int = 12) -> str:
    """Write the names in a line, cut after ``most`` of them."""
    names = list(names)
    more = f", ... ({len(names) - most} more)" if len(names) > most else ""
    return ", ".join(plain(name, LONGEST_NAME) for name in names[:most]) + more if names else "nothing"
