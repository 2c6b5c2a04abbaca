"""A session's run in the ledger: begun with the first request, ended with the session, closed later
where its process was killed."""

from __future__ import annotations

import asyncio
import logging

from graphs.answer import answer_of
from graphs.cancelled import close_cancelled
from graphs.holding import Holding
from ledger.store import Ledger
from runtime.context import RunContext
from runtime.errors import RunCancelled, RunTaken, SwitchyardError

THREAD = "mcp:"
"""How the threads of such runs begin: no checkpoint has steps of them to go on from."""

_log = logging.getLogger("app.facade")


class SessionRun:
    """The run of one session."""

    def __init__(self, ledger: Ledger, holding: Holding, context: RunContext, way: str) -> None:
        self.context = context
        self.ended_by = ""
        """Who cancelled it; empty while nobody did."""
        self._ledger = ledger
        self._holding = holding
        self._way = way
        self._lock = asyncio.Lock()
        self._over = asyncio.Event()
        self._held: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Record the run, once.

        Raises:
            LedgerUnavailable: it cannot be written; then nothing may be done for the client.
        """
        async with self._lock:
            if self._held is not None:
                return
            context = self.context
            await self._ledger.runs.start(
                context.run,
                thread=f"{THREAD}{context.run}",
                request=f"MCP session over {self._way}",
                tenant=context.tenant,
                user=context.user,
                label=context.label,
                docs=context.docs,
                holder=self._holding.process,
            )
            self._held = asyncio.create_task(self._hold())

    async def end(self, unanswered: set[str]) -> None:
        """Finish the run, with the questions that nobody answered and their calls."""
        self._over.set()
        if self._held is None:
            return
        await self._held
        try:
            await _finish(self._ledger, self.context.run, "The session ended.", unanswered)
        except SwitchyardError as error:
            _log.warning("the run %s of a session is not closed: %s", self.context.run, error)

    async def _hold(self) -> None:
        """Drive the run until the session ends, or somebody cancels it."""
        run = self.context.run
        try:
            await self._holding.unless_cancelled(run, self._over.wait())
        except RunCancelled as error:
            self.ended_by = error.by
            await close_cancelled(self._ledger, run)
        except RunTaken:
            self.ended_by = "another process"
        except SwitchyardError as error:
            _log.warning("the run %s of a session: %s", run, error)


async def close_left(ledger: Ledger, holding: Holding) -> None:
    """End the runs of sessions whose process was killed: nobody can go on with them."""
    gone = await holding.gone()
    for run in await ledger.runs.unfinished():
        if run.thread.startswith(THREAD) and (run.holder is None or run.holder in gone):
            told = "The process that served this session ended before the session did."
            await _finish(ledger, run.id, told, set(), failed=True)


async def _finish(
    ledger: Ledger, run: str, told: str, unanswered: set[str], *, failed: bool = False
) -> None:
    row = await ledger.runs.get(run)
    if row is None or row.ended:
        return
    for call in sorted(unanswered):
        await ledger.calls.close(call, "refused", result=None, seconds=0.0)
    await ledger.approvals.withdraw(run, by="the end of the session")
    answer = await answer_of(
        ledger,
        run,
        status="failed" if failed else "done",
        text=told,
        outcomes=[],
        evidence=[],
        missing=[],
    )
    await ledger.runs.finish(run, answer["status"], dict(answer))
