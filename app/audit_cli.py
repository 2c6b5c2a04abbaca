"""`switchyard audit`: verify what was recorded, show it, hand it to other systems.

The rooms are imported by the command that needs them, so that `--help` is instant.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Literal, TextIO

import click

from app.cli_options import home_option, json_option, print_json, settings_at
from app.exit_codes import Exit

_run = click.option("--run", "run_id", default="", metavar="ID", help="Only this run.")


@click.group()
def audit() -> None:
    """Verify the record of every decision, show it, export it."""


@audit.command()
@_run
@click.option(
    "--reference", default="", metavar="COUNT:CODE", help="Of the answer of that run: still there?"
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="EXPORT",
    help="An export in place of the ledger.",
)
@home_option
@json_option
def verify(run_id: str, reference: str, file: Path | None, home: str, json: bool) -> None:
    """Find rows that were changed, deleted, inserted or re-ordered, and tails that were cut off.

    Names run, row and kind of each damage. Ends with 1 if there is any.
    """
    from app.audit import verify as verify_ledger
    from app.audit_export import verify_file
    from app.audit_show import show_checked

    if reference and not run_id:
        raise click.UsageError("--reference belongs to one run: give --run as well.")
    if file and run_id:
        raise click.UsageError("--file is checked as a whole: leave --run out.")
    settings = settings_at(home)
    found = asyncio.run(
        verify_file(settings, file) if file else verify_ledger(settings, run_id, reference)
    )
    if json:
        print_json([one.as_json() for one in found])
    else:
        show_checked(found)
    sys.exit(Exit.failed if any(one.damages for one in found) else Exit.done)


@audit.command()
@click.option("--run", "run_id", required=True, metavar="ID", help="An id, or its beginning.")
@home_option
@json_option
def show(run_id: str, home: str, json: bool) -> None:
    """Show every decision, call, effect and answer of a run, in order."""
    from app.audit_show import chained, chained_json, show_chained

    found = asyncio.run(chained(settings_at(home), run_id))
    if json:
        print_json(chained_json(found))
    else:
        show_chained(found)


@audit.command()
@_run
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "otel"]), default="jsonl", show_default=True
)
@click.option(
    "-o",
    "--output",
    type=click.File("w", lazy=True),
    default="-",
    metavar="FILE",
    help="Else stdout.",
)
@home_option
def export(run_id: str, form: Literal["jsonl", "otel"], output: TextIO, home: str) -> None:
    """Write the audit as JSON Lines, or as OpenTelemetry logs (OTLP in JSON, a request a line).

    It carries head and count of each run; `switchyard audit verify --file` verifies it.
    """
    from app.audit_export import export as lines_of

    async def write() -> None:
        async for line in lines_of(settings_at(home), run_id, form):
            output.write(line + "\n")

    asyncio.run(write())
