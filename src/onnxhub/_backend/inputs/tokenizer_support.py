"""Explains why the tokenizers library refuses a tokenizer.json: it is damaged, or of a later version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from onnxhub._toolkit import json_files
from onnxhub.errors import IntegrityError, TooNewError, listing, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxhub.errors import OnnxHubError

__all__ = ["explain_refusal"]

_COMPONENTS: Final = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pre_tokenizers",
    "model": "models",
    "post_processor": "processors",
    "decoder": "decoders",
}
"""Key of tokenizer.json -> the module whose classes are the types that it may have."""
_LISTS: Final = ("normalizers", "pretokenizers", "processors", "decoders")
"""Keys of types that have several components."""
_KEYS: Final = frozenset({"version", "truncation", "padding", "added_tokens", *_COMPONENTS})
_VERSION: Final = "1.0"
_NEW_VALUE: Final = "unknown variant"
_ANY_FAULT: Final = "did not match any variant"
"""The message of older versions about any fault in a component."""


def explain_refusal(path: str, error: BaseException) -> OnnxHubError:
    """Return the error for a file that tokenizers refused, by what the file holds and what the library knows."""
    import tokenizers

    said = one_line(error)
    damaged = IntegrityError(path, f"no tokenizer could be read from it: {said}")
    try:
        content: Any = json.loads(json_files.decode(Path(path).read_bytes()))
    except (OSError, ValueError, RecursionError):
        return damaged
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        return damaged
    unknown = list(_find_unknown(content, tokenizers))
    if not unknown and _NEW_VALUE in said:
        unknown = [said]
    if not unknown:
        newer = (
            f"; if the file is whole, a newer one than {tokenizers.__version__} may read it"
            if _ANY_FAULT in said
            else ""
        )
        return IntegrityError(damaged.path, f"{damaged.reason}{newer}")
    wanted = f"it has what this version does not know: {listing(unknown)}"
    return TooNewError(path, "tokenizers", str(tokenizers.__version__), wanted, "pip install --upgrade tokenizers")


def _find_unknown(content: dict[str, Any], library: Any) -> Iterator[str]:
    """Yield what the library does not know of the file: types of components, keys, the version of the format."""
    for key, module in _COMPONENTS.items():
        known = set(dir(getattr(library, module)))
        yield from (f"a {key} of type {kind!r}" for kind in _list_types(content.get(key)) if kind not in known)
    yield from (f"the key {key!r}" for key in content if key not in _KEYS)
    version = content.get("version", _VERSION)
    if version != _VERSION:
        yield f"version {version!r} of its format"


def _list_types(part: object) -> Iterator[str]:
    """Yield the types of a component and of the components within it."""
    waiting = [part]
    while waiting:
        component = waiting.pop()
        if isinstance(component, dict):
            if isinstance(kind := component.get("type"), str):
                yield kind
            waiting += [part for name in _LISTS if isinstance(inner := component.get(name), list) for part in inner]
