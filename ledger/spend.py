"""Model calls: what each consumed and cost, by run, task, tier and deployment."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select

from ledger.repository import Repository
from ledger.schema import model_calls
from runtime.context import RunContext


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
        await self._write(
            insert(model_calls).values(
                id=id,
                run=context.run,
                task=context.task,
                attempt=context.attempt,
                specialist=context.specialist,
                tier=tier,
                deployment=deployment,
                model=model,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cost=cost,
                outcome=outcome,
                at=self._clock(),
                seconds=seconds,
            )
        )

    async def of_run(self, run: str) -> list[ModelCall]:
        rows = await self._all(
            select(model_calls).where(model_calls.c.run == run).order_by(model_calls.c.at)
        )
        return [ModelCall(**row) for row in rows]

    async def total(self, run: str, task: str = "") -> Total:
        """What a run, or one task of it, consumed so far."""
        calls = model_calls.c
        query = select(
            func.count().label("calls"),
            func.coalesce(func.sum(calls.prompt_tokens), 0).label("prompt_tokens"),
            func.coalesce(func.sum(calls.completion_tokens), 0).label("completion_tokens"),
            func.coalesce(func.sum(calls.cost), 0.0).label("cost"),
        ).where(calls.run == run)
        if task:
            query = query.where(calls.task == task)
        row = await self._first(query)
        return Total(**row) if row else Total()
