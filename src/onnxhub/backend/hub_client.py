"""The Hub over the network: the only place that imports huggingface_hub, by its public functions, when it is needed.

Whatever huggingface_hub and its HTTP library raise (requests up to 0.x, httpx from 1.0 on) becomes one of the library's
own errors here. Their messages name the file that failed and never quote the answer, so that no token gets into them.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from onnxhub.backend.hub_cache import Blob, Listing, is_commit
from onnxhub.errors import GatedModelError, IntegrityError, InvalidOptionError, ModelNotFoundError, OfflineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huggingface_hub.hf_api import RepoSibling

    from onnxhub.errors import OnnxHubError

__all__ = ["HubModel", "checked_token"]


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the Hub, and the token with which it is asked for."""

    model_id: str
    token: str | bool | None = field(default=None, repr=False)

    def listing(self, revision: str) -> Listing:
        """Ask for the commit that the revision means now, and for what it holds."""
        from huggingface_hub import HfApi, constants

        what = f"the list of files of revision {revision!r}"
        with self._translated(what, revision):
            info = HfApi(token=self.token).model_info(
                self.model_id, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
            )
        if info.sha is None or not is_commit(info.sha):
            raise OfflineError(self.model_id, f"{what}: the answer of {_endpoint()} names no commit")
        return Listing(info.sha, {sibling.rfilename: _blob(sibling) for sibling in info.siblings or ()})

    def download(self, name: str, commit: str, cache_dir: Path) -> Path:
        """Fetch one file of the commit into the cache."""
        from huggingface_hub import hf_hub_download

        with self._translated(name, commit):
            return Path(
                hf_hub_download(self.model_id, name, revision=commit, token=self.token, cache_dir=str(cache_dir))
            )

    @contextmanager
    def _translated(self, what: str, revision: str) -> Iterator[None]:
        from huggingface_hub import errors

        http_error = _http_error()
        # RuntimeError is what the Xet transfer raises, ValueError (of JSON) what a captive portal leads to; and both a
        # ValueError and an ImportError are what httpx raises of a proxy that it cannot use.
        foreign = (http_error, OSError, errors.EntryNotFoundError, RuntimeError, ValueError, ImportError)
        try:
            yield
        except foreign as exc:
            # huggingface_hub wraps most failures in "no local file found".
            cause = exc.__cause__ if isinstance(exc, errors.LocalEntryNotFoundError) and exc.__cause__ else exc
            if _is_of_this_machine(cause, http_error):
                raise
            raise self._refusal(cause, what, revision) or self._failure(cause, what) from exc

    def _refusal(self, exc: BaseException, what: str, revision: str) -> OnnxHubError | None:
        """What the Hub says no to, for the reasons that huggingface_hub tells apart."""
        from huggingface_hub import errors

        match exc:
            case errors.LocalTokenNotFoundError():
                return InvalidOptionError("token", True, "a token, since none is saved here: `hf auth login`")
            case errors.GatedRepoError():
                reason = "accept its licence on its page, and pass token= or log in with `hf auth login`"
                return GatedModelError(self.model_id, f"{what} is gated; {reason}", self._page)
            case errors.RepositoryNotFoundError():
                return ModelNotFoundError(self.model_id, self._no_such_repository)
            case errors.RevisionNotFoundError():
                return ModelNotFoundError(self.model_id, f"it has no branch, tag or commit {revision!r}")
            case errors.EntryNotFoundError():
                return ModelNotFoundError(self.model_id, f"{what} is not in revision {revision!r}")
        return None

    def _failure(self, exc: BaseException, what: str) -> OnnxHubError:
        """Everything else: another refusal, a cut download, a Hub or a network out of order."""
        status = _status(exc)
        if status in {401, 403}:
            reason = f"the Hub refuses {what} (HTTP {status}); does the token give access to it?"
            return GatedModelError(self.model_id, reason, self._page)
        # The second: of a part that was left behind and is as long as the file, nothing is left to ask for.
        if "Consistency check failed" in str(exc) or status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return IntegrityError(what, f"{self.model_id}: the download was cut, or the file has changed; try again")
        how = _root_cause(exc) if status is None else f"HTTP {status}"
        reason = f"{what} could not be fetched from {_endpoint()} ({how})"
        return OfflineError(self.model_id, reason, "try again later, or fetch the model beforehand")

    @property
    def _no_such_repository(self) -> str:
        if self.token:
            return f"{_endpoint()} has no such model, or the token gives no access to it"
        return f"{_endpoint()} has no such model; if it is private, pass token= or log in with `hf auth login`"

    @property
    def _page(self) -> str:
        return f"{_endpoint()}/{self.model_id}"


def checked_token(token: object) -> str | bool | None:
    """The token, if it can be sent in a header: an HTTP library that refuses it would quote it in its error.

    Raises:
        InvalidOptionError: It cannot; the token is not in the message.
    """
    if token is None or isinstance(token, bool):
        return token
    if isinstance(token, str) and token.isascii() and token.isprintable() and token and " " not in token:
        return token
    raise InvalidOptionError("token", "***", "a Hub token: printable ASCII without blanks")


def _blob(sibling: RepoSibling) -> Blob:
    return Blob(sibling.size, sibling.lfs.sha256 if sibling.lfs else sibling.blob_id)


def _http_error() -> type[Exception]:
    """The root of the HTTP library's own errors: RequestException of requests, HTTPError of httpx."""
    from huggingface_hub.errors import HfHubHTTPError

    return [cls for cls in HfHubHTTPError.mro() if issubclass(cls, Exception) and cls.__module__ != "builtins"][-1]


def _is_of_this_machine(exc: BaseException, http_error: type[BaseException]) -> bool:
    """Whether it is about the cache's disk (full, read-only): Python's own error says that best."""
    remote = isinstance(exc, (http_error, ConnectionError, TimeoutError))
    return isinstance(exc, OSError) and exc.errno is not None and not remote


def _status(exc: BaseException) -> int | None:
    """The HTTP status of the answer, if there was one; huggingface_hub lets the HTTP library's own errors through."""
    status = getattr(getattr(exc, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _root_cause(exc: BaseException) -> str:
    """The innermost error: "Connection refused" at the bottom of what the HTTP library wraps around it."""
    root = exc
    while (inner := root.__cause__ or root.__context__) is not None:
        root = inner
    if isinstance(exc, ImportError):
        return str(exc)
    if isinstance(root, OSError) and root.strerror:
        return f"{type(exc).__name__}: {root.strerror}"
    proxy = isinstance(root, ValueError) and not isinstance(root, json.JSONDecodeError)
    return type(exc).__name__ + (": is the address of a proxy wrong?" if proxy else "")


def _endpoint() -> str:
    """The Hub that is asked, without the credentials that the address of a mirror may hold."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
