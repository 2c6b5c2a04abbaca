"""Model calls: what each consumed and cost, by run, task, tier and deployment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import Insert, bindparam, func, insert, or_, select

from ledger.address import Dialect
from ledger.repository import Repository, Statement, insert_into
from ledger.schema import model_calls, totals
from runtime.context import RunContext

_SUMS = ("calls", "prompt_tokens", "completion_tokens", "cost")
_RECORD = insert(model_calls)
_OF_RUN = select(*(totals.c[name] for name in _SUMS)).where(totals.c.run == bindparam("of"))
_m = model_calls.c
_OF_TASK = select(
    func.count().label("calls"),
    *(func.coalesce(func.sum(_m[name]), 0).label(name) for name in _SUMS[1:]),
).where(_m.run == bindparam("of"), _m.task == bindparam("at_task"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    id: str
    run: str
    task: str
    attempt: int
    specialist: str
    tier: str
    deployment: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost: float
    """US dollars."""
    outcome: str
    """`ok`, or the fault's short name."""
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Sums over model calls. `cost` is in US dollars."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


class Spend(Repository):
    """Every model call is a row, the failed ones too."""

    async def record(
        self,
        id: str,
        context: RunContext,
        *,
        tier: str,
        deployment: str,
        model: str,
        prompt_tokens: int,
        completion_tokens: int,
        cost: float,
        outcome: str,
        seconds: float,
    ) -> None:
        """Record a call and add it to the sums of its run."""
        await self._write(
            *self.entry(
                id,
                context,
                tier=tier,
                deployment=deployment,
                model=model,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cost=cost,
                outcome=outcome,
                seconds=seconds,
            )
        )

    def entry(
        self,
        id: str,
        context: RunContext,
        *,
        tier: str,
        deployment: str,
        model: str,
        prompt_tokens: int,
        completion_tokens: int,
        cost: float,
        outcome: str,
        seconds: float,
    ) -> tuple[Statement, ...]:
        """What `record` writes, for `Ledger.commit`."""
        row = {
            "id": id,
            "run": context.run,
            "task": context.task,
            "attempt": context.attempt,
            "specialist": context.specialist,
            "tier": tier,
            "deployment": deployment,
            "model": model,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "cost": cost,
            "outcome": outcome,
            "at": self._clock(),
            "seconds": seconds,
        }
        added = {"run": context.run, "calls": 1, **{name: row[name] for name in _SUMS[1:]}}
        return (_RECORD, row), (_add(self._dialect), added)

    async def of_run(self, run: str) -> list[ModelCall]:
        rows = await self._all(
            select(model_calls).where(model_calls.c.run == run).order_by(model_calls.c.at)
        )
        return [ModelCall(**row) for row in rows]

    async def writers(self, run: str, task: str) -> frozenset[str]:
        """The deployments that did the work of a task, and of the tasks of a plan below it."""
        c = model_calls.c
        below = or_(c.task == task, c.task.startswith(f"{task}/", autoescape=True))
        work = c.tier.in_(("work", "plan"))
        rows = await self._all(select(c.deployment).where(c.run == run, below, work).distinct())
        return frozenset(row["deployment"] for row in rows)

    async def total(self, run: str, task: str = "") -> Total:
        """What a run, or one task of it, consumed so far."""
        if task:
            row = await self._first(_OF_TASK, {"of": run, "at_task": task})
        else:
            row = await self._first(_OF_RUN, {"of": run})
        return Total(**row) if row else Total()


@cache
def _add(dialect: Dialect) -> Insert:
    """Add one call to the sums of its run."""
    insert = insert_into(dialect, totals)
    sums = {name: totals.c[name] + insert.excluded[name] for name in _SUMS}
    return insert.on_conflict_do_update(index_elements=["run"], set_=sums)
