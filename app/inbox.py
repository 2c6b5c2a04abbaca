"""`switchyard approvals`: what waits for a person, and the command that answers it."""

from __future__ import annotations

import dataclasses

import click

from app.questions import command_for, in_lines
from ledger.approvals import Approval
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import Settings


async def pending(settings: Settings) -> list[Approval]:
    """The open questions of all runs, the oldest first."""
    async with open_ledger(settings.ledger) as ledger:
        return await ledger.approvals.pending()


def approvals_json(found: list[Approval]) -> Json:
    """The open questions as data."""
    return [dataclasses.asdict(one) | {"answer": command_for(one.id, one.kind)} for one in found]


def show_approvals(found: list[Approval], home: str) -> None:
    """Print each question with the exact command that answers it."""
    if not found:
        click.echo("Nothing waits for a person.")
    for one in found:
        click.echo(
            f"{click.style(one.id, bold=True)}  {one.kind} of run {one.run}, task {one.task}"
        )
        for line in in_lines(one.kind, one.task, one.question):
            click.echo(f"  {line}")
        click.echo(f"  Answer with: {command_for(one.id, one.kind, home)}\n")
