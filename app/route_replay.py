"""`switchyard route --replay`: decides a recorded run's route again, and says what differs."""

from __future__ import annotations

import asyncio

import click

from agents.routing.desk import Desk
from agents.routing.replay import Replayed, replay
from app.lookup import known_run
from app.route_desk import open_desk
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.labels import Label
from runtime.settings import Settings


async def replay_at(settings: Settings, run_id: str) -> Replayed:
    """Decide the route of a run again, with the specialists and settings of now. No chat
    model is asked: what tier `route` answered then is on record. With vectors of tier `embed` the
    request is encoded anew, within the boundary of its run.

    Raises:
        UnknownRun: no run has this id, several begin with it, or it was not routed.
        ConfigError: a configuration file is wrong.
    """
    async with open_ledger(settings.ledger) as ledger:
        run = await known_run(ledger, run_id)
    async with open_desk(settings, run.tenant, Label(run.label)) as opened:
        # A loop of its own: the stages wait for this one where tier `embed` makes the vectors.
        return await asyncio.to_thread(asyncio.run, _replayed(settings, run.id, opened.desk))


async def _replayed(settings: Settings, run: str, desk: Desk) -> Replayed:
    async with open_ledger(settings.ledger) as ledger:
        return await replay(run, ledger, lambda _: desk)


def replayed_json(found: Replayed) -> Json:
    """What came of it, as data."""
    return {"same": found.same, **found.model_dump(mode="json")}


def show_replayed(found: Replayed) -> None:
    """Print whether the route is the same, and what differs."""
    then = " → ".join(one.specialist for one in found.recorded.dispatches) or found.recorded.kind
    word = click.style("same", fg="green") if found.same else click.style("differs", fg="red")
    click.echo(f"{click.style(found.run, bold=True)}  {word}: then {then}", nl=False)
    if found.again is not None:
        names = " → ".join(one.specialist for one in found.again.dispatches) or found.again.kind
        click.echo(f", now {names}", nl=False)
    click.echo()
    if found.router_changed:
        click.echo("  Specialists, examples, encoder or settings are not those of then.")
    for one in found.differences:
        click.echo(f"  {one}")
