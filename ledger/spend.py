"""Model calls: what each consumed and cost, by run, task, tier and deployment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, or_, select

from ledger.driver import Cursor, in_words_of
from ledger.repository import Repository, Statement, Step
from ledger.schema import model_calls, totals
from ledger.spend_sums import By, Recent, Span, Sum, recent_query, sum_of, sums_query
from ledger.words import storable
from runtime.context import RunContext

_SUMS = ("calls", "prompt_tokens", "completion_tokens", "cost")
# What every model call writes, in the driver's words.
_COLUMNS = (
    "id",
    "run",
    "task",
    "attempt",
    "specialist",
    "tier",
    "deployment",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "outcome",
    "at",
    "seconds",
    "cache_read",
    "cache_creation",
)
_RECORD = "INSERT INTO model_calls ({}) VALUES ({})".format(
    ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
)
_ADD = (
    "INSERT INTO totals (run, calls, prompt_tokens, completion_tokens, cost) VALUES (?, 1, ?, ?, ?)"
    " ON CONFLICT (run) DO UPDATE SET "
) + ", ".join(f"{name} = totals.{name} + excluded.{name}" for name in _SUMS)
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
    cache_read: int | None = None
    """Of the prompt tokens, those read from the provider's cache; None where an older release
    did not say."""
    cache_creation: int | None = None
    """Of the prompt tokens, those written to it."""


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
        cache_read: int = 0,
        cache_creation: int = 0,
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
                cache_read=cache_read,
                cache_creation=cache_creation,
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
        cache_read: int = 0,
        cache_creation: int = 0,
    ) -> tuple[Statement, ...]:
        """What `record` writes, for `Ledger.commit`."""
        row = (
            id,
            context.run,
            context.task,
            context.attempt,
            storable(context.specialist),
            tier,
            deployment,
            storable(model),
            prompt_tokens,
            completion_tokens,
            cost,
            outcome,
            self._clock(),
            seconds,
            cache_read,
            cache_creation,
        )
        added = (context.run, prompt_tokens, completion_tokens, cost)

        def write(connection: Connection) -> None:
            with Cursor(connection) as cursor:
                cursor.run(in_words_of(self._dialect, _RECORD), row)
                cursor.run(in_words_of(self._dialect, _ADD), added)

        return (Step(writes="model_calls, totals", work=write),)

    async def has(self, id: str) -> bool:
        """Whether a call is recorded."""
        return bool(await self._first(select(_m.id).where(_m.id == id)))

    async def of_run(self, run: str) -> list[ModelCall]:
        rows = await self._all(
            select(model_calls).where(model_calls.c.run == run).order_by(model_calls.c.at)
        )
        return [ModelCall(**row) for row in rows]

    async def sums(
        self, by: Sequence[By], span: Span | None = None, *, lengths: Collection[int] = ()
    ) -> list[Sum]:
        """All recorded calls, or those of a span, summed by what `by` names, in its order.

        Args:
            lengths: Calls whose prompts are on different sides of one of these are summed apart.
        """
        rows = await self._all(sums_query(self._dialect, by, span or Span(), lengths))
        return [sum_of(row, by) for row in rows]

    async def recent(self, count: int = 50) -> list[Recent]:
        """The latest `count` calls of every deployment, the newest first."""
        return [Recent(**row) for row in await self._all(recent_query(count))]

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
