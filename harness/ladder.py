"""What follows a rejected attempt: again, a stronger tier, someone else, a person, or the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next attempt and the tier that makes it, or `fail`."""

    action: Literal["retry", "escalate", "hand_over", "ask", "fail"]
    """`hand_over`: another specialist makes one attempt. `ask`: a person is asked first, and the
    attempt is made with the answer."""
    tier: Literal["work", "plan"] = "work"


def after_rejection(attempts: int, limits: Limits, *, other: bool = False, asked: int = 0) -> Step:
    """The step after `attempts` rejected attempts (counted from 1, whoever made them).

    `other`: the specialist names another one to hand the task over to; it must say the same after
    every attempt of a task. `asked`: questions that were put to a person about this task.
    """
    own = limits.attempts + limits.escalations
    if attempts < limits.attempts:
        return Step(action="retry")
    if attempts < own:
        return Step(action="escalate", tier="plan")
    if other and attempts == own:
        return Step(action="hand_over")
    if asked < limits.asks:
        return Step(action="ask", tier="plan")
    return Step(action="fail")
