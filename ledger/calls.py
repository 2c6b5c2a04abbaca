"""Tool calls with the decision on each, and effects with their idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, select, update

from ledger.repository import Repository, keep, overwrite
from ledger.schema import effects, tool_calls
from runtime.canonical import Json
from runtime.context import RunContext

_t, _e = tool_calls.c, effects.c
_CLOSE = (
    update(tool_calls)
    .where(_t.id == bindparam("of"))
    .values(outcome=bindparam("ended"), result=bindparam("came"), seconds=bindparam("took"))
)
_CALL = select(tool_calls).where(_t.id == bindparam("of"))
_OF_TASK = (
    select(tool_calls)
    .where(_t.run == bindparam("of"), _t.task == bindparam("at_task"))
    .order_by(_t.started_at)
)
_EFFECT = select(effects).where(_e.key == bindparam("of"))
_SETTLE = (
    update(effects)
    .where(_e.key == bindparam("of"))
    .values(state=bindparam("ended"), result=bindparam("came"), at=bindparam("now"))
)

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
        row = {
            "id": id,
            "run": context.run,
            "task": context.task,
            "attempt": context.attempt,
            "tenant": context.tenant,
            "user": context.user,
            "specialist": context.specialist,
            "tool": tool,
            "arguments": arguments,
            "decision": decision,
            "policies": policies,
            "reason": reason,
            "outcome": outcome,
            "effect": effect,
            "started_at": self._clock(),
        }
        await self._write((overwrite(self._dialect, tool_calls, tuple(row)), row))

    async def close(self, id: str, outcome: Outcome, *, result: str | None, seconds: float) -> None:
        """Record how an opened call ended; `result` is the digest of what came back."""
        values = {"of": id, "ended": outcome, "came": result, "took": seconds}
        await self._write((_CLOSE, values))

    async def get(self, id: str) -> ToolCall | None:
        row = await self._first(_CALL, {"of": id})
        return ToolCall(**row) if row else None

    async def of_task(self, run: str, task: str) -> list[ToolCall]:
        """The calls of one task, all attempts, in order."""
        rows = await self._all(_OF_TASK, {"of": run, "at_task": task})
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
        row = {
            "key": key,
            "run": run,
            "task": task,
            "tool": tool,
            "arguments": arguments,
            "state": "started",
            "at": self._clock(),
        }
        claimed = await self._write((keep(self._dialect, effects), row))
        return None if claimed else await self.get(key)

    async def settle(self, key: str, state: EffectState, result: str | None) -> None:
        """Record how a claimed effect ended; `result` is the digest of what came back."""
        values = {"of": key, "ended": state, "came": result, "now": self._clock()}
        await self._write((_SETTLE, values))

    async def get(self, key: str) -> Effect | None:
        row = await self._first(_EFFECT, {"of": key})
        return Effect(**row) if row else None

    async def of_run(self, run: str) -> list[Effect]:
        rows = await self._all(select(effects).where(effects.c.run == run).order_by(effects.c.at))
        return [Effect(**row) for row in rows]
