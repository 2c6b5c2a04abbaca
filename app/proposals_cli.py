"""`switchyard proposals`: what feedback would change, and the decision on it.

The rooms are imported by the command that needs them, so that `--help` is instant.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli_options import home_option, json_option, print_json, settings_at

if TYPE_CHECKING:
    from app.proposals import Done

_by = click.option("--by", default="", metavar="WHO", help="Who decides; else this machine's user.")
_golden = click.option(
    "--golden",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Requests whose place is known; else golden.jsonl or golden.csv of the configuration.",
)


@click.group(invoke_without_command=True)
@click.option(
    "--state",
    type=click.Choice(["proposed", "approved", "rejected", "rolled back", "all"]),
    default="proposed",
    show_default=True,
    help="Which to list.",
)
@click.option("--quick", is_flag=True, help="Leave out what each would do to routing.")
@_golden
@home_option
@json_option
@click.pass_context
def proposals(
    ctx: click.Context, state: str, quick: bool, golden: Path | None, home: str, json: bool
) -> None:
    """List what feedback would change: as a diff, and what that would do to routing.

    Routing is tried with and without each change, on the specialists' own examples and a golden
    set. Nothing changes before somebody approves it.
    """
    ctx.obj = home
    if ctx.invoked_subcommand is not None:
        return
    from app.proposal_list import listed
    from app.proposals_show import seen_json, show_listed

    found = asyncio.run(listed(settings_at(home), state, golden=golden, quick=quick))
    if json:
        print_json([seen_json(one) for one in found])
    else:
        show_listed(found, home)


@proposals.command()
@click.argument("proposal", metavar="ID")
@click.option("--text", default="", metavar="TEXT", help="The example in other words.")
@click.option(
    "--include-regulated", is_flag=True, help="Write words of a regulated run into the file."
)
@_by
@home_option
@json_option
@click.pass_obj
def approve(
    outer_home: str,
    proposal: str,
    text: str,
    include_regulated: bool,
    by: str,
    home: str,
    json: bool,
) -> None:
    """Write what a proposal says into its file, and show the diff.

    Comments and formatting of the file stay. A server takes it up when it starts next.
    """
    from app.person import at_this_terminal
    from app.proposals import approve as approve_it

    done = asyncio.run(
        approve_it(
            settings_at(home or outer_home),
            proposal,
            by=by or at_this_terminal(),
            text=text,
            include_regulated=include_regulated,
        )
    )
    _tell(done, as_json=json)


@proposals.command()
@click.argument("proposal", metavar="ID")
@_by
@home_option
@json_option
@click.pass_obj
def reject(outer_home: str, proposal: str, by: str, home: str, json: bool) -> None:
    """Turn a proposal down. No file changes."""
    from app.person import at_this_terminal
    from app.proposals import reject as reject_it

    settings = settings_at(home or outer_home)
    done = asyncio.run(reject_it(settings, proposal, by=by or at_this_terminal()))
    _tell(done, as_json=json)


@proposals.command()
@click.argument("proposal", metavar="ID")
@_by
@home_option
@json_option
@click.pass_obj
def rollback(outer_home: str, proposal: str, by: str, home: str, json: bool) -> None:
    """Take what an approved proposal wrote out of its file again, and show the diff."""
    from app.person import at_this_terminal
    from app.proposals import roll_back

    settings = settings_at(home or outer_home)
    done = asyncio.run(roll_back(settings, proposal, by=by or at_this_terminal()))
    _tell(done, as_json=json)


def _tell(done: Done, *, as_json: bool) -> None:
    from app.proposals_show import decided_json, show_decided

    if as_json:
        print_json(decided_json(done))
    else:
        show_decided(done)
