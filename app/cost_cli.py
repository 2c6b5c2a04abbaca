"""`switchyard cost`: what model calls cost, and what tiering saves."""

# ruff: noqa: PLC0415 - `--help` is instant, because a command imports the rooms when it runs.

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from app.cli_options import home_option, json_option, print_json, settings_at

if TYPE_CHECKING:
    from ledger.spend_sums import By

_BY = ("run", "specialist", "tier", "tenant", "day", "deployment")


@click.command(short_help="Sum what model calls cost, and what tiering saves.")
@click.option("--by", type=click.Choice(_BY), default="tier", show_default=True)
@click.option("--since", default="", metavar="WHEN", help="2026-11-30, 2026-11-30T08:00, or 7d.")
@click.option("--until", default="", metavar="WHEN", help="Calls before it; the same forms.")
@click.option("--run", "run_id", default="", metavar="ID", help="Only this run.")
@click.option("--frontier", default="", metavar="ID", help="Compare with this deployment.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=30, show_default=True)
@click.option("--plot", "plotted", is_flag=True, help="Bars in plain text.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, all rows.")
@home_option
@json_option
def cost(
    by: By,
    since: str,
    until: str,
    run_id: str,
    frontier: str,
    limit: int,
    plotted: bool,
    as_csv: bool,
    home: str,
    json: bool,
) -> None:
    """Sum what model calls cost: by tier, deployment, run, specialist, tenant or day (UTC).

    Everything is read from the ledger; no model is called. Beside the cost stands what the same
    calls would have cost on one deployment: the dearest of the active profile, or the one that
    --frontier names, of any profile. LIMIT is how many rows are shown; the total counts all.
    """
    from app.console import console
    from app.cost import costs
    from app.cost_show import costs_csv, costs_json, plot, show_costs
    from app.cost_span import span_of

    if plotted + as_csv + json > 1:
        raise click.UsageError("--plot, --csv and --json exclude each other.")
    found = asyncio.run(costs(settings_at(home), by, span_of(since, until, run_id), frontier))
    if json:
        print_json(costs_json(found))
    elif as_csv:
        click.echo(costs_csv(found), nl=False)
    elif plotted:
        plot(found, console(), limit)
    else:
        show_costs(found, console(), limit)
