"""At the command line, runs that were cut off go on beside what the person asked for.

Each is told in one line when it goes on and in one when it ends; its answer is in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import click

from app.lines import NoView
from app.run import CLI, Desk, Ended
from app.terminal import nobody
from ledger.runs import Run
from runtime.errors import SwitchyardError

_WIDTH = 4
"""Runs that go on at the same time."""


async def cut_off_here(desk: Desk) -> list[Run]:
    """Runs that were cut off by a crash of the command line. Those of a server wait for it."""
    found = await desk.services.holding.cut_off()
    return [run for run in found if (run.holder or "").startswith(f"{CLI}-")]


async def go_on_beside(desk: Desk, runs: Sequence[Run], home: str) -> None:
    """Go on with runs, and tell of each on stderr. Their questions stay open."""
    await asyncio.gather(*(_beside(desk, run, home) for run in runs))


async def go_on_with_all(desk: Desk, runs: Sequence[Run]) -> list[Ended]:
    """Go on with several runs at once; those that could not are told on stderr."""
    places = asyncio.Semaphore(_WIDTH)

    async def one(run: Run) -> Ended | None:
        async with places:
            _say(f"going on with run {run.id}: {_short(run.request)}")
            return await _resumed(desk, run)

    ended = await asyncio.gather(*(one(run) for run in runs))
    return [end for end in ended if end is not None]


async def _beside(desk: Desk, run: Run, home: str) -> None:
    _say(f"going on with run {run.id}, which was cut off: {_short(run.request)}")
    ended = await _resumed(desk, run)
    if ended is not None:
        at = f" --home {home}" if home else ""
        _say(f"run {run.id} is {ended.status}: switchyard runs show {run.id}{at}")


async def _resumed(desk: Desk, run: Run) -> Ended | None:
    try:
        return await replace(desk, person=nobody).resume(run, NoView())
    except SwitchyardError as error:
        # Somebody else took it over, or it cannot go on: the other runs and the request can.
        _say(str(error))
        return None


def _say(line: str) -> None:
    click.echo(line, err=True)


def _short(request: str) -> str:
    words = " ".join(request.split())
    return words if len(words) <= 70 else words[:69] + "…"
