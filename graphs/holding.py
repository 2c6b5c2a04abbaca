"""Which runs this process drives: it says that it lives, and hears when one is to be cancelled.

A run has one holder at a time. Whoever finds a run whose holder is gone takes it over by one
conditional UPDATE, so two never drive the same run.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphs.cancelled import cancel, close_cancelled, tidy
from graphs.host import Place, gone_of, here, holders_gone
from ledger.runs import Run
from ledger.store import Ledger
from runtime.errors import RunCancelled, RunTaken, SwitchyardError

T = TypeVar("T")

_LOOK = 1.0
"""Seconds between two looks at what is held; every second one renews the sign of life, and books
what could not be written before."""
_SWEEP = 15
"""So many looks lie between two searches for what dead processes have set aside."""
_PATIENCE = 10.0
"""Seconds that workers have to end when this process closes."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Work:
    """Something that is done for a run, and the work inside of which it is done."""

    within: _Work | None
    task: asyncio.Future[Any] | None = None
    inside: int = 0
    """Works inside of this one that have not ended."""
    stopped: SwitchyardError | None = None
    """Why it was told to end; None while it was not."""

    def cancel(self) -> bool:
        """Tell it to end. False when it has ended."""
        return self.task is not None and self.task.cancel()


_within: ContextVar[_Work | None] = ContextVar("_within", default=None)


