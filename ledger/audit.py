"""The audit: one chain of rows for each run, written in the transaction of what they tell of.

Rows are only ever added. Their content stands in a table of its own, so that it can be deleted
and the chain still verifies.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, delete, select

from ledger.address import Dialect
from ledger.audit_key import fingerprint
from ledger.chain import Fact, link, seal
from ledger.chain_check import Head, Row
from ledger.database import Database
from ledger.driver import Cursor, in_words_of
from ledger.repository import Repository, keep
from ledger.schema import audit, audit_content, meta, runs, tool_calls
from runtime.errors import LedgerUnavailable
from runtime.labels import Label, highest

T = TypeVar("T")

_KEY, _SINCE = "audit_key", "audit_since"


_HEAD = 'SELECT audit_count, audit_head, audit_seal, tenant, "user", label FROM runs WHERE id = ?'
_TAIL = "SELECT number, mac FROM audit WHERE run = ? ORDER BY number DESC LIMIT 1"
_TURN = "SELECT pg_advisory_xact_lock(hashtext(?))"
_ROW = "INSERT INTO audit (run, number, entry, mac) VALUES (?, ?, ?, ?)"
_CONTENT = "INSERT INTO audit_content (run, number, content, at) VALUES (?, ?, ?, ?)"
_SEAL = "UPDATE runs SET audit_count = ?, audit_head = ?, audit_seal = ? WHERE id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Where the chain of a run ends now, and what the run's row says of the run."""

    count: int
    head: str
    tenant: str = ""
    user: str = ""
    label: Label = Label.regulated
    recorded: bool = False


class Chain:
    """Adds rows. One for a ledger; its repositories call it inside of their transactions."""

    def __init__(
        self, dialect: Dialect, key: bytes, clock: Callable[[], float], strange: str = ""
    ) -> None:
        self.key = key
        self.strange = strange
        """Why this key cannot go on with this ledger; empty when it can."""
        self._dialect = dialect
        self._clock = clock
        # By far the most rows follow one of our own, whose seal needs no second look.
        self._sealed = ("", 0, "")
        hold = f"{_HEAD} FOR NO KEY UPDATE" if dialect == "postgresql" else _HEAD
        self._head, self._tail, self._turn, self._row, self._content, self._seal = (
            in_words_of(dialect, text) for text in (hold, _TAIL, _TURN, _ROW, _CONTENT, _SEAL)
        )

    def begun(self, run: str) -> dict[str, object]:
        """The columns of a run's row before its first audit row."""
        return {"audit_count": 0, "audit_head": "", "audit_seal": seal(self.key, run, 0, "")}

    def append(self, connection: Connection, fact: Fact) -> None:
        """Add a row, as the last step of a transaction: the lock that it takes is then short.

        Raises:
            LedgerUnavailable: the key is not that of this ledger, or the run's head was changed;
                then nothing of the transaction may stay.
        """
        if self.strange:
            raise LedgerUnavailable(self.strange, remedy=_RESTORE)
        with Cursor(connection) as cursor:
            end = self._end(cursor, fact.run)
            number, at = end.count + 1, self._clock()
            if not fact.tenant:
                fact = replace(fact, tenant=end.tenant, user=fact.user or end.user)
            made = link(
                self.key,
                fact,
                number=number,
                previous=end.head,
                at=at,
                label=highest(fact.label, end.label),
                salt=secrets.token_hex(16),
            )
            cursor.run(self._row, (fact.run, number, made.entry, made.mac))
            if made.content is not None:
                cursor.run(self._content, (fact.run, number, made.content, at))
            if end.recorded:
                sealed = seal(self.key, fact.run, number, made.mac)
                cursor.run(self._seal, (number, made.mac, sealed, fact.run))
                self._sealed = (sealed, number, made.mac)

    def _end(self, cursor: Cursor, run: str) -> _End:
        found = cursor.first(self._head, (run,))
        if found is None:
            if self._dialect == "postgresql":
                # No row to lock: those who write of the same run take turns by its name.
                cursor.first(self._turn, (run,))
            last = cursor.first(self._tail, (run,))
            return _End(count=last[0], head=last[1]) if last else _End(count=0, head="")
        count, head, sealed, tenant, user, label = found
        end = _End(
            count=count or 0,
            head=head or "",
            tenant=tenant,
            user=user,
            label=Label(label),
            recorded=True,
        )
        ours = (sealed, count, head) == self._sealed
        if not ours and count is not None and sealed != seal(self.key, run, end.count, end.head):
            raise LedgerUnavailable(
                f"The head of the audit of run {run} was changed, so the run cannot go on.",
                remedy=f"See what was done to it: switchyard audit verify --run {run}",
            )
        return end


