"""`switchyard models`: what serves each tier; whether it answers; one model for another."""

# ruff: noqa: PLC0415 - `--help` is instant, because a command imports the rooms when it runs.

from __future__ import annotations

import asyncio
import dataclasses
import sys

import click

from app.cli_options import home_option, json_option, print_json, settings_at
from app.exit_codes import Exit


@click.group(
    invoke_without_command=True,
    short_help="List the models of each tier; test them; swap one.",
)
@click.option("--profile", default="", metavar="NAME", help="Another profile than the active one.")
@home_option
@json_option
@click.pass_context
def models(ctx: click.Context, profile: str, home: str, json: bool) -> None:
    """List what serves each tier: labels, prices, context windows, and how the latest calls went.

    Nothing is called: health is read from the ledger.
    """
    ctx.obj = home
    if ctx.invoked_subcommand is not None:
        return
    from app.console import console
    from app.models_list import list_models, listed_json
    from app.models_show import show_models

    found = asyncio.run(list_models(settings_at(home), profile))
    if json:
        print_json(listed_json(found))
    else:
        show_models(found, console())


@models.command(short_help="Make one small call to each model.")
@click.argument("target", metavar="[TIER|ID]", required=False, default="")
@home_option
@json_option
@click.pass_obj
def test(outer_home: str, target: str, home: str, json: bool) -> None:
    """Make one real, small call to each deployment, to those of a tier, or to one.

    Each goes through the ordinary door: boundary, budget, checks, ledger. Ends with 1 when one of
    them does not answer.
    """
    from app.console import console
    from app.models_call import call_each
    from app.models_show import show_tested

    run, found = asyncio.run(call_each(settings_at(home or outer_home), target))
    if json:
        print_json({"run": run, "models": [dataclasses.asdict(one) for one in found]})
    else:
        show_tested(run, found, console())
    sys.exit(Exit.done if all(one.outcome == "ok" for one in found) else Exit.failed)


@models.command(short_help="Put one model, or profile, in the place of another.")
@click.argument("old")
@click.argument("new")
@click.option("--dry-run", is_flag=True, help="Only show what would change, and its cost.")
@click.option("--since", default="", metavar="WHEN", help="Past calls that count: 7d, 2026-11-30.")
@home_option
@json_option
@click.pass_obj
def swap(
    outer_home: str, old: str, new: str, dry_run: bool, since: str, home: str, json: bool
) -> None:
    """Put NEW in the place of OLD: one line or entry of config/models.yaml, nothing else.

    OLD is the profile, a deployment's id, or a model. NEW is a profile, a deployment or a model of
    any profile, or a model of LiteLLM's price list at a vendor that the file knows. Shows the diff
    and what past calls would have cost. Refuses what has no price, may not see the data of past
    runs, or is too small for their prompts.
    """
    from app.console import console
    from app.cost_span import span_of
    from app.models_show import show_diff, show_swap
    from app.models_swap import SwapRefused
    from app.models_swap import swap as swap_models

    settings = settings_at(home or outer_home)
    span = span_of(since, "")
    try:
        found = asyncio.run(swap_models(settings, old, new, since=span.since, dry_run=dry_run))
    except SwapRefused as refused:
        if not json:
            show_diff(refused.diff)
        raise
    if json:
        print_json(dataclasses.asdict(found) | {"file": str(found.file)})
    else:
        show_swap(found, console())
