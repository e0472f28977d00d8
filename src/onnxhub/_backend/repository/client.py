"""The Hub over the network: this room alone imports huggingface_hub, when it is needed.

huggingface_hub finds out where a file is, and transfers its bytes; where they are written, and whether they are kept, is
decided here. Its own cache code names files by what the answers say, so an answer could have a file written anywhere.

Whatever huggingface_hub and its HTTP library raise (requests up to 0.x, httpx from 1.0 on) becomes one of the library's
own errors here. Their messages name the file that failed and never quote the answer, so that no token gets into them.
"""

from __future__ import annotations

import io
import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from onnxhub._backend.repository.advice import advise_of_name, advise_offline
from onnxhub._backend.repository.answers import MOST_JSON, Limits, call_within
from onnxhub._backend.repository.listing import read_listing
from onnxhub._process.signals import is_from_handler
from onnxhub._strings.plain_text import drop_chain, hide_secrets, printable
from onnxhub.errors import (
    GatedModelError,
    IntegrityError,
    InvalidOptionError,
    ModelNotFoundError,
    OfflineError,
    OnnxHubError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onnxhub._backend.repository.listing import Blob, Listing

T = TypeVar("T")

_log = logging.getLogger("onnxhub")

__all__ = ["HubModel", "check_token"]

_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Status codes that are worth another attempt."""
_RANGE_NOT_SATISFIABLE: Final = 416
_PAUSES: Final = (0.5, 1.5)
"""Seconds between the attempts at a listing."""
_SLACK: Final = 2**20
"""Bytes that an answer may have beyond the size of the file, since the answer may be an error instead."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the Hub, and the token with which it is asked for."""

    model_id: str
    token: str | bool | None = field(default=None, repr=False)
    maybe_folder: bool = False
    """Whether nothing is known of it, so that the id may have been meant for a folder."""

    @property
    def also(self) -> str:
        """What is said after the reason why the Hub does not give it: whether it is something else; may be empty."""
        return advise_of_name(self.model_id) if self.maybe_folder else ""

    def fetch_listing(self, revision: str) -> Listing:
        """Ask the Hub for the commit that the revision is now, and for its files.

        Raises:
            IntegrityError, UnsafeModelError: the answer has an invalid file name, digest, size or commit.
            OfflineError, ModelNotFoundError, GatedModelError, InvalidOptionError: see ``open_repository``.
        """
        what = f"the list of files of revision {revision!r}"
        limits = self._make_limits(what, MOST_JSON)
        answer = self._translate(
            lambda: call_within(limits, lambda session: self._ask(session, revision)), what, revision
        )
        return read_listing(answer, what, self.model_id, revision)

    def fetch(self, name: str, blob: Blob, commit: str, place: Path, *, plainly: bool = False) -> None:
        """Download one file of the commit to a path of ours; the caller compares it with its digest.

        Args:
            name: The file's path in the repository.
            blob: Its size and digest, as far as they are known.
            commit: The commit's hash.
            place: The file to write, which exists and is empty.
            plainly: Whether to do without Xet, which keeps pieces of files in a cache of its own.

        Raises:
            IntegrityError: the answer is of another commit, or of another size than the listing says.
            OfflineError, ModelNotFoundError, GatedModelError, InvalidOptionError: see ``open_repository``.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # it is in no __all__

        most = None if blob.size is None else blob.size + _SLACK
        url = hf_hub_url(self.model_id, name, revision=commit)

        def transfer() -> None:
            metadata = call_within(
                self._make_limits(name, most), lambda _session: get_hf_file_metadata(url, token=self.token)
            )
            self._check_commit(name, metadata.commit_hash, commit)
            size = blob.size if blob.size is not None else metadata.size
            headers = {**build_hf_headers(token=self.token), "Accept-Encoding": "identity"}
            if not plainly and size is not None and _is_xet(metadata.xet_file_data):
                _fetch_by_xet(metadata.xet_file_data, headers, place, size, name)
                return
            if _parse_origin(metadata.location) != _parse_origin(
                url
            ):  # a signed address elsewhere, which must not get the token
                headers.pop("authorization", None)
            call_within(
                self._make_limits(name, most),
                lambda _session: _fetch_plainly(metadata.location, headers, place, size, name),
            )

        self._translate(transfer, name, commit)

    def _ask(self, session: Any, revision: str) -> object:
        """Return the JSON of the Hub's answer about a revision; a Hub that is out of order for a moment is asked again."""
        from huggingface_hub import constants
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        url = f"{constants.ENDPOINT}/api/models/{self.model_id}/revision/{quote(revision, safe='')}?blobs=true"
        headers = {**build_hf_headers(token=self.token), "Accept-Encoding": "identity"}
        answer = session.get(url, headers=headers, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        for pause in _PAUSES:
            if answer.status_code not in _RETRIED:
                break
            time.sleep(pause)
            answer = session.get(url, headers=headers, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        hf_raise_for_status(answer)
        return json.loads(answer.content)

    def _check_commit(self, name: str, answered: str | None, asked: str) -> None:
        """Refuse a file of another commit; where a proxy leaves out the commit, the digest must tell."""
        if answered is not None and answered != asked:
            reason = f"{_read_endpoint()} was asked for commit {asked}, and answers with one of another commit"
            raise IntegrityError(name, f"{self.model_id}: {reason}")

    def _make_limits(self, what: str, most: int | None) -> Limits:
        return Limits(self.model_id, what, most)

    def _translate(self, call: Callable[[], T], what: str, revision: str) -> T:
        """Call the function; raise an error of ours if it fails, whose cause is one line without a token.

        The log has the whole traceback of the cause, at the level DEBUG.
        """
        from huggingface_hub import errors, get_token

        try:
            return call()
        except OnnxHubError:
            raise
        # An answer of any form may make huggingface_hub fail in any way; RuntimeError is what Xet raises, ValueError (of
        # JSON) what a captive portal leads to, and ValueError and ImportError what httpx raises of a proxy.
        except Exception as exc:
            # huggingface_hub wraps most failures in "no local file found".
            cause = exc.__cause__ if isinstance(exc, errors.LocalEntryNotFoundError) and exc.__cause__ else exc
            if is_from_handler(exc) or _is_of_this_machine(cause, _find_http_error()):
                raise
            error = self._explain_refusal(cause, what, revision) or self._explain_failure(cause, what)
            shown = hide_secrets(cause, self.token if isinstance(self.token, str) else get_token())
        _log.debug("%s: %s could not be fetched", self.model_id, what, exc_info=shown)
        # A hundred lines of HTTP libraries would hide the message. This is outside of the except clause, or its exception
        # would be shown as well.
        raise error from drop_chain(shown)

    def _explain_refusal(self, exc: BaseException, what: str, revision: str) -> OnnxHubError | None:
        """Return the error for a refusal that huggingface_hub has a class for; None for anything else."""
        from huggingface_hub import errors

        match exc:
            case errors.LocalTokenNotFoundError():
                return InvalidOptionError("token", True, "a token, since none is saved here: `hf auth login`")
            case errors.GatedRepoError():
                reason = "accept its licence on its page, and pass token= or log in with `hf auth login`"
                return GatedModelError(self.model_id, f"{what} is gated; {reason}{self.also}", self._page)
            case errors.RepositoryNotFoundError():
                return ModelNotFoundError(self.model_id, self._no_such_repository)
            case errors.RevisionNotFoundError():
                return ModelNotFoundError(self.model_id, f"it has no branch, tag or commit {revision!r}")
            case errors.EntryNotFoundError():
                return ModelNotFoundError(self.model_id, f"{what} is not in revision {revision!r}")
        return None

    def _explain_failure(self, exc: BaseException, what: str) -> OnnxHubError:
        """Return the error for everything else: another refusal, a cut download, a Hub or a network out of order."""
        status = _read_status(exc)
        if status in {401, 403}:
            reason = f"the Hub refuses {what} (HTTP {status}); does the token give access to it?{self.also}"
            return GatedModelError(self.model_id, reason, self._page)
        if "Consistency check failed" in str(exc) or status == _RANGE_NOT_SATISFIABLE:
            return IntegrityError(what, f"{self.model_id}: the download was cut, or the file has changed; try again")
        if isinstance(exc, RecursionError):
            return IntegrityError(what, f"{self.model_id}: the answer of {_read_endpoint()} is nested too deeply")
        how = _describe_cause(exc) if status is None else f"HTTP {status}"
        reason = f"{what} could not be fetched from {_read_endpoint()} ({how}){self.also}"
        return OfflineError(self.model_id, reason, f"try again later, or {advise_offline(self.model_id)}")

    @property
    def _no_such_repository(self) -> str:
        if self.token:
            return f"{_read_endpoint()} has no such model, or the token gives no access to it{self.also}"
        advice = "if it is private, pass token= or log in with `hf auth login`"
        return f"{_read_endpoint()} has no such model; {advice}{self.also}"

    @property
    def _page(self) -> str:
        return f"{_read_endpoint()}/{self.model_id}"


def check_token(token: object) -> str | bool | None:
    """Return the token if it can be sent in a header: an HTTP library that refused it would quote it in its error.

    Raises:
        InvalidOptionError: it cannot; the token is not in the message.
    """
    if token is None or isinstance(token, bool):
        return token
    if isinstance(token, str) and token.isascii() and token.isprintable() and token and " " not in token:
        return token
    raise InvalidOptionError("token", "***", "a Hub token: printable ASCII without blanks")


class _BoundedFile(io.FileIO):
    """A file that refuses to grow beyond its size: an answer may go on for ever."""

    def __init__(self, place: Path, most: int | None) -> None:
        super().__init__(place, "r+b")
        self._most = most

    def write(self, data: Any, /) -> int:
        """Write all of the bytes.

        Raises:
            _TooLongError: the file would get larger than it may be.
        """
        view = memoryview(data)
        if self._most is not None and self.tell() + len(view) > self._most:
            raise _TooLongError(f"Consistency check failed: more than {self._most} bytes came")
        written = 0
        while written < len(view):
            written += super().write(view[written:])
        return written


class _TooLongError(Exception):
    """More bytes came than the listing says."""


def _fetch_plainly(url: str, headers: dict[str, str], place: Path, size: int | None, name: str) -> None:
    from huggingface_hub.file_download import http_get

    with _BoundedFile(place, size) as file:
        http_get(url, file, headers=headers, expected_size=size, displayed_filename=printable(name))


def _fetch_by_xet(data: Any, headers: dict[str, str], place: Path, size: int, name: str) -> None:
    from huggingface_hub.file_download import xet_get

    xet_get(
        incomplete_path=place,
        xet_file_data=data,
        headers=headers,
        expected_size=size,
        displayed_filename=printable(name),
    )


def _is_xet(data: Any) -> bool:
    """Tell whether Xet has the file, can be used, and gets its permission from the Hub that was asked."""
    from importlib.util import find_spec

    from huggingface_hub import constants

    if data is None or constants.HF_HUB_DISABLE_XET or find_spec("hf_xet") is None:
        return False
    return _parse_origin(data.refresh_route) == _parse_origin(constants.ENDPOINT)


def _parse_origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2]


def _find_http_error() -> type[Exception]:
    """Return the root class of the HTTP library's errors: RequestException of requests, HTTPError of httpx."""
    from huggingface_hub.errors import HfHubHTTPError

    return [cls for cls in HfHubHTTPError.mro() if issubclass(cls, Exception) and cls.__module__ != "builtins"][-1]


def _is_of_this_machine(exc: BaseException, http_error: type[BaseException]) -> bool:
    """Tell whether an error is about the cache's disk (full, read-only), which Python's own error says best."""
    remote = isinstance(exc, (http_error, ConnectionError, TimeoutError))
    return isinstance(exc, OSError) and exc.errno is not None and not remote


def _read_status(exc: BaseException) -> int | None:
    """Return the HTTP status of the answer, if there was one; huggingface_hub lets the HTTP library's errors through."""
    status = getattr(getattr(exc, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _describe_cause(exc: BaseException) -> str:
    """Describe the innermost error, such as "Connection refused", which the HTTP library has wrapped."""
    from urllib.request import getproxies  # slow to import; the HTTP library has imported it

    root = exc
    while (inner := root.__cause__ or root.__context__) is not None:
        root = inner
    if isinstance(exc, ImportError):
        return str(exc)
    if isinstance(root, OSError) and root.strerror:
        return f"{type(exc).__name__}: {root.strerror}"
    proxy = getproxies() and isinstance(root, ValueError) and not isinstance(root, json.JSONDecodeError)
    return type(exc).__name__ + (": is the address of a proxy wrong?" if proxy else "")


def _read_endpoint() -> str:
    """Return the address of the Hub, without the credentials that the address of a mirror may have."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
