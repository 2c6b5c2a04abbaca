"""Tool calls with the decision on each, and effects with their idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, update

from ledger.repository import Repository
from ledger.schema import effects, tool_calls
from runtime.canonical import Json
from runtime.context import RunContext

Verdict = Literal["allow", "deny", "ask"]
Outcome = Literal["pending", "ok", "error", "denied", "refused", "timeout", "too_large"]
EffectState = Literal["started", "done", "failed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One row of the audit: who called what, when, with which arguments, decision and outcome."""

    id: str
    run: str
    task: str
    attempt: int
    tenant: str
    user: str
    specialist: str
    tool: str
    arguments: Json
    decision: str
    policies: list[str]
    reason: str
    outcome: str
    result: str | None
    """Digest of the result, under which its content is kept."""
    effect: str | None
    """The idempotency key, for a call that changes the world."""
    started_at: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    key: str
    run: str
    task: str
    tool: str
    arguments: Json
    state: str
    result: str | None
    at: float


class ToolCalls(Repository):
    """The audit of the tool gateway. Denied calls are rows like the others."""

    async def open(
        self,
        id: str,
        context: RunContext,
        *,
        tool: str,
        arguments: Json,
        decision: Verdict,
        policies: list[str],
        reason: str,
        effect: str | None = None,
        outcome: Outcome = "pending",
    ) -> None:
        """Record the decision before anything is sent. The same id again overwrites its row."""
        await self._write(
            self._insert_or_update(
                tool_calls,
                id=id,
                run=context.run,
                task=context.task,
                attempt=context.attempt,
                tenant=context.tenant,
                user=context.user,
                specialist=context.specialist,
                tool=tool,
                arguments=arguments,
                decision=decision,
                policies=policies,
                reason=reason,
                outcome=outcome,
                effect=effect,
                started_at=self._clock(),
            )
        )

    async def close(self, id: str, outcome: Outcome, *, result: str | None, seconds: float) -> None:
        """Record how an opened call ended; `result` is the digest of what came back."""
        await self._write(
            update(tool_calls)
            .where(tool_calls.c.id == id)
            .values(outcome=outcome, result=result, seconds=seconds)
        )

    async def get(self, id: str) -> ToolCall | None:
        row = await self._first(select(tool_calls).where(tool_calls.c.id == id))
        return ToolCall(**row) if row else None

    async def of_task(self, run: str, task: str) -> list[ToolCall]:
        """The calls of one task, all attempts, in order."""
        rows = await self._all(
            select(tool_calls)
            .where(tool_calls.c.run == run, tool_calls.c.task == task)
            .order_by(tool_calls.c.started_at)
        )
        return [ToolCall(**row) for row in rows]

    async def of_run(self, run: str) -> list[ToolCall]:
        rows = await self._all(
            select(tool_calls).where(tool_calls.c.run == run).order_by(tool_calls.c.started_at)
        )
        return [ToolCall(**row) for row in rows]


class Effects(Repository):
    """What changed the world, by idempotency key."""

    async def begin(
        self, key: str, *, run: str, task: str, tool: str, arguments: Json
    ) -> Effect | None:
        """Claim an effect before it happens.

        Returns:
            None when the claim is ours; the recorded effect when the key was claimed before.
        """
        claimed = await self._write(
            self._insert_or_keep(
                effects,
                key=key,
                run=run,
                task=task,
                tool=tool,
                arguments=arguments,
                state="started",
                at=self._clock(),
            )
        )
        return None if claimed else await self.get(key)

    async def settle(self, key: str, state: EffectState, result: str | None) -> None:
        """Record how a claimed effect ended; `result` is the digest of what came back."""
        await self._write(
            update(effects)
            .where(effects.c.key == key)
            .values(state=state, result=result, at=self._clock())
        )

    async def get(self, key: str) -> Effect | None:
        row = await self._first(select(effects).where(effects.c.key == key))
        return Effect(**row) if row else None

    async def of_run(self, run: str) -> list[Effect]:
        rows = await self._all(select(effects).where(effects.c.run == run).order_by(effects.c.at))
        return [Effect(**row) for row in rows]
