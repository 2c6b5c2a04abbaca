"""What a failed call means: whether to try elsewhere, whether it may have cost something.

litellm's exceptions end here; what leaves is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
from litellm import exceptions as theirs

from models.outage import Outage
from runtime.errors import SwitchyardError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    fault: str
    elsewhere: bool
    billed: bool


_NOT_SERVED = {"elsewhere": True, "billed": False}
# The first that fits counts: litellm's special cases are subclasses of the general ones.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], _Kind], ...] = (
    (
        (theirs.ContextWindowExceededError,),
        _Kind(fault="context_overflow", elsewhere=False, billed=False),
    ),
    ((theirs.ContentPolicyViolationError,), _Kind(fault="refused", elsewhere=False, billed=False)),
    ((theirs.PaymentRequiredError,), _Kind(fault="payment_required", **_NOT_SERVED)),
    (
        (theirs.BadRequestError, theirs.UnprocessableEntityError),
        _Kind(fault="bad_request", elsewhere=False, billed=False),
    ),
    (
        (theirs.AuthenticationError, theirs.PermissionDeniedError),
        _Kind(fault="unauthorised", **_NOT_SERVED),
    ),
    ((theirs.NotFoundError,), _Kind(fault="not_found", **_NOT_SERVED)),
    ((theirs.RateLimitError,), _Kind(fault="rate_limited", **_NOT_SERVED)),
    # An answer may have been under way, and paid for, when the time was up.
    (
        (theirs.Timeout, TimeoutError, httpx.TimeoutException),
        _Kind(fault="timeout", elsewhere=True, billed=True),
    ),
)
_BROKEN = _Kind(fault="broken_answer", elsewhere=True, billed=True)
_UNREACHABLE = _Kind(fault="unreachable", **_NOT_SERVED)
_SERVER = _Kind(fault="server_error", **_NOT_SERVED)


def classify(error: Exception, *, streaming: bool) -> Outage:
    """Our name for a failure. `streaming`: it came after the first piece of an answer.

    Our own errors are no failures of a deployment and must not be passed in.
    """
    assert not isinstance(error, SwitchyardError), "ours are raised on, not classified"
    kind = _Kind(fault="broken_stream", elsewhere=True, billed=True) if streaming else _kind(error)
    return Outage(
        kind.fault,
        _told(error),
        elsewhere=kind.elsewhere,
        billed=kind.billed,
        retry_after=_retry_after(error),
    )


def _kind(error: Exception) -> _Kind:
    causes = list(_chain(error))
    if any(isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout) for cause in causes):
        return _UNREACHABLE
    for types, kind in _KINDS:
        if isinstance(error, types):
            return kind
    status = getattr(error, "status_code", None)
    # litellm gives its own status 500 to whatever it could not read, a broken body for example.
    answered = not isinstance(error, theirs.APIConnectionError)
    return _SERVER if answered and isinstance(status, int) and status >= 500 else _BROKEN


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


def _retry_after(error: Exception) -> float | None:
    """Seconds from the header of that name; None without it or where it is a date."""
    for source in (
        getattr(error, "litellm_response_headers", None),
        getattr(getattr(error, "response", None), "headers", None),
    ):
        if isinstance(source, Mapping) and (value := source.get("retry-after")):
            try:
                return float(value)
            except ValueError:
                return None
    return None
