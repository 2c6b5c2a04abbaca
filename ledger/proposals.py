"""Changes that somebody proposes, and what an operator decided: approve, reject, roll back.

A row changes nothing by itself. Whoever carries out a change moves its row, and the row says who.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, update

from ledger.repository import Repository
from ledger.schema import proposals
from runtime.canonical import Json

State = Literal["proposed", "approved", "rejected", "rolled back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    id: str
    kind: str
    """What is proposed, and so what `payload` holds; its owner gives both their shape."""
    sources: list[str]
    """The runs that gave the reason."""
    tenant: str
    """On whose behalf those runs were."""
    payload: Json
    state: str
    proposed_by: str
    proposed_at: float
    decided_by: str | None
    decided_at: float | None
    rolled_back_by: str | None
    rolled_back_at: float | None


class Proposals(Repository):
    """The changes that wait for an operator, and those that were decided."""

    async def propose(
        self,
        id: str,
        *,
        kind: str,
        sources: list[str],
        tenant: str,
        payload: Json,
        by: str,
    ) -> Proposal:
        """Record a proposal, or return the one of the same id with its state."""
        await self._write(
            self._insert_or_keep(
                proposals,
                id=id,
                kind=kind,
                sources=sources,
                tenant=tenant,
                payload=payload,
                state="proposed",
                proposed_by=by,
                proposed_at=self._clock(),
            )
        )
        found = await self.get(id)
        assert found is not None, "the row was just written"
        return found

    async def decide(
        self, id: str, state: Literal["approved", "rejected"], *, by: str, payload: Json = None
    ) -> bool:
        """Decide on what is proposed; False when it was decided before or does not exist.

        Of several that decide at once, one counts. `payload` takes the place of the proposed one:
        what was approved is on record as it was approved.
        """
        changed = {"payload": payload} if payload is not None else {}
        return await self._move(
            id, "proposed", state=state, decided_by=by, decided_at=self._clock(), **changed
        )

    async def reopen(self, id: str, payload: Json) -> bool:
        """Take an approval back that could not be carried out; `payload` is what was proposed."""
        return await self._move(
            id, "approved", state="proposed", decided_by=None, decided_at=None, payload=payload
        )

    async def roll_back(self, id: str, *, by: str) -> bool:
        """Note that an approved change was undone; False when it is not in force."""
        return await self._move(
            id,
            "approved",
            state="rolled back",
            rolled_back_by=by,
            rolled_back_at=self._clock(),
        )

    async def get(self, id: str) -> Proposal | None:
        row = await self._first(select(proposals).where(proposals.c.id == id))
        return Proposal(**row) if row else None

    async def listed(self, state: State | None = None) -> list[Proposal]:
        """The proposals, the oldest first; of one state, or all."""
        query = select(proposals)
        if state is not None:
            query = query.where(proposals.c.state == state)
        rows = await self._all(query.order_by(proposals.c.proposed_at, proposals.c.id))
        return [Proposal(**row) for row in rows]

    async def _move(self, id: str, before: State, **values: object) -> bool:
        changed = await self._write(
            update(proposals)
            .where(proposals.c.id == id, proposals.c.state == before)
            .values(**values)
        )
        return changed == 1
