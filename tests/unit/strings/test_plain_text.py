"""Text from outside: what is printed of it is printable, bounded, and tells no secret."""

from __future__ import annotations

import re
import traceback

import numpy as np
import pytest

from onnxhub._strings.plain_text import (
    ForeignError,
    drop_chain,
    hide_secrets,
    mask_credentials,
    plain,
    printable,
    shorten,
)
from onnxhub.errors import listing, nearest, one_line
from tests.hostile import HOSTILE, SECRETS, orders_in


class Raising:
    """Something that cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError(HOSTILE)


@pytest.mark.parametrize("text", ["", "plain", "naïve 東京 \U0001f600", "no\xa0break\u3000wide", "C:\\path"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Letters of every script, spaces of every width and backslashes are no danger."""
    assert printable(text) == plain(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [("\x1b[2J", "\\x1b[2J"), ("\x9b", "\\x9b"), ("\u202e", "\\u202e"), ("\ud800", "\\ud800"), ("\n\t", "\\n\\t")],
)
def test_what_a_terminal_obeys_is_written_as_python_escapes_it(text: str, written: str) -> None:
    """So that one sees what was there."""
    assert printable(text) == written


def test_newlines_stay_where_they_are_wanted() -> None:
    """Those alone: a carriage return would write over the line."""
    assert printable("a\nb\rc", lines=True) == "a\nb\\rc"


@pytest.mark.parametrize("write", [printable, plain, shorten, one_line, lambda text: listing([text])])
def test_nothing_that_a_terminal_obeys_is_left(write) -> None:
    """By none of the functions that messages are made with."""
    assert not orders_in(write(HOSTILE)) - set(SECRETS if write is printable else ())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:secret@host/path", "https://***@host/path"),
        ("https://secret@host", "https://***@host"),
        ("http://user:se@cret@host:3128", "http://***@host:3128"),
        ("http://user:se/cret@host:3128", "http://***@host:3128"),
        ("user:secret@proxy:3128", "user:***@proxy:3128"),
        ("token hf_AbCdEfGhIjKl refused", "token hf_*** refused"),
        ("Authorization: Basic dXNlcjpw", "Authorization: Basic ***"),
        ("{'authorization': 'Bearer abc'}", "{'authorization': 'Bearer ***'}"),
        ("bearer abc.def", "bearer ***"),
        (
            "https://cdn/x?Policy=abc&Signature=def&Key-Pair-Id=K",
            "https://cdn/x?Policy=***&Signature=***&Key-Pair-Id=K",
        ),
        ("https://cdn/x?X-Amz-Signature=abc", "https://cdn/x?X-Amz-Signature=***"),
    ],
)
def test_credentials_are_masked(text: str, masked: str) -> None:
    """Of addresses, headers and tokens, and the rest of the text stays."""
    assert mask_credentials(text) == masked
    assert mask_credentials(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/org/name@main", "https://host:8080/org/name@main", "pip install hf_transfer",
        "hf_hub_download", "hf_tokenizer=None", "write to a@b.org: no answer", "builtin:sentiment", "model.onnx?v=1",
        "https://host/x?revision=main",
    ],
)  # fmt: skip
def test_what_is_no_credential_stays(text: str) -> None:
    """Names, addresses and prose that look a little like one."""
    assert mask_credentials(text) == text


def test_a_secret_of_any_form_is_masked_where_it_is_known() -> None:
    """As the token of a mirror, which need not look like the Hub's."""
    assert mask_credentials("refused: my-secret", "my-secret", None, "") == "refused: ***"


def test_a_long_text_is_cut_and_its_length_told() -> None:
    """A message has thousands of characters at most."""
    assert plain("x" * 5_000_000, 10) == "xxxxxxxxxx… (5,000,000 characters)"
    assert shorten("x" * 5_000_000) == f"'{'x' * 60}'… (5,000,000 characters)"
    assert shorten(b"x" * 5_000_000).endswith("… (5,000,000 bytes)")


