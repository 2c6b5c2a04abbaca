"""Which calls a person means by `--since` and `--until`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from ledger.spend_sums import Span
from runtime.errors import RequestError

_AGO = re.compile(r"(\d{1,5})([hdw])")
_SECONDS = {"h": 3_600, "d": 86_400, "w": 604_800}


def span_of(since: str, until: str, run: str = "", *, now: float | None = None) -> Span:
    """The span between two instants, each of which may be empty.

    Raises:
        RequestError: one of them is no day and no instant, or they are the wrong way round.
    """
    present = time.time() if now is None else now
    first, last = instant("since", since, present), instant("until", until, present)
    if first is not None and last is not None and first >= last:
        raise RequestError(
            "is not after `since`",
            field="until",
            value=until,
            remedy="Name an instant after the other; `until` itself does not count.",
        )
    return Span(since=first, until=last, run=run)


def instant(field: str, told: str, now: float) -> float | None:
    """Seconds since 1970; None of nothing. A day and an instant without zone are UTC."""
    if not told:
        return None
    if ago := _AGO.fullmatch(told):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(told)
    except ValueError as error:
        raise RequestError(
            "is no instant",
            field=field,
            value=told,
            remedy="Write a day (2026-11-30), an instant (2026-11-30T08:00), or how long ago: 12h,"
            " 7d, 4w.",
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
