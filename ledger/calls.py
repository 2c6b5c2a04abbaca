"""Tool calls with the decision on each, and effects with their idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import Connection, bindparam, select

from ledger.audit import Audited
from ledger.chain import Fact
from ledger.content import written
from ledger.driver import Cursor, in_words_of
from ledger.effects import Effect, effect_of
from ledger.exchanges import Prepared
from ledger.schema import tool_calls
from ledger.words import storable
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label

_t = tool_calls.c
# What every call writes, in the driver's words.
_COLUMNS = (
    "id",
    "run",
    "task",
    "attempt",
    "tenant",
    '"user"',
    "specialist",
    "tool",
    "arguments",
    "decision",
    "policies",
    "reason",
    "outcome",
    "effect",
    "started_at",
    "asked",
)
_OPEN = "INSERT INTO tool_calls ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}".format(
    ", ".join(_COLUMNS),
    ", ".join("?" * len(_COLUMNS)),
    ", ".join(f"{one} = excluded.{one}" for one in _COLUMNS[1:]),
)
_CLOSE = (
    "UPDATE tool_calls SET outcome = ?, result = ?, seconds = ? WHERE id = ?"
    ' RETURNING run, task, attempt, specialist, tenant, "user", tool, effect'
)
_LABEL = "SELECT label FROM runs WHERE id = ?"
_ANSWERED = (
    "SELECT run, task, tool, result FROM tool_calls"
    " WHERE id = ? AND outcome = 'ok' AND result IS NOT NULL"
)
_CALL = select(tool_calls).where(_t.id == bindparam("of"))
_OF_TASK = (
    select(tool_calls)
    .where(_t.run == bindparam("of"), _t.task == bindparam("at_task"))
    .order_by(_t.started_at)
)
Verdict = Literal["allow", "deny", "ask"]
Outcome = Literal["pending", "ok", "error", "denied", "refused", "timeout", "too_large"]


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
    asked: Json = None
    """What the decision was made from, see `tools/asked.py`; None where no policy was asked."""


class Answered(NamedTuple):
    """The result of a call that was answered before."""

    run: str
    task: str
    tool: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Where a call begins: the present label of its run, its result if it was made before, and its
    effect if that was claimed before."""

    label: Label
    answered: Answered | None
    effect: Effect | None = None


class ToolCalls(Audited):
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
        provenance: Json = None,
        supposed: Label | None = None,
    ) -> Before | None:
        """Record the decision before anything is sent. The same id again overwrites its row, and
        is another row of the audit.

        Args:
            provenance: What the decision was made from, without the values of the arguments: the
                column `asked`.
            supposed: The label that the run had when it was decided, as far as the caller knows
                who did not ask `before`.

        Returns:
            None once it is recorded. What `before` says where the run's label is not the
            `supposed` one, or the call was answered already: then nothing is recorded.
        """
        row = (
            id,
            context.run,
            context.task,
            context.attempt,
            *map(storable, (context.tenant, context.user, context.specialist, tool)),
            written(arguments),
            decision,
            written(policies),
            storable(reason),
            outcome,
            effect,
            self._clock(),
            None if provenance is None else written(provenance),
        )
        parts = {"arguments": arguments}
        fact = Fact(
            kind="decided",
            run=context.run,
            subject=id,
            task=context.task,
            attempt=context.attempt,
            specialist=context.specialist,
            tenant=context.tenant,
            user=context.user,
            label=context.label,
            tool=tool,
            verdict=decision,
            policies=tuple(policies),
            reason=reason,
            outcome=outcome if outcome != "pending" else "",
            effect=effect or "",
            provenance=_origins(provenance),
            parts=parts if provenance is None else parts | {"asked": provenance},
        )

        def write(connection: Connection) -> Before | None:
            with Cursor(connection) as cursor:
                if supposed is not None:
                    before = self._before(cursor, id, context.run)
                    if before.label is not supposed or before.answered is not None:
                        return before
                cursor.run(in_words_of(self._dialect, _OPEN), row)
            self._chain.append(connection, fact)
            return None

        return await self._atomic("write tool_calls", write)

    async def close(
        self,
        id: str,
        outcome: Outcome,
        *,
        result: str | None,
        seconds: float,
        exchange: Prepared | None = None,
    ) -> None:
        """Record how an opened call ended; `result` is the digest of what came back.

        Args:
            exchange: Recorded too, in the same transaction.
        """

        def write(connection: Connection) -> None:
            if exchange is not None:
                exchange.write(connection, self._dialect)
            with Cursor(connection) as cursor:
                closed = in_words_of(self._dialect, _CLOSE)
                row = cursor.first(closed, (outcome, result, seconds, id))
            if row is not None:
                run, task, attempt, specialist, tenant, user, tool, effect = row
                fact = Fact(
                    kind="closed",
                    run=run,
                    subject=id,
                    task=task,
                    attempt=attempt,
                    specialist=specialist,
                    tenant=tenant,
                    user=user,
                    tool=tool,
                    outcome=outcome,
                    effect=effect or "",
                    seconds=seconds,
                    parts={"result": result} if result else {},
                )
                self._chain.append(connection, fact)

        await self._atomic("write tool_calls", write)

    async def get(self, id: str) -> ToolCall | None:
        row = await self._first(_CALL, {"of": id})
        return ToolCall(**row) if row else None

    async def before(self, id: str, run: str, effect: str = "") -> Before:
        """What a call has to know before it is decided, read at once.

        Args:
            effect: Its idempotency key, where it changes the world.
        """

        def read(connection: Connection) -> Before:
            with Cursor(connection) as cursor:
                return self._before(cursor, id, run, effect)

        return await self._run(read, lambda: "read tool_calls", atomic=False)

    def _before(self, cursor: Cursor, id: str, run: str, effect: str = "") -> Before:
        label = cursor.first(in_words_of(self._dialect, _LABEL), (run,))
        call = cursor.first(in_words_of(self._dialect, _ANSWERED), (id,))
        return Before(
            # Of a run that is not recorded nobody knows how high it is: fail closed.
            label=Label(label[0]) if label else Label.regulated,
            answered=Answered(*call) if call else None,
            effect=effect_of(cursor, self._dialect, effect) if effect else None,
        )

    async def of_task(self, run: str, task: str) -> list[ToolCall]:
        """The calls of one task, all attempts, in order."""
        rows = await self._all(_OF_TASK, {"of": run, "at_task": task})
        return [ToolCall(**row) for row in rows]

    async def latest(self, limit: int) -> list[ToolCall]:
        """The newest calls of all runs, the newest first."""
        rows = await self._all(
            select(tool_calls).order_by(tool_calls.c.started_at.desc()).limit(limit)
        )
        return [ToolCall(**row) for row in rows]

    async def of_run(self, run: str) -> list[ToolCall]:
        rows = await self._all(
            select(tool_calls).where(tool_calls.c.run == run).order_by(tool_calls.c.started_at)
        )
        return [ToolCall(**row) for row in rows]


def _origins(asked: Json) -> Json:
    """Where consequential arguments came from, of what a decision was made from."""
    found: Json = asked.get("origins") if isinstance(asked, dict) else asked
    return found