@dataclass(slots=True, kw_only=True)
class Holding:
    """The runs of this process, for as long as its services are open."""

    ledger: Ledger
    process: str
    """This process, as runs name their holder."""
    place: Place
    _works: dict[str, set[_Work]] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)
    _cut: set[str] = field(default_factory=set)
    """Runs whose drive was ended from outside, or which had no work at the last look."""
    _drives: dict[str, str] = field(default_factory=dict)
    """Under which id the server drives a run now."""
    _closing: bool = False

    async def take(self, run: str) -> None:
        """Become the one who drives a run, unless somebody else does.

        What a dead process had reserved for it is booked as spent.

        Raises:
            RunCancelled: it is to be cancelled, or was.
            RunTaken: another process drives it, or it has ended.
        """
        row = await self.ledger.runs.get(run)
        if row is None:
            raise RunTaken(run, "")
        if row.cancel_at is not None:
            if row.holder in (None, self.process):
                self._held.add(run)
            raise RunCancelled(run, row.cancel_by or "")
        if row.holder != self.process or row.status != "running":
            away = await self.gone() if row.holder not in (None, self.process) else set()
            if not await self.ledger.runs.claim(run, self.process, away):
                raise RunTaken(run, "" if row.ended else row.holder or "")
            if row.holder in away:
                await self.ledger.budgets.forfeit(run)
        self._held.add(run)

    async def unless_cancelled(self, run: str, work: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        """Do work for a run that this process takes, until it ends or the run is cancelled.

        Raises:
            RunCancelled: the run is to be cancelled; the work has ended.
            RunTaken: another process drives the run; the work has ended.
        """
        try:
            await self._open()
            await self.take(run)
        except BaseException:
            if asyncio.iscoroutine(work):
                work.close()
            raise
        above = _within.get()
        one = _Work(within=above)
        token = _within.set(one)
        task: asyncio.Future[T] = asyncio.ensure_future(work)
        _within.reset(token)
        one.task = task
        self._works.setdefault(run, set()).add(one)
        if above:
            above.inside += 1
        try:
            return await task
        except asyncio.CancelledError:
            # What was cut short must go on, whatever else waits for a person.
            self._asked.discard(run)
            await self._told_to_end(run, one)
            raise
        finally:
            if above:
                above.inside -= 1
            self._works[run].discard(one)
            if not self._works[run]:
                del self._works[run]
                await self._rested(run)

    async def asked(self, run: str) -> None:
        """A task of the run waits for a person. With its last work the run rests."""
        self._asked.add(run)
        if run not in self._works:
            await self._rested(run)

    async def rest(self, run: str) -> None:
        """Nobody drives the run any more, as its questions are all that is open."""
        if await self.ledger.approvals.pending(run):
            await self.ledger.runs.release(run, self.process, "paused")
            self._forget(run)

    async def stop(self, run: str) -> None:
        """The person who drives the run stops it; it waits for their word."""
        await self.ledger.runs.release(run, self.process, "stopped")
        self._forget(run)

    async def cancel(self, run: Run, by: str, seconds: float = 15.0) -> Run:
        """Ask for the end of a run and wait for it; one that nobody drives is ended here.

        Returns:
            The run as it is then; not ended when its workers took longer than `seconds`.

        Raises:
            UserError: it has ended.
        """
        return await cancel(self.ledger, run, by, gone=self.gone, seconds=seconds)

    async def cut_off(self) -> list[Run]:
        """Runs that could go on and that nobody drives, the oldest first."""
        return await self.ledger.runs.cut_off(await self.gone())

    async def gone(self) -> set[str]:
        """Holders of unfinished runs that are gone."""
        return await holders_gone(self.ledger, self.place.host)

    async def sweep(self) -> None:
        """Book as spent what processes that are gone have set aside for calls, whatever run or
        tenant pays: nobody else would settle it."""
        holders = await self.ledger.budgets.holders() - {self.process}
        dead = await gone_of(self.ledger, holders, self.place.host)
        forfeited = await self.ledger.budgets.forfeit_of(dead)
        if forfeited.tokens or forfeited.dollars:
            _log.warning("processes %s are gone; %s of theirs counts as spent", dead, forfeited)

    def note_drive(self, drive: str, run: str) -> None:
        """Remember under which id the server drives a run: each answer begins another drive."""
        self._drives[run] = drive

    def driven_as(self, drive: str) -> str:
        """The run that the server drives under this id; empty when it is none of ours."""
        return next((run for run, known in self._drives.items() if known == drive), "")

    async def look(self) -> None:
        """Hear what became of the runs that are held; end the work of those to be cancelled."""
        for row in await self.ledger.runs.some(self._held) if self._held else ():
            works = self._works.get(row.id, set())
            if row.cancel_at is not None:
                await self._cancelled(row, works)
            elif row.ended or row.holder != self.process:
                _end(works, RunTaken(row.id, row.holder or ""))
                if not works:
                    # Until then it is looked at again: works around the innermost end after them.
                    self._forget(row.id)

    async def _cancelled(self, row: Run, works: set[_Work]) -> None:
        if works:
            _end(works, RunCancelled(row.id, row.cancel_by or ""))
        elif row.ended:
            await tidy(self.ledger, row)
        elif row.id in self._cut:
            # Its drive ended before it could close the run, or is stuck between two steps.
            await close_cancelled(self.ledger, row.id)
        else:
            self._cut.add(row.id)
        if row.ended and not works:
            self._forget(row.id)

    def _forget(self, run: str) -> None:
        for runs in (self._held, self._cut, self._asked):
            runs.discard(run)
        self._drives.pop(run, None)

    async def _rested(self, run: str) -> None:
        if run in self._asked:
            self._asked.discard(run)
            await self.rest(run)

    async def _told_to_end(self, run: str, one: _Work) -> None:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            self._cut.add(run)  # somebody else ends the drive, not we
        elif one.stopped is not None:
            raise one.stopped from None
        else:
            await self._open()

    async def _open(self) -> None:
        """Begin nothing once this process closes.

        What waits here is ended by who drives it; until then a run must neither fail nor go on.
        """
        if self._closing:
            await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """End all work, so that its run can go on elsewhere, and leave."""
        self._closing = True
        innermost = [one for works in self._works.values() for one in works if not one.inside]
        tasks = [one.task for one in innermost if one.cancel() and one.task]
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        await self.ledger.processes.leave(self.process)


@asynccontextmanager
async def open_holding(ledger: Ledger, kind: str) -> AsyncIterator[Holding]:
    """Enter this process among those that drive runs; `kind` begins its name.

    Raises:
        LedgerUnavailable: the ledger cannot be written.
    """
    place = await asyncio.to_thread(here)
    holding = Holding(ledger=ledger, process=f"{kind}-{uuid.uuid4().hex[:12]}", place=place)
    await _renew(holding)
    before, ledger.budgets.process = ledger.budgets.process, holding.process
    await holding.sweep()
    keeping = asyncio.create_task(_keep(holding), name=f"sign of life of {holding.process}")
    try:
        yield holding
    finally:
        # Before the rooms close: a worker must not meet a tool server that is gone.
        await holding.close()
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        ledger.budgets.process = before


def _end(works: set[_Work], why: SwitchyardError) -> None:
    """Tell the innermost works to end; those around them may then end in an orderly way."""
    for one in works:
        if not one.inside and one.stopped is None:
            one.stopped = why
            one.cancel()


async def _renew(holding: Holding) -> None:
    place = holding.place
    await holding.ledger.processes.renew(
        holding.process, host=place.host, pid=place.pid, started_at=place.started_at
    )


async def _keep(holding: Holding) -> None:
    """Live, and look. An error of the ledger is told and does not end it: the next one may do."""
    beat = 0
    while True:
        await asyncio.sleep(_LOOK)
        beat += 1
        try:
            if beat % 2 == 0:
                await _renew(holding)
                await holding.ledger.later.flush()
            await holding.look()
            if beat % _SWEEP == 0:
                await holding.sweep()
        except SwitchyardError as error:
            _log.warning("process %s: %s", holding.process, error)