def test_a_credential_is_masked_before_the_text_is_cut() -> None:
    """Of an address without its end, nobody knows that it has a password."""
    address = f"{'x' * 40} https://user:{SECRETS[1]}@host/" + "y" * 900
    for write in (plain, shorten):
        assert SECRETS[1][:3] not in write(address, 60)
    assert SECRETS[1][:3] not in shorten([address])


@pytest.mark.parametrize(
    "text", ["a" * 2_000_000, ":@" * 500_000, "://" * 500_000, "hf_" * 500_000, "?token=" * 200_000]
)
def test_text_that_is_made_to_be_slow_is_read_a_few_times(text: str) -> None:
    """Work that grows with the square of these lengths would take minutes."""
    assert 0 < len(plain(text)) < 21_000


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (["a", 1], "['a', 1]"),
        (None, "None"),
        (10**6001, "<int of 19,935 bits>"),
        (np.zeros((1000, 1000)), "<ndarray of shape (1000, 1000), float64>"),
        (np.array([1, 2]), "array([1, 2])"),
        ({"a": {"b": [1]}}, "{'a': {'b': [1]}}"),
    ],
    ids=range(6),
)
def test_values_are_written_as_python_does(value: object, written: str) -> None:
    """But for those that are too large to be written."""
    assert shorten(value) == written


@pytest.mark.parametrize(
    "value", [list(range(10**6)), dict.fromkeys(range(10**5), "x" * 100), "x" * 10**6, 10**4000], ids=range(4)
)
def test_a_large_value_is_cut(value: object) -> None:
    """Whatever it is made of."""
    assert len(shorten(value)) < 120


def test_a_value_that_cannot_be_written_is_told_by_its_type() -> None:
    """An error about it is not lost for another one."""
    assert "Raising" in shorten(Raising())
    assert "Raising" in shorten([Raising()])
    assert plain(Raising()) == one_line(Raising()) == "<Raising>"


def test_names_are_bounded() -> None:
    """A hint for a name of a megabyte is not looked for, and a listing cuts each of its names."""
    assert nearest("x" * 10**6, ["x" * 10**6]) == ""
    assert len(listing(["x" * 10**6] * 100)) < 5000


def _fail(text: str, cause: BaseException | None) -> None:
    raise ValueError(text) from cause


def _raised(*texts: str) -> BaseException:
    """An error with these texts, caused by each other; the last one is raised last."""
    error: BaseException | None = None
    for text in texts:
        with pytest.raises(ValueError, match=re.escape(text[:5])) as raised:
            _fail(text, error)
        error = raised.value
    assert error is not None
    return error


def test_an_error_without_secrets_is_the_cause_itself() -> None:
    """Whoever debugs has the object."""
    error = _raised("refused", "no answer")
    assert hide_secrets(error, "token") is error


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_that_tells_a_secret_is_replaced(place: int) -> None:
    """Wherever in the chain it is told; type, text and traceback stay to be seen."""
    texts = ["first", "second", "third"]
    texts[place] = f"{texts[place]} my-secret {HOSTILE}"
    cause = hide_secrets(_raised(*texts), "my-secret")
    assert isinstance(cause, ForeignError)
    told = "".join(traceback.format_exception(cause))
    assert not orders_in(told, lines=True)
    assert "my-secret" not in told
    assert all(f"ValueError: {text}" in told for text in ("first", "second", "third"))
    assert told.count("raise ValueError(text) from cause") == 3


def test_an_error_without_its_chain_is_one_line_of_a_traceback() -> None:
    """It is the same object, so that its class and its attributes are there to be asked for."""
    error = _raised("first", "second")
    assert len(traceback.format_exception(error)) > 2
    assert drop_chain(error) is error
    assert traceback.format_exception(error) == ["ValueError: second\n"]


def test_a_chain_that_is_a_circle_ends() -> None:
    """Libraries make them."""
    error = _raised("my-secret")
    error.__context__ = other = KeyError("other")
    other.__context__ = error
    error.__suppress_context__ = False
    assert "my-secret" not in str(hide_secrets(error, "my-secret"))
