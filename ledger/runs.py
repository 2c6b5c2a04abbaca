"""Runs, who drives each of them, and the routing decision of each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from ledger.audit import Audited
from ledger.chain import Fact
from ledger.driver import Cursor, in_words_of
from ledger.schema import approvals, routes, runs, tasks
from runtime.canonical import Json
from runtime.labels import Label, highest

# What every call asks, in the driver's words.
_LABEL = "SELECT label FROM runs WHERE id = ?"
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
    """The process that drives the run now; None for nobody."""
    cancel_by: str | None = None
    """Who asked for its end; the run may still be on its way there."""
    cancel_at: float | None = None
    audit_count: int | None = None
    """Rows of its audit; None for a run of a release that had none."""
    audit_head: str | None = None
    """The code of the last one."""
    audit_seal: str | None = None
    """The code over both."""

    @property
    def ended(self) -> bool:
        """Whether it has its answer."""
        return self.finished_at is not None


class Runs(Audited):
    """One row a request, from intake to answer."""

    _listeners: tuple[Callable[[str, Label], None], ...] = ()

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
        holder: str | None = None,
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
                holder=holder,
                **self._chain.begun(run),
            )
        )

    async def claim(self, run: str, holder: str, gone: Collection[str] = ()) -> bool:
        """Make `holder` the one who drives an unfinished run.

        One conditional UPDATE: of two that try, one gets it. False when it has ended, or when
        somebody drives it who is not `gone`.
        """
        r = runs.c
        free = or_(r.holder.is_(None), r.holder == holder, r.holder.in_(gone))
        taken = await self._write(
            update(runs)
            .where(r.id == run, r.finished_at.is_(None), free)
            .values(holder=holder, status="running")
        )
        return taken == 1

    async def release(self, run: str, holder: str, status: Literal["paused", "stopped"]) -> None:
        """Let go of a run that is not finished; nobody drives it from here on."""
        r = runs.c
        await self._write(
            update(runs)
            .where(r.id == run, r.holder == holder, r.finished_at.is_(None))
            .values(holder=None, status=status)
        )

    async def finish(self, run: str, status: Status, answer: Json) -> bool:
        """Record the answer and the final status. False when the run has ended: that end stays."""
        changed = await self._write(
            update(runs)
            .where(runs.c.id == run, runs.c.finished_at.is_(None))
            .values(status=status, answer=answer, finished_at=self._clock(), holder=None)
        )
        return changed == 1

    async def close_threadless(self, gone: Collection[str], why: str) -> int:
        """End as failed what holders that are `gone` held without a thread: nothing can go on with
        it. How many they were."""
        r = runs.c
        return await self._write(
            update(runs)
            .where(r.thread == "", r.finished_at.is_(None), r.holder.in_(gone))
            .values(status="failed", answer={"text": why}, finished_at=self._clock(), holder=None)
        )

    async def ask_cancel(self, run: str, by: str) -> bool:
        """Ask for the end of an unfinished run; who drives it sees it. False when it has ended,
        or somebody asked before."""
        r = runs.c
        changed = await self._write(
            update(runs)
            .where(r.id == run, r.finished_at.is_(None), r.cancel_at.is_(None))
            .values(cancel_by=by, cancel_at=self._clock())
        )
        return changed == 1

    async def some(self, ids: Collection[str]) -> list[Run]:
        """The runs of these ids, in no order."""
        return await self._where(runs.c.id.in_(ids))

    async def unfinished(self, thread: str = "") -> list[Run]:
        """Runs without an end, the oldest first; of one thread, or of all."""
        of_thread = [runs.c.thread == thread] if thread else []
        return await self._where(
            runs.c.status.in_(("running", "paused", "stopped")),
            runs.c.finished_at.is_(None),
            *of_thread,
        )

    async def cut_off(self, gone: Collection[str]) -> list[Run]:
        """Runs that nobody drives although nothing keeps them from going on, the oldest first.

        They work, or wait for an answer that was given, and who held them is `gone`. A run that
        its person stopped waits for that person. One without a thread left nothing to go on from.
        """
        r = runs.c
        ours = r.holder.in_(gone)
        paused = and_(r.status == "paused", or_(r.holder.is_(None), ours))
        return await self._where(
            r.finished_at.is_(None),
            r.thread != "",
            or_(
                and_(r.status == "running", ours),
                and_(paused, ~_asked("pending")),
                and_(paused, _answered_since()),
            ),
        )

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Run]:
        rows = await self._all(select(runs).where(*conditions).order_by(runs.c.started_at))
        return [Run(**row) for row in rows]

    async def label(self, run: str) -> Label:
        """The run's present label; `regulated` for a run that is not recorded (fail closed)."""

        def read(connection: Connection) -> Label:
            with Cursor(connection) as cursor:
                row = cursor.first(in_words_of(self._dialect, _LABEL), (run,))
            return Label(row[0]) if row else Label.regulated

        return await self._run(read, self._reading, atomic=False)

    async def label_of_thread(self, thread: str) -> Label:
        """The highest label that any run of the thread has or had; `regulated` without a thread."""
        rows = await self._all(select(runs.c.label).where(runs.c.thread == thread).distinct())
        known = [Label(row["label"]) for row in rows]
        return highest(*known) if thread and known else Label.regulated

    async def raise_label(self, run: str, label: Label) -> Label:
        """Raise the run's label to at least `label`; it never sinks. Returns the label now."""
        # Before it is written: a listener that hears of it too early only says too little.
        for heard in self._listeners:
            heard(run, label)
        lower = [lesser.value for lesser in Label if lesser.rank < label.rank]
        await self._write(
            update(runs).where(runs.c.id == run, runs.c.label.in_(lower)).values(label=label.value)
        )
        return highest(await self.label(run), label)

    def listen(self, heard: Callable[[str, Label], None]) -> None:
        """Call `heard` with a run and a label before this process raises the run to it."""
        if heard not in self._listeners:
            self._listeners = (*self._listeners, heard)

    async def get(self, run: str) -> Run | None:
        row = await self._first(select(runs).where(runs.c.id == run))
        return Run(**row) if row else None

    async def latest(self, limit: int = 20) -> list[Run]:
        """The newest runs first."""
        rows = await self._all(select(runs).order_by(runs.c.started_at.desc()).limit(limit))
        return [Run(**row) for row in rows]

    async def record_route(self, run: str, decision: Json) -> None:
        insert = self._insert_or_update(routes, run=run, decision=decision, at=self._clock())

        def write(connection: Connection) -> None:
            connection.execute(insert)
            fact = Fact(kind="routed", run=run, subject=run, parts={"decision": decision})
            self._chain.append(connection, fact)

        await self._atomic("write routes", write)

    async def route(self, run: str) -> Json | None:
        row = await self._first(select(routes.c.decision).where(routes.c.run == run))
        return row["decision"] if row else None


def _asked(state: str) -> ColumnElement[bool]:
    return exists().where(approvals.c.run == runs.c.id, approvals.c.state == state)


def _answered_since() -> ColumnElement[bool]:
    """A question was answered, but its task still waits: the answer did not reach it."""
    a, t = approvals.c, tasks.c
    return exists().where(
        a.run == runs.c.id,
        a.state.in_(("approved", "refused")),
        t.run == a.run,
        t.task == a.task,
        t.state == "paused",
        a.answered_at >= t.at,
    )
