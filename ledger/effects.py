"""What changed the world, by idempotency key: claimed before it happens, settled after it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from ledger.address import Dialect
from ledger.audit import Audited
from ledger.chain import Fact
from ledger.content import written
from ledger.driver import Cursor, in_words_of, json_of
from ledger.exchanges import Prepared
from ledger.schema import effects
from ledger.words import storable
from runtime.canonical import Json

_EFFECT = "SELECT key, run, task, tool, arguments, state, result, at FROM effects WHERE key = ?"
_CLAIM = (
    "INSERT INTO effects (key, run, task, tool, arguments, state, at)"
    " VALUES (?, ?, ?, ?, ?, 'started', ?) ON CONFLICT (key) DO NOTHING RETURNING key"
)
_SETTLE = "UPDATE effects SET state = ?, result = ?, at = ? WHERE key = ?"
_SETTLED = " RETURNING run, task, tool"

EffectState = Literal["started", "done", "failed", "unknown"]


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


class Effects(Audited):
    """What changed the world, by idempotency key."""

    async def begin(
        self, key: str, *, run: str, task: str, tool: str, arguments: Json, specialist: str = ""
    ) -> Effect | None:
        """Claim an effect before it happens.

        Returns:
            None when the claim is ours; the recorded effect when the key was claimed before.
        """
        row = (key, run, task, storable(tool), written(arguments), self._clock())
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
            with Cursor(connection) as cursor:
                claimed = cursor.first(in_words_of(self._dialect, _CLAIM), row) is not None
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
        values = (state, result, self._clock(), key, *was)
        only = f" AND state IN ({', '.join('?' * len(was))})" if was else ""
        change = in_words_of(self._dialect, f"{_SETTLE}{only}{_SETTLED}")

        def write(connection: Connection) -> bool:
            if exchange is not None:
                exchange.write(connection, self._dialect)
            with Cursor(connection) as cursor:
                row = cursor.first(change, values)
            if row is not None:
                run, task, tool = row
                fact = Fact(
                    kind="settled",
                    run=run,
                    subject=key,
                    task=task,
                    tool=tool,
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
        def read(connection: Connection) -> Effect | None:
            with Cursor(connection) as cursor:
                return effect_of(cursor, self._dialect, key)

        return await self._run(read, self._reading, atomic=False)

    async def of_run(self, run: str) -> list[Effect]:
        rows = await self._all(select(effects).where(effects.c.run == run).order_by(effects.c.at))
        return [Effect(**row) for row in rows]


def effect_of(cursor: Cursor, dialect: Dialect, key: str) -> Effect | None:
    """The effect of a key, read within a transaction; None where there is none."""
    row = cursor.first(in_words_of(dialect, _EFFECT), (key,))
    if row is None:
        return None
    of, run, task, tool, arguments, state, result, at = row
    return Effect(
        key=of,
        run=run,
        task=task,
        tool=tool,
        arguments=json_of(arguments),
        state=state,
        result=result,
        at=at,
    )
