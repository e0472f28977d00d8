"""The error tree: whole, documented, and good to be sent to another process."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from onnxhub import Failure, errors
from onnxhub.errors import OnnxHubError
from tests.hostile import HOSTILE, orders_in

VALUES = {
    "looked_at": ("config.json", "the card"),
    "task": "text-classification",
    "model_id": "org/name",
    "reason": "because",
    "hint": "do that",
    "files": ("a.txt", "b.bin"),
    "variants": ("model.onnx (fp32)",),
    "candidates": ("a.onnx", "b.onnx"),
    "known": ("one", "two"),
    "available": ("cpu",),
    "problems": ("no labels", "no tokenizer"),
    "index": 7,
}
CLASSES = [getattr(errors, name) for name in errors.__all__]
RAISED = [cls for cls in CLASSES if cls not in {OnnxHubError, errors.IndexedError}]


def make(cls: type[OnnxHubError]) -> OnnxHubError:
    """An error with a value in every field."""
    return cls(**{field.name: VALUES.get(field.name, f"the {field.name}") for field in fields(cls)})


def tree() -> dict[str, str]:
    """Class -> built-in type, as the module's docstring draws them."""
    return dict(re.findall(r"─ (\w+) +(?:\((\w+)\))?", errors.__doc__ or ""))


def descendants(cls: type[OnnxHubError]) -> set[type[OnnxHubError]]:
    """The class and all below it that the library itself defines."""
    below = {cls}.union(*(descendants(child) for child in cls.__subclasses__()))
    return {one for one in below if one.__module__.startswith("onnxhub")}


def test_the_docstring_draws_the_whole_tree() -> None:
    """Every class of the library is exported, drawn, and in the tree."""
    assert descendants(OnnxHubError) == set(CLASSES)
    assert {*tree(), "OnnxHubError"} == set(errors.__all__)
    assert errors.__all__ == sorted(errors.__all__)


@pytest.mark.parametrize("cls", RAISED)
def test_each_is_the_built_in_type_that_one_expects(cls: type[OnnxHubError]) -> None:
    """Each also inherits the built-in type that the docstring names."""
    builtin = tree()[cls.__name__]
    assert builtin
    assert builtin in {base.__name__ for base in cls.__mro__ if base.__module__ == "builtins"}
    assert issubclass(cls, OnnxHubError)


