"""Model answers and tool results by content hash, with the request's hash: what a replay needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, insert, select

from ledger.repository import Repository
from ledger.schema import blobs, effects, exchanges
from runtime.canonical import Json, canonical, digest

Kind = Literal["model", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    id: int
    run: str
    task: str
    kind: str
    request: str
    response: str
    at: float


class Exchanges(Repository):
    """Content is stored once under its SHA-256; requests and responses are both content."""

    async def record(self, run: str, task: str, kind: Kind, request: Json, response: Json) -> str:
        """Keep one exchange. Returns the digest of the response."""
        asked, answered = digest(request), digest(response)
        now = self._clock()
        await self._write(
            self._insert_or_keep(blobs, digest=asked, content=canonical(request).encode(), at=now),
            self._insert_or_keep(
                blobs, digest=answered, content=canonical(response).encode(), at=now
            ),
            insert(exchanges).values(
                run=run, task=task, kind=kind, request=asked, response=answered, at=now
            ),
        )
        return answered

    async def keep(self, content: Json) -> str:
        """Store a value by itself. Returns its digest."""
        key = digest(content)
        await self._write(
            self._insert_or_keep(
                blobs, digest=key, content=canonical(content).encode(), at=self._clock()
            )
        )
        return key

    async def content(self, key: str) -> bytes | None:
        """The canonical JSON stored under a digest, or None."""
        row = await self._first(select(blobs.c.content).where(blobs.c.digest == key))
        return bytes(row["content"]) if row else None

    async def of_run(self, run: str) -> list[Exchange]:
        rows = await self._all(
            select(exchanges).where(exchanges.c.run == run).order_by(exchanges.c.id)
        )
        return [Exchange(**row) for row in rows]

    async def forget_before(self, instant: float) -> int:
        """Delete exchanges and content older than `instant` (UTC seconds); how many exchanges."""
        count = await self._write(delete(exchanges).where(exchanges.c.at < instant))
        kept = select(exchanges.c.request).union(
            select(exchanges.c.response),
            # A replayed effect returns its recorded result, however old it is.
            select(effects.c.result).where(effects.c.result.is_not(None)),
        )
        await self._write(delete(blobs).where(blobs.c.at < instant, blobs.c.digest.not_in(kept)))
        return count
