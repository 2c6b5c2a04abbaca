"""Processes that drive runs, each with a sign of life, so that runs of a dead one are found."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select

from ledger.repository import Repository
from ledger.schema import processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    id: str
    host: str
    """The machine, and the space in which `pid` counts."""
    pid: int
    started_at: float
    """When the operating system started it."""
    renewed_at: float
    """Its latest sign of life."""


class Processes(Repository):
    """One row for each process that has the rooms open."""

    async def renew(self, id: str, *, host: str, pid: int, started_at: float) -> None:
        """Give a sign of life. A row that somebody took away is there again afterwards."""
        await self._write(
            self._insert_or_update(
                processes,
                id=id,
                host=host,
                pid=pid,
                started_at=started_at,
                renewed_at=self._clock(),
            )
        )

    async def leave(self, *ids: str) -> None:
        """Forget processes. What they still hold was cut off."""
        await self._write(delete(processes).where(processes.c.id.in_(ids)))

    async def known(self) -> list[Process]:
        """Every process that was not forgotten, dead or alive."""
        return [Process(**row) for row in await self._all(select(processes))]

    def now(self) -> float:
        """The time by which signs of life are dated, in UTC seconds."""
        return self._clock()
