"""One sitting at the command line: open the house, drive a run in view, show how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from app.answer import as_json, evidence_of, show
from app.drive import Person, View
from app.edge import terminal
from app.exit_codes import Exit, of_status
from app.lines import NoView, PlainView
from app.live import LiveView
from app.lookup import known_approval, known_run
from app.progress import Progress, recall
from app.questions import answer_to
from app.run import Ended, Request, new_run, open_desk
from app.terminal import ask, nobody
from ledger.calls import ToolCall
from ledger.store import Ledger, open_ledger
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

    def start(self, request: Request) -> Exit:
        """Carry out a new request and show its end."""
        run = new_run()
        return self._finish(self._started(request, run), run)

    def answer(self, approval: str, said: str) -> Exit:
        """Answer an open question, go on with its run, and show its end."""
        return self._finish(self._answered(approval, said))

    def resume(self, run: str) -> Exit:
        """Go on with a run that was cut off, and show its end."""
        return self._finish(self._resumed(run), run)

    async def _started(self, request: Request, run: str) -> Shown:
        async with open_desk(self.settings, self._person) as desk:
            ended = await desk.start(request, run, self._view(Progress()))
            return await _shown(ended, desk.services.ledger)

    async def _answered(self, approval: str, said: str) -> Shown:
        # A mistake in the answer is told before any tool server is started.
        async with open_ledger(self.settings.ledger) as ledger:
            found = await known_approval(ledger, approval)
            answer_to(found.id, found.kind, said)
            view = self._view(await recall(ledger, found.run))
        async with open_desk(self.settings, self._person) as desk:
            ended = await desk.answer(found, said, view)
            return await _shown(ended, desk.services.ledger)

    async def _resumed(self, run: str) -> Shown:
        async with open_ledger(self.settings.ledger) as ledger:
            found = await known_run(ledger, run)
            view = self._view(await recall(ledger, found.id))
        async with open_desk(self.settings, self._person) as desk:
            ended = await desk.resume(found, view)
            return await _shown(ended, desk.services.ledger)

    def _view(self, progress: Progress) -> View:
        if self.json:
            return NoView()
        if sys.stderr.isatty():
            return LiveView(progress, Console(stderr=True))
        return PlainView(progress)

    @property
    def _person(self) -> Person:
        return nobody if self.json or not terminal() else ask

    def _finish(self, work: Coroutine[Any, Any, Shown], run: str = "") -> Exit:
        try:
            shown = asyncio.run(work)
        except KeyboardInterrupt:
            if run:
                at = f" --home {self.home}" if self.home else ""
                click.echo(
                    f"\nWhat was accepted is kept. Go on with: switchyard resume {run}{at}",
                    err=True,
                )
            raise
        if self.json:
            click.echo(as_json(shown.ended))
        else:
            show(shown.ended, shown.evidence, Console(), self.home)
        return of_status(shown.ended.status)


async def _shown(ended: Ended, ledger: Ledger) -> Shown:
    return Shown(ended=ended, evidence=await evidence_of(ledger, ended.answer))