_RESTORE = (
    "Put the file audit.key back that this ledger began with, or give its key by"
    " SWITCHYARD_AUDIT_KEY; all processes on one ledger need the same one."
)


class Audited(Repository):
    """Base of the repositories whose writes are told by rows of the audit."""

    def __init__(self, database: Database, clock: Callable[[], float], chain: Chain) -> None:
        super().__init__(database, clock)
        self._chain = chain


class Audit(Audited):
    """Reads the audit, and forgets content."""

    async def claim(self) -> None:
        """Note which key this ledger is chained with, and since when; once for a ledger."""

        def note(connection: Connection) -> str:
            found = _noted(connection)
            if _KEY not in found:
                insert = keep(self._dialect, meta)
                rows = {_KEY: fingerprint(self._chain.key), _SINCE: repr(self._clock())}
                connection.execute(
                    insert, [{"key": key, "value": value} for key, value in rows.items()]
                )
                found = _noted(connection)
            return found[_KEY]

        begun = await self._run(
            lambda connection: _noted(connection).get(_KEY), self._reading, atomic=False
        )
        begun = begun or await self._atomic("note the key of the audit", note)
        if begun != fingerprint(self._chain.key):
            self._chain.strange = (
                "The key of the audit is not the one that this ledger began with"
                f" (its fingerprint is {begun})."
            )

    @property
    def key(self) -> bytes:
        """What rows are verified with.

        Raises:
            LedgerUnavailable: it is not the one that this ledger began with.
        """
        if self._chain.strange:
            raise LedgerUnavailable(self._chain.strange, remedy=_RESTORE)
        return self._chain.key

    async def rows(self, run: str) -> list[Row]:
        """The rows of a run as they stand there, with their content as far as it is kept."""
        both = audit.outerjoin(
            audit_content,
            (audit.c.run == audit_content.c.run) & (audit.c.number == audit_content.c.number),
        )
        query = select(audit, audit_content.c.content).select_from(both).where(audit.c.run == run)
        return [Row(**one) for one in await self._all(query.order_by(audit.c.number))]

    async def head(self, run: str) -> Head | None:
        """What the run's row says of its chain; None where there is no such run."""
        query = select(runs.c.audit_count, runs.c.audit_head, runs.c.audit_seal, runs.c.started_at)
        row = await self._first(query.where(runs.c.id == run))
        if row is None:
            return None
        return Head(
            run=run,
            count=row["audit_count"],
            head=row["audit_head"] or "",
            seal=row["audit_seal"] or "",
            due=bool(row["started_at"] >= await self._since()),
        )

    async def run_ids(self) -> list[str]:
        """Every run that has a row, or rows of the audit alone, in order of their ids."""
        query = select(runs.c.id.label("run")).union(select(audit.c.run)).order_by("run")
        return [str(row["run"]) for row in await self._all(query)]

    async def calls(self, run: str) -> list[str]:
        """The tool calls of a run, by id, that the audit has to tell of."""
        query = select(tool_calls.c.id).where(
            tool_calls.c.run == run, tool_calls.c.started_at >= await self._since()
        )
        return [str(row["id"]) for row in await self._all(query)]

    async def reference(self, run: str) -> tuple[int, str]:
        """How many rows a run has now, and the code of the last one."""
        row = await self._first(
            select(runs.c.audit_count, runs.c.audit_head).where(runs.c.id == run)
        )
        return (row["audit_count"] or 0, row["audit_head"] or "") if row else (0, "")

    async def _since(self) -> float:
        """When this ledger began to be audited (UTC seconds)."""
        row = await self._first(select(meta.c.value).where(meta.c.key == _SINCE))
        return float(row["value"]) if row else 0.0

    async def forget_before(self, instant: float) -> int:
        """Delete content older than `instant` (UTC seconds) of runs that ended; how many rows had
        some. The rows stay and verify."""
        unfinished = select(runs.c.id).where(runs.c.finished_at.is_(None))
        return await self._write(
            delete(audit_content).where(
                audit_content.c.at < instant, audit_content.c.run.not_in(unfinished)
            )
        )


def _noted(connection: Connection) -> dict[str, str]:
    query = select(meta.c.key, meta.c.value).where(meta.c.key.in_((_KEY, _SINCE)))
    return {row.key: row.value for row in connection.execute(query)}
