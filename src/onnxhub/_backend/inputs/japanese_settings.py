"""Reads how a Japanese tokenizer of BERT splits texts, from ``tokenizer_config.json`` and the files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onnxhub._backend.inputs.japanese_words import DICTIONARIES
from onnxhub._backend.inputs.tokenizer_bounds import check_tokens
from onnxhub._backend.inputs.tokenizer_config import (
    Family,
    check_settings,
    collect_special_tokens,
    parse_added_tokens,
)
from onnxhub._toolkit.json_files import whole_number
from onnxhub.errors import IntegrityError, UnsafeModelError, listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import tokenizers

    from onnxhub._backend.inputs.tokenizer import Files

__all__ = ["AddedTokens", "JapaneseSettings", "collect_added_tokens", "is_japanese", "read_settings", "read_vocabulary"]

FILE: Final = "tokenizer_config.json"
WORDS: Final = ("basic", "mecab", "sudachi", "jumanpp")
PIECES: Final = ("wordpiece", "character", "sentencepiece")
MOST_BYTES: Final = 32 * 2**20
"""Size of a vocabulary; real ones have a few hundred thousand bytes."""
MOST_ENTRIES: Final = 2_000_000
FAMILY: Final = Family(
    {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
)
_FLAGS: Final = ("do_lower_case", "do_word_tokenize", "do_subword_tokenize")
_UNUSED: Final = frozenset({"do_basic_tokenize", "sudachi_kwargs", "jumanpp_kwargs", "sp_model_kwargs"})
"""Keys that look as if they changed the tokens, and that the class does not read, or not for these kinds."""
_SPLITTING: Final = re.compile(r"do_\w+|\w+_kwargs|\w*(normaliz|tokenizer_type|split|trim_whitespace)\w*")
"""Keys that would change how a text is split, if the class knew them."""
_KNOWN: Final = frozenset(
    {
        *_FLAGS,
        *_UNUSED,
        "word_tokenizer_type",
        "subword_tokenizer_type",
        "mecab_kwargs",
        "never_split",
        "split_special_tokens",
    }
)


@dataclass(frozen=True, slots=True)
class JapaneseSettings:
    """How a text is split."""

    words: str
    """One of ``WORDS``; empty where texts are not split into words."""
    pieces: str
    """One of ``PIECES``; empty where words are not split."""
    lower_case: bool
    never_split: tuple[str, ...]
    dictionary: str
    """MeCab's."""
    normalizes: bool
    """Whether MeCab gets NFKC."""
    splits_special_tokens: bool


@dataclass(frozen=True)
class AddedTokens:
    """Tokens that are found in a text before it is split."""

    ids: Mapping[str, int]
    flags: Mapping[str, tokenizers.AddedToken]
    roles: Mapping[str, int]
    """Role of a special token, such as ``"cls_token"`` -> its id."""
    special: tuple[str, ...]


def is_japanese(options: Mapping[str, object], config: Mapping[str, object]) -> bool:
    """Tell whether the tokenizer's class is ``BertJapaneseTokenizer``."""
    name = options.get("tokenizer_class") or config.get("tokenizer_class")
    return isinstance(name, str) and name.removesuffix("Fast") == "BertJapaneseTokenizer"


def read_settings(options: Mapping[str, object]) -> JapaneseSettings:
    """Return what the configuration says.

    Raises:
        IntegrityError: A value is one that it cannot be, or a key would change the tokens and is not known.
        UnsafeModelError: MeCab would read a dictionary outside the repository.
    """
    check_settings(options, FILE)
    if unknown := [key for key in options if key not in _KNOWN and _SPLITTING.fullmatch(key)]:
        raise IntegrityError(
            FILE, f"{listing(unknown)} may change the tokens, and is not known to BertJapaneseTokenizer"
        )
    lower, splits_words, splits_pieces = (
        _read_flag(options, name, default=default) for name, default in zip(_FLAGS, (False, True, True), strict=True)
    )
    words = _read_choice(options, "word_tokenizer_type", "basic", WORDS) if splits_words else ""
    pieces = _read_choice(options, "subword_tokenizer_type", "wordpiece", PIECES)
    dictionary, normalizes = _read_mecab(options) if words == "mecab" else ("", False)
    return JapaneseSettings(
        words,
        pieces if splits_pieces else "",
        lower,
        _read_never_split(options),
        dictionary,
        normalizes,
        options.get("split_special_tokens") is True,
    )