@pytest.mark.parametrize("cls", RAISED)
@pytest.mark.parametrize("through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_each_pickles_and_copies(cls: type[OnnxHubError], through) -> None:
    """Class, attributes, arguments and message survive, of OSError's children too."""
    error = make(cls)
    again = through(error)
    assert type(again) is cls
    assert str(again) == str(error)
    assert again.args == error.args
    assert [getattr(again, field.name) for field in fields(cls)] == [
        getattr(error, field.name) for field in fields(cls)
    ]


@pytest.mark.parametrize("cls", RAISED)
def test_each_message_tells_all_that_is_known(cls: type[OnnxHubError]) -> None:
    """The text has every argument, and no wreck of an empty one."""
    error = make(cls)
    told = {"known"} if issubclass(cls, errors.InvalidOptionError) else set()  # only the nearest of them is told
    for field in fields(cls):
        value = getattr(error, field.name)
        if field.name not in told:
            assert all(str(one) in str(error) for one in (value if isinstance(value, tuple) else [value]))


def hostile(cls: type[OnnxHubError], text: str) -> OnnxHubError:
    """An error with this text in every field that can have one."""
    error = make(cls)
    for field in fields(cls):
        value = getattr(error, field.name)
        if not isinstance(value, int):
            error = replace(error, **{field.name: (text, text) if isinstance(value, tuple) else text})
    return error


@pytest.mark.parametrize("cls", RAISED)
def test_no_message_has_what_a_terminal_obeys(cls: type[OnnxHubError]) -> None:
    """Nor a secret, nor a line that looks like one of ours; whatever its arguments have, which stay as they are."""
    error = hostile(cls, HOSTILE)
    lines = cls is errors.ExportError  # it has the last lines of the exporter
    assert not orders_in(str(error), lines=lines)
    assert not orders_in(repr(error))
    assert not orders_in("".join(traceback.format_exception(error)), lines=True)
    if isinstance(error, errors.IndexedError):
        failure = Failure(0, error)
        assert not orders_in(repr(failure) + str(failure) + str(failure.to_dict()))
    assert all(value in (HOSTILE, (HOSTILE, HOSTILE), 7) for value in error.args)


@pytest.mark.alike
@pytest.mark.slow
@pytest.mark.parametrize("cls", RAISED)
def test_every_message_is_bounded(cls: type[OnnxHubError]) -> None:
    """Arguments of megabytes are cut, and the message says so."""
    error = hostile(cls, "x" * 5_000_000)
    assert len(str(error)) < 50_000
    assert len(repr(error)) < 5_000
    if fields(cls):
        assert "000 characters)" in str(error)


class Raising:
    """A value that cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (10**6001, "top_k=<int of 19,935 bits>: expected a number"),
        (Raising(), "top_k=<Raising instance at "),
        (np.zeros(10**6), "top_k=<ndarray of shape (1000000,), float64>: expected a number"),
        (list(range(100_000)), "top_k=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...]: expected a number"),
        ("https://user:secret@host", "top_k='https://***@host': expected a number"),
    ],
    ids=range(5),
)
def test_an_option_of_any_value_can_be_told(value: object, said: str) -> None:
    """One that is too large, that cannot be written, or that holds a password."""
    error = errors.InvalidOptionError("top_k", value, "a number")
    assert str(error).startswith(said)
    assert said.split(":", maxsplit=1)[0][len("top_k=") :] in repr(error)
    assert error.value is value


def test_an_error_of_another_package_is_clean_too() -> None:
    """A class that inherits from one of ours, with fields of its own or none."""

    class PlainError(OnnxHubError):
        """With arguments alone."""

    assert not orders_in(str(PlainError(HOSTILE)))
    assert str(PlainError("a text")) == "a text"


@pytest.mark.parametrize("cls", [errors.InvalidInputError, errors.NonFiniteOutputError])
def test_an_indexed_error_gets_its_index_later(cls: type[errors.IndexedError]) -> None:
    """`at` gives the same error about another input, and leaves the first alone."""
    error = cls("scores")
    moved = error.at(3)
    assert (error.index, moved.index, type(moved)) == (None, 3, cls)
    assert str(moved) == f"item 3: {error}"


def test_the_nearest_name_is_told() -> None:
    """A name that is nearly right gets a hint, another gets none."""
    known = ("question-answering", "token-classification")
    assert "did you mean 'question-answering'?" in str(errors.UnknownTaskError("Question_Answering", known))
    assert "did you mean" not in str(errors.UnknownTaskError("zzz", known))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("txt-classification", "text-classification"),
        ("Fill_Masks", "fill-mask"),
        ("fillmask", "fill-mask"),
        ("nre", "ner"),
        ("image-feature-extraction", None),
        ("node-classification", None),
        ("classification", None),
        ("x" * 400, None),
        (7, None),
    ],
)
def test_a_task_is_guessed_by_all_of_its_words(name: Any, meant: str | None) -> None:
    """A name that has a word in common with a task, and another that is far away, is for something else."""
    known = (
        "feature-extraction",
        "fill-mask",
        "ner",
        "sparse-feature-extraction",
        "text-classification",
        "token-classification",
    )
    assert errors.nearest_by_words(name, known) == (f" (did you mean '{meant}'?)" if meant else "")


def test_a_long_listing_is_cut() -> None:
    """A repository of thousands of files does not fill the screen."""
    message = str(errors.NoOnnxFileError("org/name", tuple(f"file{number}" for number in range(5000)), "hint"))
    assert len(message) < 250
    assert "(4988 more)" in message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'it'", name="it"), "a model needs it, which is not installed: do so"),
        (ModuleNotFoundError("No module named 'it.c'", name="it.c"), "a model needs it, which is not installed: do so"),
        (
            ModuleNotFoundError("No module named 'other'", name="other"),
            "cannot be imported (No module named 'other'): do so",
        ),
        (ImportError("libcublas.so.12: cannot open it"), "cannot be imported (libcublas.so.12: cannot open it): do so"),
    ],
)
def test_a_package_that_is_there_and_broken_is_not_said_to_be_absent(error: ImportError, said: str) -> None:
    """The message names what could not be imported."""
    assert str(errors.MissingDependencyError.of(error, "it", "a model", "do so")).endswith(said)
