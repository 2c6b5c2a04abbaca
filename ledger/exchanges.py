"""Model answers and tool results by content hash, with the request's hash: what a replay needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sqlalchemy import Connection, bindparam, delete, select, union

from ledger.address import Dialect
from ledger.content import Stored, stored
from ledger.driver import Cursor, in_words_of
from ledger.repository import Repository, Statement, Step, overwrite
from ledger.schema import blobs, effects, exchanges, files, runs, tool_calls
from runtime.canonical import Json

Kind = Literal["model", "tool"]

# What every call of a tool or a model writes, in the driver's words. Content that is there becomes
# young again, so that nobody forgets it meanwhile.
_KEEP = (
    "INSERT INTO blobs (digest, content, at) VALUES (?, ?, ?)"
    " ON CONFLICT (digest) DO UPDATE SET at = excluded.at"
)
_ENTER = "INSERT INTO exchanges (run, task, kind, request, response, at) VALUES (?, ?, ?, ?, ?, ?)"
_CONTENT = select(blobs.c.content).where(blobs.c.digest == bindparam("of"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    id: int
    run: str
    task: str
    kind: str
    request: str
    response: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An exchange that is still to be written, within a transaction of another repository."""

    run: str
    task: str
    kind: Kind
    asked: Stored
    answered: Stored
    at: float

    @property
    def digest(self) -> str:
        """Under which the response is going to be kept."""
        return self.answered.digest

    def write(self, connection: Connection, dialect: Dialect) -> None:
        """Write it; the caller's transaction commits it."""
        # In the order of their digests: two exchanges of the same contents never wait in a circle.
        both = sorted((self.asked, self.answered), key=lambda one: one.digest)
        request, response = self.asked.digest, self.answered.digest
        with Cursor(connection) as cursor:
            for one in both:
                cursor.run(in_words_of(dialect, _KEEP), (one.digest, one.content, self.at))
            entered = (self.run, self.task, self.kind, request, response, self.at)
            cursor.run(in_words_of(dialect, _ENTER), entered)


class Exchanges(Repository):
    """Content is stored once under its SHA-256; requests and responses are both content."""

    _mask: Callable[[Json, str], Json] | None = None

    def mask_by(self, mask: Callable[[Json, str], Json]) -> None:
        """Take secrets out of every exchange with a model before it is stored, from now on.

        Args:
            mask: Gets a value and its text, and returns the value without secrets: the same
                object where there are none. Tools' results come without any.
        """
        self._mask = mask

    async def record(self, run: str, task: str, kind: Kind, request: Json, response: Json) -> str:
        """Keep one exchange. Returns the digest of the response."""
        dialect = self._dialect
        made = self.prepared(run, task, kind, request, response)
        await self._atomic("write exchanges", lambda connection: made.write(connection, dialect))
        return made.digest

    def prepared(self, run: str, task: str, kind: Kind, request: Json, response: Json) -> Prepared:
        """What `record` writes, for `ToolCalls.close` and `Effects.settle`."""
        return Prepared(
            run=run,
            task=task,
            kind=kind,
            asked=self._stored(kind, request),
            answered=self._stored(kind, response),
            at=self._clock(),
        )

    def entry(
        self, run: str, task: str, kind: Kind, request: Json, response: Json
    ) -> tuple[Statement, ...]:
        """What `record` writes, for `Ledger.commit`."""
        made = self.prepared(run, task, kind, request, response)
        work = partial(made.write, dialect=self._dialect)
        return (Step(writes="blobs, exchanges", work=work),)

    def _stored(self, kind: Kind, value: Json) -> Stored:
        kept = stored(value)
        if self._mask is None or kind == "tool":
            return kept
        masked = self._mask(value, kept.content.decode())
        return kept if masked is value else stored(masked)

    def may_be_kept(self, value: Json) -> bool:
        """Whether a value of a model's can be stored as it is: there is no secret in it."""
        return self._mask is None or self._mask(value, stored(value).content.decode()) is value

    async def keep(self, content: Json) -> str:
        """Store a value by itself. Returns its digest."""
        kept = stored(content)
        # Content that is there becomes young again, so that nobody forgets it meanwhile.
        row = {"digest": kept.digest, "content": kept.content, "at": self._clock()}
        await self._write((overwrite(self._dialect, blobs, ("at",)), row))
        return kept.digest

    async def content(self, key: str) -> bytes | None:
        """The canonical JSON stored under a digest, or None."""
        row = await self._first(_CONTENT, {"of": key})
        return bytes(row["content"]) if row else None

    async def of_run(self, run: str) -> list[Exchange]:
        rows = await self._all(
            select(exchanges).where(exchanges.c.run == run).order_by(exchanges.c.id)
        )
        return [Exchange(**row) for row in rows]

    async def forget_before(self, instant: float) -> int:
        """Delete exchanges and content older than `instant` (UTC seconds); how many exchanges.

        What unfinished runs, files and effects refer to stays, however old it is.
        """
        unfinished = select(runs.c.id).where(runs.c.finished_at.is_(None))
        kept = union(
            select(exchanges.c.request),
            select(exchanges.c.response),
            # A replayed effect returns its recorded result.
            select(effects.c.result).where(effects.c.result.is_not(None)),
            select(files.c.digest),
            select(tool_calls.c.result).where(
                tool_calls.c.result.is_not(None), tool_calls.c.run.in_(unfinished)
            ),
        )
        # Locked first, in the order in which `record` locks: then the age is the present one.
        old = (
            select(blobs.c.digest)
            .where(blobs.c.at < instant, blobs.c.digest.not_in(kept))
            .order_by(blobs.c.digest)
            .with_for_update(of=blobs)
        )

        def forget(connection: Connection) -> int:
            gone = connection.execute(
                delete(exchanges).where(
                    exchanges.c.at < instant, exchanges.c.run.not_in(unfinished)
                )
            )
            connection.execute(delete(blobs).where(blobs.c.digest.in_(old)))
            return gone.rowcount

        return await self._atomic("forget old exchanges", forget)
