"""What a caller is told while a tool server's breaker is open, and how long a start is put off."""

from __future__ import annotations

from runtime.breaker import Breaker
from runtime.errors import ServerUnavailable

_LONGEST_PAUSE = 30.0


def refusal(breaker: Breaker, server: str, pause: float, last: str) -> ServerUnavailable:
    """What a call is told that is not let through for so many seconds; `last` is the reason."""
    last = f" The last time: {last}" if last else ""
    again = f" It is tried again in {pause:.0f} s." if pause else " Another call tries it now."
    return ServerUnavailable(
        server,
        f"It failed {breaker.failed_in_a_row} times in a row, so that nothing is sent to it for a"
        f" while.{last}",
        remedy=f"Go on without it.{again}",
    )


def backoff(failures: int) -> float:
    """Seconds to wait before a start, after so many failed ones in a row: 0, 0.5, 1, 2 to 30."""
    return min(_LONGEST_PAUSE, 0.5 * 2 ** min(failures - 2, 10)) if failures > 1 else 0.0
