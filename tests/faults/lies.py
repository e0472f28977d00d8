"""What a hostile Hub answers, and what a hostile copy of a cache holds: each field with each trick."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.hub_server import HubServer, Lie

__all__ = ["FILES", "TRICKS", "lies"]

FILES: Final = {"config.json": b'{"labels": 2}', "onnx/model.onnx": b"m" * 5_000}
UP: Final = "../../../../../"
DEEP: Final = json.loads("[" * 200 + "]" * 200)
MISSING: Final = object()
TRICKS: Final[dict[str, Any]] = {
    "missing": MISSING, "null": None, "list": [], "object": {}, "number": 5, "negative": -1, "huge": 2**70, "fraction": 0.5,
    "true": True, "empty": "", "deep": DEEP, "pattern": f"{UP}Documents/*.", "star": "*", "stars": "a**b", "group": "(folder)",
    "up": f"{UP}Documents/thesis.txt", "absolute": "/HOME/Documents/thesis.txt", "windows": "..\\..\\Documents\\thesis.txt",
    "drive": "C:\\Documents\\thesis.txt", "zero": "a\0b", "escape": "\x1b]0;title\x07\x1b[2J", "surrogate": "\ud800",
    "device": "/dev/zero", "capitals": "A" * 40, "short": "a" * 39, "wrong": "a" * 40, "long": "b" * 5_000,
}  # fmt: skip
"""What is in the place of a value."""
FIELDS: Final = ("sha", "siblings", "rfilename", "size", "blobId", "lfs", "lfs.sha256", "lfs.size")
HEADERS: Final = ("ETag", "X-Linked-Etag", "X-Repo-Commit", "X-Linked-Size", "X-Xet-Hash", "Content-Length", "Location")
NAMES: Final = (
    "refs", "blobs/x", ".no_exist/x", "onnxhub/main.json", "CON", "aux.txt", "a:b", "dot.", "config.json/", "./config.json",
    "a//b", "../config.json", "snapshots/../../x", "trees/x.json", ".locks/x", "CONFIG.JSON", "config.json ", "x" * 300,
    "a/" * 600 + "b", "cafe\u0301.json", "\u202egnp.json",
)  # fmt: skip
"""Of one more file in the listing."""


def lies() -> Iterator[tuple[str, Callable[[HubServer, str], Lie]]]:
    """Every lie by its name; a repository is added to the Hub for each, and the lie made for it."""
    for field in FIELDS:
        for name, value in TRICKS.items():
            yield f"{field}={name}", _in_listing(_set(field, value))
    for header in HEADERS:
        for name, value in TRICKS.items():
            if value is MISSING or (isinstance(value, str) and value.isprintable()):
                yield f"{header}: {name}", _in_header(header, value)
    for name in NAMES:
        yield f"one more: {name[:20]!r}", _in_listing(_add(name))
    yield "twice", _in_listing(_add("config.json"))
    yield "10 MB", _in_listing(_set("blobId", "c" * 10_000_000))
    yield "nested", _whole_listing(b"[" * 1_000_000)
    yield "a bomb", _whole_listing(gzip.compress(b" " * 200_000_000), {"Content-Encoding": "gzip"})
    yield "a list", _whole_listing(b"[1, 2]")
    yield "other digits", _whole_listing(b'{"sha": ' + b"9" * 10_000 + b"}")
    for name, body in {"empty": b"", "short": b"m" * 10, "long": b"m" * 3_000_000, "other": b"n" * 5_000}.items():
        yield f"body {name}", _in_body(body)
    yield "zipped", _in_body(gzip.compress(b"m" * 50_000_000), {"Content-Encoding": "gzip"})
    yield "asks to wait", _in_status(429, {"Retry-After": "3600"})
    yield (
        "not found, elsewhere",
        _in_status(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": f"{UP}Documents/x"}),
    )


def _set(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(listing: dict[str, Any]) -> None:
        large = next(sibling for sibling in listing["siblings"] if "lfs" in sibling)
        inner = {"sha": listing, "siblings": listing, "lfs.sha256": large["lfs"], "lfs.size": large["lfs"]}
        places = [inner[field]] if field in inner else [large] if field == "lfs" else listing["siblings"]
        for place in places:
            place[field.rpartition(".")[2]] = value
            if value is MISSING:
                del place[field.rpartition(".")[2]]

    return change


def _add(name: str) -> Callable[[dict[str, Any]], None]:
    def change(listing: dict[str, Any]) -> None:
        data = FILES["config.json"]
        digest = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        listing["siblings"].append({"rfilename": name, "size": len(data), "blobId": digest})

    return change


def _in_listing(change: Callable[[dict[str, Any]], None]) -> Callable[[HubServer, str], Lie]:
    def made(hub: HubServer, model_id: str) -> Lie:
        def lie(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
            if not path.startswith("/api/") or not body:
                return status, headers, body
            listing = json.loads(body)
            change(listing)
            changed = json.dumps(listing).encode()
            return status, {**headers, "Content-Length": str(len(changed))}, changed

        return lie

    return made


def _whole_listing(body: bytes, more: dict[str, str] | None = None) -> Callable[[HubServer, str], Lie]:
    def lie(method: str, path: str, status: int, headers: dict[str, str], was: bytes) -> Any:
        if not path.startswith("/api/"):
            return status, headers, was
        return status, {**headers, **(more or {}), "Content-Length": str(len(body))}, body

    return lambda hub, model_id: lie


def _in_header(header: str, value: Any) -> Callable[[HubServer, str], Lie]:
    def lie(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
        if path.startswith("/api/"):
            return status, headers, body
        kept = {name: text for name, text in headers.items() if name != header or header == "Content-Length"}
        return status, kept if value is MISSING else {**headers, header: value}, body

    return lambda hub, model_id: lie


def _in_body(body: bytes, more: dict[str, str] | None = None) -> Callable[[HubServer, str], Lie]:
    def lie(method: str, path: str, status: int, headers: dict[str, str], was: bytes) -> Any:
        if path.startswith("/api/") or method == "HEAD" or status != 200:
            return status, headers, was
        return status, {**headers, **(more or {}), "Content-Length": str(len(body))}, body

    return lambda hub, model_id: lie


def _in_status(status: int, more: dict[str, str]) -> Callable[[HubServer, str], Lie]:
    def lie(method: str, path: str, was: int, headers: dict[str, str], body: bytes) -> Any:
        return (was, headers, body) if path.startswith("/api/") else (status, {**headers, **more}, body)

    return lambda hub, model_id: lie
