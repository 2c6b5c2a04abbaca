"""Runs and the routing decision of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, update

from ledger.repository import Repository
from ledger.schema import routes, runs
from runtime.canonical import Json
from runtime.labels import Label, highest

Status = Literal[
    "running",
    "paused",
    "stopped",
    "done",
    "incomplete",
    "declined",
    "rejected",
    "failed",
    "cancelled",
]
"""`stopped`: by the person who drove it, who may go on with it; it is not resumed by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    id: str
    thread: str
    request: str
    tenant: str
    user: str
    label: str
    docs: str
    status: str
    answer: Json
    started_at: float
    finished_at: float | None
    holder: str | None = None
    """The process that drives the run now."""
    cancel_by: str | None = None
    cancel_at: float | None = None


class Runs(Repository):
    """One row a request, from intake to answer."""

    async def start(
        self,
        run: str,
        *,
        thread: str,
        request: str,
        tenant: str,
        user: str,
        label: Label,
        docs: str,
    ) -> None:
        """Record a run. A run that is there already keeps its row (a resumed intake)."""
        await self._write(
            self._insert_or_keep(
                runs,
                id=run,
                thread=thread,
                request=request,
                tenant=tenant,
                user=user,
                label=label.value,
                docs=docs,
                status="running",
                started_at=self._clock(),
            )
        )

    async def set_status(self, run: str, status: Status) -> None:
        """Set the status of a run that is not finished."""
        await self._write(
            update(runs).where(runs.c.id == run, runs.c.finished_at.is_(None)).values(status=status)
        )

    async def finish(self, run: str, status: Status, answer: Json) -> None:
        """Record the answer and the final status."""
        await self._write(
            update(runs)
            .where(runs.c.id == run)
            .values(status=status, answer=answer, finished_at=self._clock())
        )

    async def label(self, run: str) -> Label:
        """The run's present label; `regulated` for a run that is not recorded (fail closed)."""
        row = await self._first(select(runs.c.label).where(runs.c.id == run))
        return Label(row["label"]) if row else Label.regulated

    async def raise_label(self, run: str, label: Label) -> Label:
        """Raise the run's label to at least `label`; it never sinks. Returns the label now."""
        lower = [lesser.value for lesser in Label if lesser.rank < label.rank]
        await self._write(
            update(runs).where(runs.c.id == run, runs.c.label.in_(lower)).values(label=label.value)
        )
        return highest(await self.label(run), label)

    async def get(self, run: str) -> Run | None:
        row = await self._first(select(runs).where(runs.c.id == run))
        return Run(**row) if row else None

    async def latest(self, limit: int = 20) -> list[Run]:
        """The newest runs first."""
        rows = await self._all(select(runs).order_by(runs.c.started_at.desc()).limit(limit))
        return [Run(**row) for row in rows]

    async def record_route(self, run: str, decision: Json) -> None:
        await self._write(
            self._insert_or_update(routes, run=run, decision=decision, at=self._clock())
        )

    async def route(self, run: str) -> Json | None:
        row = await self._first(select(routes.c.decision).where(routes.c.run == run))
        return row["decision"] if row else None
