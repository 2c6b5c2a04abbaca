"""A circuit breaker: after failures in a row nothing is sent for a while, then one call tries.

It keeps a server that is down from costing every call its whole deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from runtime.errors import ServerUnavailable

_LONGEST_PAUSE = 30.0

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Of one session. `admit` before a call, then exactly one of the others, or `release`."""

    def __init__(
        self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.failed_in_a_row = 0
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._until = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        """`half-open`: one call is trying, or the next one will."""
        if self.failed_in_a_row < self._limit:
            return "closed"
        return "open" if self._clock() < self._until and not self._probing else "half-open"

    def admit(self) -> float | None:
        """None lets a call through, as the one that tries where the breaker is half open.

        Else the seconds until a call is let through; 0 while another one is trying.
        """
        match self.state:
            case "closed":
                return None
            case "open":
                return self._until - self._clock()
            case "half-open" if self._probing:
                return 0.0
            case _:
                self._probing = True
                return None

    def succeeded(self) -> None:
        """The server did its work."""
        self.failed_in_a_row = 0
        self._probing = False

    def failed(self) -> None:
        """The server did not: it ended, hung, or answered nonsense."""
        self.failed_in_a_row += 1
        self._probing = False
        if self.failed_in_a_row >= self._limit:
            self._until = self._clock() + self._seconds

    def release(self) -> None:
        """A call ended before it could tell anything; the next one may try."""
        self._probing = False

    def refusal(self, server: str, pause: float, last: str) -> ServerUnavailable:
        """What a call is told that is not let through for so many seconds; `last` is the reason."""
        last = f" The last time: {last}" if last else ""
        again = f" It is tried again in {pause:.0f} s." if pause else " Another call tries it now."
        return ServerUnavailable(
            server,
            f"It failed {self.failed_in_a_row} times in a row, so that nothing is sent to it for a"
            f" while.{last}",
            remedy=f"Go on without it.{again}",
        )


def backoff(failures: int) -> float:
    """Seconds to wait before a start, after so many failed ones in a row: 0, 0.5, 1, 2 to 30."""
    return min(_LONGEST_PAUSE, 0.5 * 2 ** min(failures - 2, 10)) if failures > 1 else 0.0
