"""`switchyard effects`: what may have happened and nobody knows, and how a person settles it."""

# ruff: noqa: PLC0415 - `--help` is instant, because a command imports the rooms when it runs.

from __future__ import annotations

import asyncio
from typing import Literal

import click

from app.cli_options import home_option, json_option, print_json, settings_at


@click.group(
    invoke_without_command=True,
    short_help="List effects of unknown outcome; settle them.",
)
@home_option
@json_option
@click.pass_context
def effects(ctx: click.Context, home: str, json: bool) -> None:
    """List effects that may have happened: sent, or about to be, and never recorded.

    Nothing sends them again by itself. Look at the target of each, then settle it.
    """
    ctx.obj = home
    if ctx.invoked_subcommand is not None:
        return
    from app.effects import open_effects, opened_json, show_opened

    found = asyncio.run(open_effects(settings_at(home)))
    if json:
        print_json(opened_json(found))
    else:
        show_opened(found, home)


@effects.command(short_help="Say whether an effect happened.")
@click.argument("key")
@click.argument("outcome", type=click.Choice(["done", "not-done"]))
@click.option("--result", metavar="FILE", help="What the target says, JSON or text; - for stdin.")
@click.option("--by", default="", metavar="WHO", help="Who looked; else this machine's user.")
@home_option
@json_option
@click.pass_obj
def settle(
    outer_home: str,
    key: str,
    outcome: Literal["done", "not-done"],
    result: str | None,
    by: str,
    home: str,
    json: bool,
) -> None:
    """Record whether an effect happened, after looking at its target.

    KEY is one that `switchyard effects` lists, or its beginning. After `done` the same call gets
    the recorded result and sends nothing; after `not-done` it may be sent again. Who settled it
    is a row of the audit.
    """
    from app.effects import settle as settle_it
    from app.effects import settled_json, show_settled
    from app.person import at_this_terminal

    settled = asyncio.run(
        settle_it(
            settings_at(home or outer_home),
            key,
            happened=outcome == "done",
            result=result,
            by=by or at_this_terminal(),
        )
    )
    if json:
        print_json(settled_json(settled))
    else:
        show_settled(settled)
