"""What a failed call means: whether to try elsewhere, whether it may have cost something.

litellm's exceptions end here; what leaves is ours. A status that the provider really sent decides
before litellm's reading of it, which differs from vendor to vendor.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import httpx
from litellm import exceptions as theirs

from models.outage import FORBIDDEN, NOT_FOUND, OVERFLOW, Outage
from models.transport import BrokenEvent, NotAnAnswer, Oversized
from models.wall import Redirected
from runtime.errors import SwitchyardError


@dataclass(frozen=True, slots=True)
class _Kind:
    fault: str
    elsewhere: bool
    """Another deployment may fare better."""
    billed: bool
    """An answer may have been under way, and paid for."""
    again: bool = False
    """The same deployment may fare better in a moment."""


_OVERFLOW = _Kind(OVERFLOW, elsewhere=True, billed=False)
_REFUSED = _Kind("refused", elsewhere=False, billed=False)
_BAD_REQUEST = _Kind("bad_request", elsewhere=False, billed=False)
_UNAUTHORISED = _Kind("unauthorised", elsewhere=True, billed=False)
_FORBIDDEN = _Kind(FORBIDDEN, elsewhere=True, billed=False)
_NOT_FOUND = _Kind(NOT_FOUND, elsewhere=True, billed=False)
_RATE_LIMITED = _Kind("rate_limited", elsewhere=True, billed=False, again=True)
# 503 and 529 say that nothing was begun. Any other may come after the model has worked, as that of
# a gateway that did not wait for it.
_BUSY = _Kind("server_error", elsewhere=True, billed=False, again=True)
_SERVER = _Kind("server_error", elsewhere=True, billed=True, again=True)
_UNREACHABLE = _Kind("unreachable", elsewhere=True, billed=False, again=True)
_REDIRECTED = _Kind("redirected", elsewhere=True, billed=False)
_CERTIFICATE = _Kind("certificate", elsewhere=True, billed=False)
_TIMEOUT = _Kind("timeout", elsewhere=True, billed=True)
_BROKEN = _Kind("broken_answer", elsewhere=True, billed=True, again=True)
_BROKEN_STREAM = _Kind("broken_stream", elsewhere=True, billed=True, again=True)
_TOO_LONG = _Kind("too_long", elsewhere=True, billed=True)
_NO_ANSWER = _Kind("broken_answer", elsewhere=True, billed=True)

_BY_STATUS = {
    401: _UNAUTHORISED,
    402: _Kind("payment_required", elsewhere=True, billed=False),
    403: _FORBIDDEN,
    404: _NOT_FOUND,
    408: _TIMEOUT,
    429: _RATE_LIMITED,
    503: _BUSY,
    529: _BUSY,
}
_MODERATED = re.compile(
    r"\bmoderat|content[ _-](?:policy|filter|management)"
    r"|\b(?:input|prompt|content|message|request)s?\b.{0,40}\bflagged\b",
    re.IGNORECASE,
)
"""A 403 over what was asked, not over who asks. Not any `policy`: clouds have those of access."""
# What litellm tells by the provider's words, since the status is 400 for all of them.
_BY_WORDS: tuple[tuple[type[BaseException], _Kind], ...] = (
    (theirs.ContextWindowExceededError, _OVERFLOW),
    (theirs.ContentPolicyViolationError, _REFUSED),
)
# Where no status is to be had, as with client libraries that are not httpx.
_BY_TYPE: tuple[tuple[tuple[type[BaseException], ...], _Kind], ...] = (
    ((theirs.AuthenticationError,), _UNAUTHORISED),
    ((theirs.PermissionDeniedError,), _FORBIDDEN),
    ((theirs.NotFoundError,), _NOT_FOUND),
    ((theirs.RateLimitError,), _RATE_LIMITED),
    ((theirs.BadRequestError, theirs.UnprocessableEntityError), _BAD_REQUEST),
    ((theirs.Timeout, TimeoutError, httpx.TimeoutException), _TIMEOUT),
)
# What tells by itself, whatever litellm made of it.
_BY_CAUSE: tuple[tuple[tuple[type[BaseException], ...], _Kind], ...] = (
    ((Oversized,), _TOO_LONG),
    ((NotAnAnswer,), _NO_ANSWER),
    ((BrokenEvent,), _BROKEN_STREAM),
    ((Redirected,), _REDIRECTED),
    ((aiohttp.ClientSSLError, ssl.SSLCertVerificationError), _CERTIFICATE),
)
_NO_CONNECTION = (aiohttp.ClientConnectorError, ConnectionRefusedError, httpx.ConnectTimeout)


def classify(error: Exception, *, streaming: bool) -> Outage:
    """Our name for a failure. `streaming`: it came after a piece of the answer was heard.

    Our own errors are no failures of a deployment and must not be passed in.
    """
    assert not isinstance(error, SwitchyardError), "ours are raised on, not classified"
    causes = list(_chain(error))
    kind = _plain(causes) or (_BROKEN_STREAM if streaming else _kind(error, causes))
    return Outage(
        kind.fault,
        _told(error),
        elsewhere=kind.elsewhere,
        billed=kind.billed,
        again=kind.again,
        retry_after=_retry_after(causes),
    )


def _plain(causes: list[BaseException]) -> _Kind | None:
    for types, kind in _BY_CAUSE:
        if any(isinstance(cause, types) for cause in causes):
            return kind
    return None


def _kind(error: Exception, causes: list[BaseException]) -> _Kind:
    found = _named(error, causes)
    return _REFUSED if found is _FORBIDDEN and _MODERATED.search(str(error)) else found


def _named(error: Exception, causes: list[BaseException]) -> _Kind:
    for type_, kind in _BY_WORDS:
        if isinstance(error, type_):
            return kind
    status = _status(causes)
    if status is not None:
        return _BY_STATUS.get(status, _SERVER if status >= 500 else _BAD_REQUEST)
    if any(isinstance(cause, _NO_CONNECTION) for cause in causes):
        return _UNREACHABLE
    return next((kind for types, kind in _BY_TYPE if isinstance(error, types)), _BROKEN)


def _status(causes: list[BaseException]) -> int | None:
    """The error status of the provider's own response."""
    for cause in causes:
        if isinstance(cause, httpx.HTTPStatusError):
            return cause.response.status_code
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _told(error: Exception) -> str:
    """The provider's words, without the bookkeeping that litellm adds below them."""
    text = str(error).split("\n\n", 1)[0].strip()
    return (text or type(error).__name__)[:500]


def _retry_after(causes: list[BaseException]) -> float | None:
    """Seconds from the header of that name; None without it."""
    for cause in causes:
        for headers in (
            getattr(cause, "litellm_response_headers", None),
            getattr(getattr(cause, "response", None), "headers", None),
        ):
            if isinstance(headers, Mapping) and (value := headers.get("retry-after")):
                return _seconds(value)
    return None


def _seconds(value: str) -> float | None:
    """Of a Retry-After, which is a number of seconds or a date."""
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date without a zone is one in UTC, by the standard of mail and HTTP alike.
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(tz=UTC)).total_seconds())
