"""A Hugging Face Hub on the loopback interface, for an unmodified huggingface_hub with ``HF_ENDPOINT``.

It keeps repositories with commits, branches and tags, and answers what the client asks when it lists and downloads:
model info, trees, refs, and files by ``resolve`` with ETags, ranges and, for large files, a redirect to a second host
as to the real Hub's CDN. It can gate, hide, fail and hang up, and remembers every request::

    with HubServer() as hub:
        commit = hub.add("org/name", {"config.json": b"{}", "onnx/model.onnx": data}, private=True, token="hf_secret")
        hub.fail("onnx/model.onnx", status=500)
        ...
        assert not any(request.authorization for request in hub.requests if request.host == "cdn")
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

import onnxhub

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["LISTING", "HubServer", "Request", "run_python"]

LISTING: Final = "the listing"
"""What to give to ``HubServer.fail`` in place of a file, for the requests that list a repository."""

_LARGE: Final = (".onnx", ".onnx_data", ".data", ".bin", ".safetensors")
_ID: Final = r"(?P<id>[\w.-]+(?:/[\w.-]+)?)"
_API: Final = re.compile(rf"/api/models/{_ID}(?:/revision/(?P<revision>[^/]+))?")
_TREE: Final = re.compile(rf"/api/models/{_ID}/tree/(?P<revision>[^/]+)")
_REFS: Final = re.compile(rf"/api/models/{_ID}/refs")
_RESOLVE: Final = re.compile(rf"/{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_CDN: Final = re.compile(r"/cdn/(?P<sha>[0-9a-f]{64})/(?P<path>.+)")

Files = Mapping[str, bytes]
Lie = Callable[[str, str, int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]
"""Method, path, status, headers and body of an answer -> what is answered in its place."""
Host = Literal["hub", "cdn"]
_HOSTS: Final[tuple[Host, ...]] = ("hub", "cdn")


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    host: Host
    path: str
    authorization: bool


@dataclass
class _Commit:
    sha: str
    files: Files

    def siblings(self) -> list[dict[str, object]]:
        return [{"rfilename": name, **_metadata(name, data)} for name, data in self.files.items()]

    def tree(self) -> list[dict[str, object]]:
        entries = []
        for name, data in self.files.items():
            metadata = _metadata(name, data)
            entries.append({"type": "file", "path": name, "oid": metadata.pop("blobId"), **metadata})
        return entries


@dataclass
class _Repository:
    gated: bool
    private: bool
    token: str | None
    commits: dict[str, _Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, revision: str) -> _Commit | None:
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(sha)


@dataclass
class _Failure:
    status: int | None
    after: int
    times: int | None
    methods: tuple[str, ...]


class HubServer:
    """The server; a context manager."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.repositories: dict[str, _Repository] = {}
        self.failures: dict[str, _Failure] = {}
        self.large: dict[str, bytes] = {}
        self.lies: dict[str, Lie] = {}
        self.pauses: dict[str, float] = {}
        self.header_pause = 0.0
        self._servers = {host: _Server(self, host) for host in _HOSTS}
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,)) for server in self._servers.values()
        ]

    @property
    def endpoint(self) -> str:
        """The value for ``HF_ENDPOINT``."""
        return f"http://127.0.0.1:{self._servers['hub'].server_port}"

    @property
    def cdn(self) -> str:
        """The other host, to which large files are redirected."""
        return f"http://localhost:{self._servers['cdn'].server_port}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def add(
        self,
        model_id: str,
        files: Files | Path,
        *,
        gated: bool = False,
        private: bool = False,
        token: str | None = None,
        branch: str = "main",
    ) -> str:
        """Add a repository, or a new commit to the branch of one; gives the commit's hash."""
        contents = dict(files) if isinstance(files, Mapping) else _read(files)
        repository = self.repositories.setdefault(model_id, _Repository(gated, private, token))
        repository.gated, repository.private, repository.token = gated, private, token
        history = [*repository.commits, model_id, *sorted(contents), *(contents[name] for name in sorted(contents))]
        sha = hashlib.sha1(repr(history).encode()).hexdigest()
        repository.commits[sha] = _Commit(sha, contents)
        repository.branches[branch] = sha
        self.large.update({_sha256(data): data for name, data in contents.items() if _is_large(name)})
        return sha

    def tag(self, model_id: str, tag: str, commit: str | None = None) -> None:
        """Tag a commit, by default that of ``main``."""
        repository = self.repositories[model_id]
        repository.tags[tag] = commit or repository.branches["main"]

    def fail(
        self, path: str, *, status: int = 500, times: int | None = None, methods: tuple[str, ...] = ("HEAD", "GET")
    ) -> None:
        """Answer requests for the file (or for ``LISTING``) with the status and some HTML; ``times`` None: always."""
        self.failures[path] = _Failure(status, 0, times, methods)

    def drop(self, path: str, *, after: int, times: int | None = None) -> None:
        """Hang up in the middle of a file, when ``after`` bytes of it have been sent."""
        self.failures[path] = _Failure(None, after, times, ("GET",))

    def lie(self, model_id: str, lie: Lie) -> None:
        """Change every answer about a repository, those of the other host about its large files included."""
        self.lies[model_id] = lie

    def trickle(self, path: str, pause: float) -> None:
        """Send a file (or ``LISTING``) byte by byte, with so many seconds between two of them."""
        self.pauses[path] = pause

    def failure(self, method: str, path: str, *, drop: bool) -> _Failure | None:
        """The failure that is due for this request."""
        found = self.failures.get(path)
        if found is None or method not in found.methods or (found.status is None) != drop or found.times == 0:
            return None
        if found.times is not None:
            found.times -= 1
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing the server waits for every answer, and no socket is left open

    def __init__(self, hub: HubServer, host: Host) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.host: Host = host


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: ``HubServer.requests`` is the log."""

    @property
    def hub(self) -> HubServer:
        return self.server.hub

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        authorization = "Authorization" in self.headers
        self.hub.requests.append(Request(self.command, self.server.host, path, authorization))
        if self.hub.header_pause:
            self.trickle_headers(self.hub.header_pause)
            return
        raw = urlsplit(self.path).path
        for pattern, reply in self.routes():
            match = pattern.fullmatch(raw)
            if match:
                parts = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                reply(parts)
                return
        self.error(HTTPStatus.NOT_FOUND, "", "Not Found")

    def routes(self) -> list[tuple[re.Pattern[str], Callable[[dict[str, str]], None]]]:
        if self.server.host == "cdn":
            return [(_CDN, self.large_file)]
        return [(_RESOLVE, self.resolve), (_TREE, self.tree), (_REFS, self.refs), (_API, self.model_info)]

    def model_info(self, parts: dict[str, str]) -> None:
        found = self.find(parts, LISTING)
        if found is None:
            return
        repository, commit = found
        query = parse_qs(urlsplit(self.path).query)
        siblings = commit.siblings() if "blobs" in query else [{"rfilename": name} for name in commit.files]
        self.reply_json(
            {
                "_id": "0" * 24,
                "id": parts["id"],
                "modelId": parts["id"],
                "sha": commit.sha,
                "private": repository.private,
                "gated": "auto" if repository.gated else False,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": siblings,
            }
        )

    def tree(self, parts: dict[str, str]) -> None:
        found = self.find(parts, LISTING)
        if found is not None:
            self.reply_json(found[1].tree())

    def refs(self, parts: dict[str, str]) -> None:
        found = self.find(parts, LISTING)
        if found is not None:
            repository = found[0]
            named = {"branches": repository.branches, "tags": repository.tags}
            kinds = {
                kind: [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha} for name, sha in refs.items()]
                for kind, refs in named.items()
            }
            self.reply_json({**kinds, "converts": []})

    def resolve(self, parts: dict[str, str]) -> None:
        name = parts["path"]
        found = self.find(parts, name)
        if found is None:
            return
        repository, commit = found
        data = commit.files.get(name)
        if repository.gated and not self.admitted(repository):
            status = HTTPStatus.FORBIDDEN if "Authorization" in self.headers else HTTPStatus.UNAUTHORIZED
            self.error(status, "GatedRepo", f"Access to model {parts['id']} is restricted.")
        elif data is None:
            self.error(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit.sha})
        elif _is_large(name):
            self.redirect(parts["id"], name, data, commit)
        else:
            headers = {"ETag": f'"{_git_blob(data)}"', "X-Repo-Commit": commit.sha}
            self.reply_file(name, data, headers)

    def redirect(self, model_id: str, name: str, data: bytes, commit: _Commit) -> None:
        sha = _sha256(data)
        headers = {
            "Location": f"{self.hub.cdn}/cdn/{sha}/{quote(name)}?of=/{model_id}/",
            "X-Repo-Commit": commit.sha,
            "X-Linked-Etag": f'"{sha}"',
            "X-Linked-Size": str(len(data)),
        }
        self.reply(HTTPStatus.FOUND, b"", headers)

    def large_file(self, parts: dict[str, str]) -> None:
        failure = self.hub.failure(self.command, parts["path"], drop=False)
        data = self.hub.large.get(parts["sha"])
        if failure is not None:
            self.reply(failure.status or 500, b"<html>out of order</html>", {"Content-Type": "text/html"})
        elif data is None:
            self.error(HTTPStatus.NOT_FOUND, "", "Not Found")
        else:
            self.reply_file(parts["path"], data, {"ETag": f'"{parts["sha"]}"'})

    def find(self, parts: dict[str, str], what: str) -> tuple[_Repository, _Commit] | None:
        """The repository and the commit, unless an error has been answered."""
        failure = None if _is_large(what) else self.hub.failure(self.command, what, drop=False)
        repository = self.hub.repositories.get(parts["id"])
        commit = None if repository is None else repository.commit(parts.get("revision", "main"))
        if failure is not None:
            self.reply(failure.status or 500, b"<html>out of order</html>", {"Content-Type": "text/html"})
        elif repository is None or (repository.private and not self.admitted(repository)):
            status = HTTPStatus.NOT_FOUND if "Authorization" in self.headers else HTTPStatus.UNAUTHORIZED
            self.error(status, "RepoNotFound", "Repository not found")
        elif commit is None:
            self.error(HTTPStatus.NOT_FOUND, "RevisionNotFound", "Invalid rev id")
        else:
            return repository, commit
        return None

    def admitted(self, repository: _Repository) -> bool:
        return repository.token is not None and self.headers.get("Authorization") == f"Bearer {repository.token}"

    def reply_file(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        """The whole file, or the part of it that a Range header asks for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = {**headers, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if asked is None:
            self.reply(HTTPStatus.OK, data, headers, name)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        status = HTTPStatus.PARTIAL_CONTENT if first < len(data) else HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        self.reply(status, data[first : last + 1], headers, name)

    def reply_json(self, value: object) -> None:
        self.reply(HTTPStatus.OK, json.dumps(value).encode(), {"Content-Type": "application/json"}, LISTING)

    def trickle_headers(self, pause: float) -> None:
        """Send headers that have no end, byte by byte."""
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
            for _ in range(round(10 / pause)):
                self.wfile.write(b"x")
                time.sleep(pause)

    def error(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        named = {"X-Error-Code": code} if code else {}
        body = json.dumps({"error": message}).encode()
        self.reply(status, body, {**named, "X-Error-Message": message, **(headers or {})})

    def reply(self, status: int, body: bytes, headers: dict[str, str], name: str = "") -> None:
        self.close_connection = True
        headers = {**headers, "Content-Length": str(len(body)), "Connection": "close"}
        for model_id, lie in self.hub.lies.items():
            if f"/{model_id}/" in unquote(self.path):
                status, headers, body = lie(self.command, self.path, status, headers, body)
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        failure = self.hub.failure(self.command, name, drop=True)
        body = body if failure is None else body[: failure.after]
        pause = self.hub.pauses.get(name)
        if pause is None:
            self.wfile.write(body)
            return
        with contextlib.suppress(ConnectionError):  # whoever asked has had enough
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(pause)


def run_python(code: str, home: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the code in a process of its own, without a token and with a Hub cache in ``home``.

    huggingface_hub reads its environment when it is imported, so that tests cannot set it in their own process.
    """
    command = [sys.executable, "-W", "error", "-c", code]
    clean = clean_environment(home, env)
    return subprocess.run(command, env=clean, cwd=home, capture_output=True, text=True, timeout=120, check=False)


def clean_environment(home: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that has ``home`` for its own, and finds the package where this one does."""
    root = Path(__file__).resolve().parent.parent
    tested = Path(onnxhub.__file__).parent.parent  # the checkout's, or that of the installed wheel
    passed = ("PATH", "SYSTEMROOT", "TMPDIR", "LANG", "COVERAGE_PROCESS_CONFIG")
    kept = {name: os.environ[name] for name in passed if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "HF_HOME": str(home / "huggingface"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": os.pathsep.join([str(tested), str(root)]),
        **(env or {}),
    }


def _read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _is_large(name: str) -> bool:
    return name.endswith(_LARGE) or ".onnx" in name


def _metadata(name: str, data: bytes) -> dict[str, object]:
    metadata: dict[str, object] = {"size": len(data), "blobId": _git_blob(data)}
    if _is_large(name):
        metadata["lfs"] = {"oid": _sha256(data), "sha256": _sha256(data), "size": len(data), "pointerSize": 134}
    return metadata


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
