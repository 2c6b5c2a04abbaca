"""A circuit breaker: after failures in a row nothing is sent for a while, then one call tries.

It keeps what is down, a tool server or a model's deployment, from costing every call a deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Of one target. `admit` before a call, then exactly one of the others, or `release`."""

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
        """The target did its work."""
        self.failed_in_a_row = 0
        self._probing = False

    def failed(self, rest: float = 0.0) -> None:
        """The target did not: it ended, hung, or answered nonsense.

        Args:
            rest: seconds for which the target itself asked to be left alone. Opens the breaker at
                once, for that long, where it is more than 0.
        """
        self.failed_in_a_row = max(self.failed_in_a_row + 1, self._limit if rest > 0 else 0)
        self._probing = False
        if self.failed_in_a_row >= self._limit:
            self._until = self._clock() + (rest or self._seconds)

    def release(self) -> None:
        """A call ended before it could tell anything; the next one may try."""
        self._probing = False
