"""What follows a rejected attempt: try again, a stronger tier, or the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next attempt and the tier that makes it, or `fail`."""

    action: Literal["retry", "escalate", "fail"]
    tier: Literal["work", "plan"] = "work"


def after_rejection(attempts: int, limits: Limits) -> Step:
    """The step after `attempts` rejected attempts (counted from 1)."""
    if attempts < limits.attempts:
        return Step(action="retry")
    if attempts < limits.attempts + limits.escalations:
        return Step(action="escalate", tier="plan")
    return Step(action="fail")
