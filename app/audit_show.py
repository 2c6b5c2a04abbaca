"""Prints the audit of a run, and what was found when it was verified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from app.audit import Chained, Checked, chains
from ledger.chain_check import Row
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import Settings


async def chained(settings: Settings, run: str) -> Chained:
    """The chain of a run by its id, or by the beginning of it.

    Raises:
        UnknownRun: there is none, or there are several.
    """
    async with open_ledger(settings.ledger) as ledger:
        found = [one async for one in chains(ledger, run)]
        return found[0]


def chained_json(found: Chained) -> Json:
    """A chain as data."""
    head = found.head
    return {
        "run": found.run,
        "count": head.count if head else None,
        "head": head.head if head else None,
        "rows": [
            {"entry": _read(row.entry), "mac": row.mac, "content": _read(row.content or "null")}
            for row in found.rows
        ],
    }


def show_chained(found: Chained) -> None:
    """One line for each row: when, what, who, and how it was decided or ended."""
    for row in found.rows:
        click.echo(_line(row))
    head = found.head
    if head and head.count:
        click.echo(f"{head.count} rows, reference {head.count}:{head.head}")
    else:
        click.echo(f"Run {found.run} has no audit.")


def show_checked(found: Sequence[Checked]) -> None:
    """Each damage by run, row and kind; then how much was looked at."""
    for one in found:
        for damage in one.damages:
            where = f"row {damage.number}" if damage.number else "the chain"
            run = f"Run {one.run}, {where}" if one.run else "The export"
            kind = click.style(damage.kind, fg="red")
            click.echo(f"{run}: {kind}: {damage.told}.")
    damaged = sum(bool(one.damages) for one in found)
    before = sum(not one.audited for one in found)
    rows = sum(one.rows for one in found)
    told = f"{len(found)} runs, {rows} rows: "
    told += f"{damaged} damaged." if damaged else click.style("intact.", fg="green")
    click.echo(told + (f" {before} runs are older than the audit." if before else ""))


def _line(row: Row) -> str:
    told = _read(row.entry)
    if not isinstance(told, dict):
        return f"{row.number:>5}  (unreadable)"
    at = datetime.fromtimestamp(told["at"], UTC).strftime("%Y-%m-%d %H:%M:%S")
    who = " ".join(str(told[name]) for name in ("task", "specialist", "by") if told.get(name))
    what = " ".join(
        str(told[name]) for name in ("tool", "verdict", "outcome", "subject") if told.get(name)
    )
    policies = f" [{', '.join(told['policies'])}]" if told.get("policies") else ""
    reason = f" - {told['reason']}" if told.get("reason") else ""
    return f"{row.number:>5}  {at}  {told['kind']:<9}  {who}  {what}{policies}{reason}"


def _read(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text