def _read_flag(settings: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = settings.get(name, default)
    if not isinstance(value, bool):
        raise IntegrityError(FILE, f"{name} is {_quote(value)}, neither true nor false")
    return value


def _read_choice(settings: Mapping[str, object], name: str, default: str, choices: Sequence[str]) -> str:
    value = settings.get(name, default)
    if value not in choices:
        raise IntegrityError(FILE, f"{name} is {_quote(value)}, none of {listing(choices)}")
    return str(value)


def _read_never_split(options: Mapping[str, object]) -> tuple[str, ...]:
    value = options.get("never_split")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise IntegrityError(FILE, f"never_split is {_quote(value)}, not a list of words")
    check_tokens(value, FILE)
    return tuple(value)


def _read_mecab(options: Mapping[str, object]) -> tuple[str, bool]:
    """Return the dictionary, and whether MeCab gets NFKC."""
    value = options.get("mecab_kwargs")
    given = {} if value is None else value
    if not isinstance(given, Mapping):
        raise IntegrityError(FILE, f"mecab_kwargs is {_quote(given)}, not an object")
    if unknown := [key for key in given if key not in ("mecab_dic", "mecab_option", "normalize_text")]:
        raise IntegrityError(FILE, f"mecab_kwargs has {listing(unknown)}, which MecabTokenizer does not take")
    if given.get("mecab_option"):
        reason = (
            f"mecab_option is {_quote(given['mecab_option'])}, and MeCab's options name files of this machine; "
            f"mecab_dic takes {listing(DICTIONARIES)}"
        )
        raise UnsafeModelError(FILE, reason)
    dictionary = given.get("mecab_dic", "unidic_lite")
    if dictionary is None:
        reason = (
            f"mecab_dic is null: the dictionary of this machine, whichever that is; it takes {listing(DICTIONARIES)}"
        )
        raise UnsafeModelError(FILE, reason)
    if dictionary not in DICTIONARIES:
        raise IntegrityError(FILE, f"mecab_dic is {_quote(dictionary)}, none of {listing(DICTIONARIES)}")
    return str(dictionary), _read_flag(given, "normalize_text", default=True)


def read_vocabulary(path: Path) -> dict[str, int]:
    """Return the tokens of a ``vocab.txt`` and their ids: its lines; of equal ones, the last counts.

    Raises:
        IntegrityError: It is no text in UTF-8, empty, or larger than a vocabulary may be.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise IntegrityError(str(path), f"it has {size:,} bytes; a vocabulary may have {MOST_BYTES:,}")
    try:
        with path.open(encoding="utf-8") as file:
            vocabulary = {line.rstrip("\n"): index for index, line in enumerate(file)}
    except UnicodeDecodeError as error:
        raise IntegrityError(str(path), f"it is no text in UTF-8: {error}") from error
    if not 0 < len(vocabulary) <= MOST_ENTRIES:
        raise IntegrityError(
            str(path), f"it has {len(vocabulary):,} tokens; {MOST_ENTRIES:,} are the most, and one the least"
        )
    return vocabulary


def collect_added_tokens(files: Files, options: Mapping[str, object], vocabulary: Mapping[str, int]) -> AddedTokens:
    """Return the added tokens: the configuration's by their ids, then special tokens, new ones behind the vocabulary.

    Raises:
        IntegrityError: They have impossible values, or there is no token of a role that each text needs.
    """
    special_map = files.json("special_tokens_map.json") or {}
    check_settings(special_map, "special_tokens_map.json")
    declared = {token.content: (index, token) for index, token in parse_added_tokens(options).items()}
    if "added_tokens_decoder" not in options:
        declared |= _read_added(files.json("added_tokens.json") or {})
    known = {content: token for content, (_, token) in declared.items()}
    special = collect_special_tokens(FAMILY, options, special_map, known)
    ids = {content: index for content, (index, _) in declared.items()}
    flags = dict(known)
    following = len({**vocabulary, **ids})
    names = {role: str(getattr(token, "content", token)) for role, token in special.items()}
    for role, token in special.items():
        content = names[role]
        if not content or content in ids:
            continue
        ids[content] = vocabulary.get(content, following)
        following += content not in vocabulary
        flags[content] = _as_added(token)
    roles = {role: ids[content] for role, content in names.items() if content}
    if missing := [role for role in ("cls_token", "sep_token", "unk_token") if role not in roles]:
        raise IntegrityError(FILE, f"it has no {listing(missing)}, which each text needs")
    return AddedTokens(ids, flags, roles, tuple(dict.fromkeys(filter(None, names.values()))))


def _as_added(token: str | tokenizers.AddedToken) -> tokenizers.AddedToken:
    from tokenizers import AddedToken

    return AddedToken(token, normalized=False, special=True) if isinstance(token, str) else token


def _read_added(entries: Mapping[str, object]) -> dict[str, tuple[int, tokenizers.AddedToken]]:
    """Return what ``added_tokens.json`` of older repositories says: token -> id."""
    from tokenizers import AddedToken

    check_tokens(list(entries), "added_tokens.json")
    found: dict[str, tuple[int, AddedToken]] = {}
    for content, value in entries.items():
        index = whole_number(value)
        if index is None or index < 0:
            raise IntegrityError("added_tokens.json", f"the id of {content[:40]!r} is {_quote(value)}")
        found[content] = (index, AddedToken(content, normalized=True))
    return found


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
