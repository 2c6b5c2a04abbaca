"""Amounts and ceilings of money and tokens, and the ceilings that hold for every call unasked.

A run's ceilings are opened with it; those of one call, of a tenant's day and of everybody's day
come from a file of the operator and hold for every run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from ledger.words import storable
from runtime.errors import BudgetExceeded

Level = Literal["day", "tenant", "request", "job", "task", "call"]
FILE = "config/limits.yaml"
DAY = 86_400
# Begins the scope of a day. It sorts before all that a run's id may begin with.
_OF_DAY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What a call may take or has taken."""

    dollars: float = 0.0
    tokens: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(dollars=self.dollars + other.dollars, tokens=self.tokens + other.tokens)

    def beyond(self, other: Amount) -> Amount:
        """What this is more than the other, in each unit; zero where it is not."""
        return Amount(
            dollars=max(0.0, self.dollars - other.dollars),
            tokens=max(0, self.tokens - other.tokens),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """US dollars and tokens, prompts and answers together. By default there is none."""

    dollars: float = math.inf
    tokens: int | None = None

    @property
    def holds_anything(self) -> bool:
        return self.dollars < math.inf or self.tokens is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Ceilings that need not be opened."""

    call: Ceiling = Ceiling()
    """Of one model call, in its worst case."""
    day: Ceiling = Ceiling()
    """Of one UTC day, all tenants together."""
    tenants: Mapping[str, Ceiling] = field(default_factory=dict)
    """Of one UTC day, by tenant."""
    tenant: Ceiling = Ceiling()
    """Of every tenant that has none of its own."""

    def daily(self, tenant: str, at: float) -> dict[str, Ceiling]:
        """The scopes of a day that pay for a tenant's call, the widest first; none without a
        ceiling."""
        date = datetime.fromtimestamp(at, UTC).date().isoformat()
        found = {
            f"{_OF_DAY}{date}": self.day,
            f"{_OF_DAY}{date}/{storable(tenant)}": self.tenants.get(tenant, self.tenant),
        }
        return {scope: ceiling for scope, ceiling in found.items() if ceiling.holds_anything}

    def admit(self, amount: Amount) -> None:
        """Let a call through that may take so much.

        Raises:
            BudgetExceeded: it is more than one call may take.
        """
        if amount.dollars > self.call.dollars:
            raise exceeded("", "dollars", amount.dollars, ceiling=self.call.dollars)
        if self.call.tokens is not None and amount.tokens > self.call.tokens:
            raise exceeded("", "tokens", amount.tokens, ceiling=self.call.tokens)


def is_day(scope: str) -> bool:
    """Whether a scope is a day's, of one tenant or of all."""
    return scope.startswith(_OF_DAY)


def level_of(scope: str) -> Level:
    """What a scope is the budget of. The empty one is that of a call."""
    if not scope:
        return "call"
    if is_day(scope):
        return "tenant" if "/" in scope else "day"
    task = scope.partition(":")[2]
    if not task:
        return "request"
    return "task" if "/" in task and not task.endswith(":plan") else "job"


def exceeded(
    scope: str,
    unit: Literal["dollars", "tokens"],
    amount: float,
    *,
    ceiling: float,
    spent: float = 0.0,
    reserved: float = 0.0,
) -> BudgetExceeded:
    """The error of a call whose worst case does not fit, in words and figures."""
    level = level_of(scope)
    tenant, free_at = "", None
    if level in ("tenant", "day"):
        date, _, tenant = scope.removeprefix(_OF_DAY).partition("/")
        free_at = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() + DAY
    return BudgetExceeded(
        scope,
        allowed=ceiling,
        wanted=spent + reserved + amount,
        file=FILE,
        level=level,
        unit=unit,
        tenant=tenant,
        free_at=free_at,
        message=_told(scope, level, unit, ceiling, spent, reserved, amount),
        remedy=_remedy(level, unit, tenant, free_at),
    )


def _told(
    scope: str,
    level: Level,
    unit: str,
    ceiling: float,
    spent: float,
    reserved: float,
    amount: float,
) -> str:
    match level:
        case "call":
            whose = "one model call"
        case "day":
            whose = f"all tenants on {scope.removeprefix(_OF_DAY)} (UTC)"
        case "tenant":
            date, _, tenant = scope.removeprefix(_OF_DAY).partition("/")
            whose = f"tenant {tenant!r} on {date} (UTC)"
        case "request":
            whose = f"request {scope}"
        case "job" | "task":
            whose = f"{level} {scope.partition(':')[2]} of run {scope.partition(':')[0]}"
    books = (
        f": {_figure(unit, spent)} spent, {_figure(unit, reserved)} set aside for calls under way"
        if level != "call"
        else ""
    )
    return (
        f"The ceiling of {whose} is {_figure(unit, ceiling)}{books};"
        f" this call may take {_figure(unit, amount)}."
    )


def _remedy(level: Level, unit: str, tenant: str, free_at: float | None) -> str:
    if free_at is None:
        return f"Raise it in {FILE}, or ask for less."
    again = datetime.fromtimestamp(free_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    field = f"{unit}_per_day of tenant {tenant!r}" if level == "tenant" else f"day.{unit}"
    return f"It is free again at {again}; or raise {field} in {FILE}."


def _figure(unit: str, value: float) -> str:
    return f"${value:,.4f}" if unit == "dollars" else f"{value:,.0f} tokens"
