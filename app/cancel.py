"""`switchyard cancel`: ends a run from any terminal, whoever drives it."""

from __future__ import annotations

import getpass
import json

import click

from app.exit_codes import Exit
from app.lookup import known_run
from graphs.cancelled import cancel
from graphs.host import holders_gone
from ledger.runs import Run
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import Settings


async def cancel_run(settings: Settings, id: str) -> Run:
    """Ask for the end of a run and wait for it; one that nobody drives is ended at once.

    Raises:
        UnknownRun: no run has this id, or several begin with it.
        UserError: it has ended.
    """
    async with open_ledger(settings.ledger) as ledger:
        run = await known_run(ledger, id)
        return await cancel(ledger, run, _who(), gone=lambda: holders_gone(ledger))


def cancelled_json(run: Run) -> Json:
    """How it stands now, as data."""
    return {
        "run": run.id,
        "status": run.status if run.ended else "cancelling",
        "by": run.cancel_by,
        "text": told(run),
    }


def show_cancelled(run: Run, *, as_json: bool) -> Exit:
    """Print how a run ended. Not `done` when something else ended it first."""
    if as_json:
        click.echo(json.dumps(cancelled_json(run), ensure_ascii=False, indent=2))
    else:
        click.echo(told(run))
    return Exit.done if run.status == "cancelled" else Exit.failed


def told(run: Run) -> str:
    """How it ended, in words."""
    if not run.ended:
        return f"Run {run.id} was asked to end; its workers have not ended yet."
    if run.status != "cancelled":
        return f"Run {run.id} ended before it could be cancelled: {run.status}."
    return str((run.answer or {}).get("text", ""))


def _who() -> str:
    """The person at this terminal, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody at the command line"
