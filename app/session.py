"""One sitting at the command line: open the house, drive a run in view, show how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from app.answer import as_json, evidence_of, many_as_json, show
from app.drive import Person, View
from app.edge import terminal
from app.exit_codes import Exit, of_status
from app.lines import NoView, PlainView
from app.live import LiveView
from app.lookup import known_approval, known_run
from app.progress import Progress, recall
from app.questions import NOTHING, Added, answer_to
from app.recovery import cut_off_here, go_on_beside, go_on_with_all
from app.run import Desk, Ended, Request, new_run, open_desk
from app.terminal import ask, nobody
from graphs.host import holders_gone
from ledger.calls import ToolCall
from ledger.store import Ledger, open_ledger
from runtime.errors import SwitchyardError
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown in the end: how the run left, and the calls that its answer rests on."""

    ended: Ended
    evidence: list[ToolCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """How the command line is used: over which installation, for a person or for a program."""

    settings: Settings
    json: bool
    home: str = ""
    """The `--home` that was given, for the commands that are suggested."""

    def start(self, request: Request, *, recover: bool = True) -> Exit:
        """Carry out a new request and show its end. Unless told not to, go on beside it with
        runs that a crash of the command line cut off."""
        run = new_run()
        return self._finish(self._started(request, run, recover=recover), run)

    def answer(self, approval: str, said: str, added: Added = NOTHING) -> Exit:
        """Answer an open question, go on with its run, and show its end."""
        return self._finish(self._answered(approval, said, added))

    def resume(self, run: str) -> Exit:
        """Go on with a run that was cut off, and show its end."""
        return self._finish(self._resumed(run), run)

    def resume_all(self) -> Exit:
        """Go on with every run that was cut off, and show the end of each.

        Returns:
            `done` when each of them is, otherwise the code of the first that is not.
        """
        shown = asyncio.run(self._all_resumed())
        if self.json:
            click.echo(many_as_json([one.ended for one in shown]))
        elif not shown:
            click.echo("No run was cut off.")
        else:
            for one in shown:
                click.echo(f"\n== Run {one.ended.run}")
                self._show(one)
        codes = [of_status(one.ended.status) for one in shown]
        return next((code for code in codes if code is not Exit.done), Exit.done)

    async def _started(self, request: Request, run: str, *, recover: bool) -> Exit:
        failed: SwitchyardError | None = None
        code = Exit.failed
        async with open_desk(self.settings, self._person) as desk, asyncio.TaskGroup() as beside:
            if recover and (runs := await cut_off_here(desk)):
                beside.create_task(go_on_beside(desk, runs, self.home))
            try:
                code = await self._ended(desk, desk.start(request, run, self._view(Progress())))
            except SwitchyardError as error:
                # Told once the other runs have ended: it is no reason to cut them off again.
                failed = error
        if failed is not None:
            raise failed
        return code

    async def _answered(self, approval: str, said: str, added: Added) -> Exit:
        # A mistake in the answer is told before any tool server is started.
        async with open_ledger(self.settings.ledger) as ledger:
            found = await known_approval(ledger, approval)
            resume = answer_to(found.id, found.kind, said, added)
            view = self._view(await recall(ledger, found.run))
        async with open_desk(self.settings, self._person) as desk:
            return await self._ended(desk, desk.answer(found, resume, view))

    async def _resumed(self, run: str) -> Exit:
        async with open_ledger(self.settings.ledger) as ledger:
            found = await known_run(ledger, run)
            view = self._view(await recall(ledger, found.id))
        async with open_desk(self.settings, self._person) as desk:
            return await self._ended(desk, desk.resume(found, view))

    async def _all_resumed(self) -> list[Shown]:
        async with open_ledger(self.settings.ledger) as ledger:
            if not await ledger.runs.cut_off(await holders_gone(ledger)):
                return []
        async with open_desk(self.settings, nobody) as desk:
            runs = await desk.services.holding.cut_off()
            ended = await go_on_with_all(desk, runs)
            return [await _shown(one, desk.services.ledger) for one in ended]

    async def _ended(self, desk: Desk, work: Coroutine[Any, Any, Ended]) -> Exit:
        """Show the end of a run at once: others may still be going on beside it."""
        ended = await work
        shown = await _shown(ended, desk.services.ledger)
        if self.json:
            click.echo(as_json(ended))
        else:
            self._show(shown)
        return of_status(ended.status)

    def _show(self, shown: Shown) -> None:
        show(shown.ended, shown.evidence, Console(), self.home)

    def _view(self, progress: Progress) -> View:
        if self.json:
            return NoView()
        if sys.stderr.isatty():
            return LiveView(progress, Console(stderr=True))
        return PlainView(progress)

    @property
    def _person(self) -> Person:
        return nobody if self.json or not terminal() else ask

    def _finish(self, work: Coroutine[Any, Any, Exit], run: str = "") -> Exit:
        try:
            return asyncio.run(work)
        except KeyboardInterrupt:
            if run:
                at = f" --home {self.home}" if self.home else ""
                click.echo(
                    f"\nWhat was accepted is kept. Go on with: switchyard resume {run}{at}",
                    err=True,
                )
            raise


async def _shown(ended: Ended, ledger: Ledger) -> Shown:
    return Shown(ended=ended, evidence=await evidence_of(ledger, ended.answer))
