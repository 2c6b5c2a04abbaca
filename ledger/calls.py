"""Tool calls with the decision on each, and effects with their idempotency keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from ledger.audit import Audited
from ledger.chain import Fact
from ledger.content import written
from ledger.driver import Cursor, in_words_of
from ledger.exchanges import Prepared
from ledger.repository import keep
from ledger.schema import effects, tool_calls
from ledger.words import storable
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label

_t, _e = tool_calls.c, effects.c
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
_EFFECT = select(effects).where(_e.key == bindparam("of"))
_SETTLE = (
    update(effects)
    .where(_e.key == bindparam("of"))
    .values(state=bindparam("ended"), result=bindparam("came"), at=bindparam("now"))
    .returning(_e.run, _e.task, _e.tool)
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
    """Where a call begins: the present label of its run, and its result if it was made before."""

    label: Label
    answered: Answered | None


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
    ) -> None:
        """Record the decision before anything is sent. The same id again overwrites its row, and
        is another row of the audit.

        Args:
            provenance: What the decision was made from, without the values of the arguments: the
                column `asked`.
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

        def write(connection: Connection) -> None:
            with Cursor(connection) as cursor:
                cursor.run(in_words_of(self._dialect, _OPEN), row)
            self._chain.append(connection, fact)

        await self._atomic("write tool_calls", write)

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

    async def before(self, id: str, run: str) -> Before:
        """What a call has to know before it is decided, read at once."""

        def read(connection: Connection) -> Before:
            with Cursor(connection) as cursor:
                label = cursor.first(in_words_of(self._dialect, _LABEL), (run,))
                call = cursor.first(in_words_of(self._dialect, _ANSWERED), (id,))
            return Before(
                # Of a run that is not recorded nobody knows how high it is: fail closed.
                label=Label(label[0]) if label else Label.regulated,
                answered=Answered(*call) if call else None,
            )

        return await self._run(read, lambda: "read tool_calls", atomic=False)

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


class Effects(Audited):
    """What changed the world, by idempotency key."""

    async def begin(
        self, key: str, *, run: str, task: str, tool: str, arguments: Json, specialist: str = ""
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
        fact = Fact(
            kind="claimed",
            run=run,
            subject=key,
            task=task,
            specialist=specialist,
            tool=tool,
            effect=key,
            parts={"arguments": arguments},
        )

        def write(connection: Connection) -> bool:
            claimed = connection.execute(keep(self._dialect, effects), row).rowcount == 1
            if claimed:
                self._chain.append(connection, fact)
            return claimed

        claimed = await self._atomic("write effects", write)
        return None if claimed else await self.get(key)

    async def settle(
        self,
        key: str,
        state: EffectState,
        result: str | None,
        *,
        was: Collection[str] = (),
        by: str = "",
        exchange: Prepared | None = None,
    ) -> bool:
        """Record how a claimed effect ended; `result` is the digest of what came back.

        Args:
            was: Only an effect in one of these states; empty for any. Of two that change it at
                the same instant, one does.
            by: The person who settled it; empty where the gateway did.
            exchange: Recorded too, in the same transaction, whatever state the effect is in.

        Returns:
            False when there is no such effect, or it is in another state; nothing is recorded.
        """
        values = {"of": key, "ended": state, "came": result, "now": self._clock()}
        change = _SETTLE.where(_e.state.in_(was)) if was else _SETTLE

        def write(connection: Connection) -> bool:
            if exchange is not None:
                exchange.write(connection, self._dialect)
            row = connection.execute(change, values).first()
            if row is not None:
                fact = Fact(
                    kind="settled",
                    run=row.run,
                    subject=key,
                    task=row.task,
                    tool=row.tool,
                    outcome=state,
                    by=by,
                    effect=key,
                    parts={"result": result} if result else {},
                )
                self._chain.append(connection, fact)
            return row is not None

        return await self._atomic("write effects", write)

    async def unsettled(self) -> list[Effect]:
        """Effects of all runs of which no outcome is recorded, the oldest first: those under way,
        too."""
        open_ones = effects.c.state.in_(("started", "unknown"))
        rows = await self._all(select(effects).where(open_ones).order_by(effects.c.at))
        return [Effect(**row) for row in rows]

    async def get(self, key: str) -> Effect | None:
        row = await self._first(_EFFECT, {"of": key})
        return Effect(**row) if row else None

    async def of_run(self, run: str) -> list[Effect]:
        rows = await self._all(select(effects).where(effects.c.run == run).order_by(effects.c.at))
        return [Effect(**row) for row in rows]


def _origins(asked: Json) -> Json:
    """Where consequential arguments came from, of what a decision was made from."""
    found: Json = asked.get("origins") if isinstance(asked, dict) else asked
    return found
