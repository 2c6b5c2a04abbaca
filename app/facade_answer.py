"""The answer to a question of an MCP session: recorded alone, since the session itself looks for
it. There are no steps to go on from."""

from __future__ import annotations

import json

import click

from app.facade_run import THREAD
from app.lookup import known_approval, known_run
from app.person import at_this_terminal
from app.questions import Added, answer_to
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.errors import UserError
from runtime.settings import Settings


async def answer_session(settings: Settings, approval: str, said: str, added: Added) -> Json | None:
    """Record the answer where the question is one of a session; None where it is of another run.

    Raises:
        UnknownRun: there is no such question.
        UserError: it was answered already, or the words decide nothing.
    """
    async with open_ledger(settings.ledger) as ledger:
        found = await known_approval(ledger, approval)
        run = await known_run(ledger, found.run)
        if not run.thread.startswith(THREAD):
            return None
        given: Json = answer_to(found.id, found.kind, said, added)
        if "output" in given:
            raise UserError(
                "--output is not taken for the question of an MCP session.",
                remedy="Approve to send the values that the server proposes, or refuse.",
            )
        decision = "approved" if given["decision"] == "approve" else "refused"
        if not await ledger.approvals.answer(
            found.id, "approved" if decision == "approved" else "refused", by=at_this_terminal()
        ):
            await known_approval(ledger, approval)
        return {"approval": found.id, "run": run.id, "decision": decision}


def show_answered(answered: Json, *, as_json: bool) -> None:
    """Say what was recorded, and what follows from it."""
    if as_json:
        click.echo(json.dumps(answered, ensure_ascii=False, indent=2))
        return
    told = "its client goes on by itself, or makes the call again"
    if answered["decision"] == "refused":
        told = "its client is told so"
    click.echo(f"{answered['approval']} of session {answered['run']}: {answered['decision']};")
    click.echo(f"{told}.")
