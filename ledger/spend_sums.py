"""Sums of model calls over many runs: the questions that `switchyard cost` puts to the ledger.

They stand apart from `ledger.spend`, which writes a row in the middle of every call.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Integer,
    RowMapping,
    Select,
    String,
    case,
    cast,
    func,
    literal,
    select,
)

from ledger.address import Dialect
from ledger.schema import model_calls, runs

By = Literal["run", "specialist", "tier", "tenant", "day", "deployment", "label"]
"""What calls can be summed by. A day is one of UTC; label and tenant are those of the run."""

USED = ("ok", "cached")
"""Outcomes whose answer was used: given by the model, or given again from our own cache."""
_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_m = model_calls.c
# A cached answer asked nobody, and was good.
_failed = _m.outcome.not_in(USED)
_SUMS: dict[str, ColumnElement[Any]] = {
    "calls": func.count(),
    "failed": func.sum(case((_failed, 1), else_=0)),
    "prompt_tokens": func.sum(_m.prompt_tokens),
    "completion_tokens": func.sum(_m.completion_tokens),
    "cache_read": func.sum(func.coalesce(_m.cache_read, 0)),
    "cache_creation": func.sum(func.coalesce(_m.cache_creation, 0)),
    "cost": func.sum(_m.cost),
    "failed_cost": func.sum(case((_failed, _m.cost), else_=0.0)),
    # Of the others the prompt may be no more than a high estimate.
    "longest_prompt": func.max(case((_failed, 0), else_=_m.prompt_tokens)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Model calls that have something in common. Costs are in US dollars."""

    key: tuple[str, ...]
    """What they have in common, in the order that was asked for; a day as 2026-11-30."""
    calls: int
    failed: int
    """Calls whose answer was not used: outages, unusable answers, calls that were cut off."""
    prompt_tokens: int
    """With the cached ones."""
    completion_tokens: int
    cache_read: int
    cache_creation: int
    cost: float
    failed_cost: float
    longest_prompt: int
    """The most tokens that one of them sent whose answer was used."""
    length: int = 0
    """Of the lengths that were asked for, the greatest that each of their prompts has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One of the latest calls of a deployment."""

    deployment: str
    outcome: str
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which calls count: since an instant, before an instant (seconds since 1970), of one run."""

    since: float | None = None
    until: float | None = None
    run: str = ""


def sums_query(
    dialect: Dialect, by: Sequence[By], span: Span, lengths: Collection[int]
) -> Select[Any]:
    """The SELECT behind `Spend.sums`."""
    keys = [_key(dialect, one).label(f"by_{place}") for place, one in enumerate(by)]
    if reached := [(_m.prompt_tokens >= one, one) for one in sorted(lengths, reverse=True)]:
        keys.append(case(*reached, else_=0).label("length"))
    columns = [found.label(name) for name, found in _SUMS.items()]
    calls = model_calls.outerjoin(runs, runs.c.id == _m.run)
    query = select(*keys, *columns).select_from(calls).where(*_within(span))
    return query.group_by(*keys).order_by(*keys)


def sum_of(row: RowMapping, by: Sequence[By]) -> Sum:
    """A row of that query as a value."""
    key = tuple(_told(one, row[f"by_{place}"]) for place, one in enumerate(by))
    return Sum(key=key, length=row.get("length", 0), **{name: row[name] for name in _SUMS})


def recent_query(count: int) -> Select[Any]:
    """The latest `count` calls of every deployment, the newest first."""
    place = func.row_number().over(partition_by=_m.deployment, order_by=_m.at.desc())
    names = ("deployment", "outcome", "at", "seconds")
    asked = select(*(_m[name] for name in names), place.label("place"))
    # A cached answer tells nothing of the deployment's health.
    ranked = asked.where(_m.outcome != "cached").subquery()
    columns = [ranked.c[name] for name in names]
    return select(*columns).where(ranked.c.place <= count).order_by(ranked.c.at.desc())


def _within(span: Span) -> list[ColumnElement[bool]]:
    found = []
    if span.since is not None:
        found.append(_m.at >= span.since)
    if span.until is not None:
        found.append(_m.at < span.until)
    if span.run:
        found.append(_m.run == span.run)
    return found


def _key(dialect: Dialect, by: By) -> ColumnElement[Any]:
    match by:
        case "tenant" | "label":
            return func.coalesce(runs.c[by], literal("", String))
        case "day":
            # SQLite's cast cuts off, PostgreSQL's rounds; SQLite need not have a floor().
            days = _m.at / _DAY
            return cast(func.floor(days) if dialect == "postgresql" else days, Integer)
        case _:
            return _m[by]


def _told(by: By, value: object) -> str:
    if by == "day":
        return (_EPOCH + timedelta(days=int(str(value)))).isoformat()
    return str(value)
