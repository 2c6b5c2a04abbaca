"""`switchyard tools`: list and search them, see what they are pinned to, release what changed."""

# ruff: noqa: PLC0415 - `--help` is instant, because a command imports the rooms when it runs.

from __future__ import annotations

import asyncio
import logging

import click

from app.cli_options import home_option, json_option, print_json, settings_at


@click.group(
    invoke_without_command=True,
    short_help="List and search tools; release those that changed.",
)
@click.option("--search", default="", metavar="WORDS", help="Only tools that fit, the best first.")
@home_option
@json_option
@click.pass_context
def tools(ctx: click.Context, search: str, home: str, json: bool) -> None:
    """List the tools, the ones in quarantine, and tool servers that are not available."""
    ctx.obj = home
    if ctx.invoked_subcommand is not None:
        return
    from app.catalogue import list_tools, show_tools

    # The list itself reports what does not start.
    logging.getLogger("tools.sessions").setLevel(logging.ERROR)
    found = asyncio.run(list_tools(settings_at(home), search))
    if json:
        print_json(found)
    else:
        show_tools(found)


@tools.command(short_help="List what each tool is pinned to.")
@click.argument("server", required=False, default="")
@home_option
@json_option
@click.pass_obj
def pins(outer_home: str, server: str, home: str, json: bool) -> None:
    """List what each tool is pinned to, and which of them are in quarantine.

    SERVER shows its tools alone. No server is started: this is what was seen last.
    """
    from app.tools_pins import pinned, show_pinned

    found = pinned(settings_at(home or outer_home), server)
    if json:
        print_json(found)
    else:
        show_pinned(found)


@tools.command(short_help="Release tools that changed, after showing the change.")
@click.argument("name", metavar="SERVER|SERVER_TOOL")
@click.option("--yes", is_flag=True, help="Approve what is shown without being asked.")
@click.option("--by", default="", metavar="NAME", help="Who approves; the user of this machine.")
@home_option
@json_option
@click.pass_obj
def approve(outer_home: str, name: str, yes: bool, by: str, home: str, json: bool) -> None:
    """Show what changed in a tool, or in all tools of a server, and release it.

    Exactly what was shown is pinned; a server that changes it once more is back in quarantine.
    Nothing is released without --yes where nobody can be asked.
    """
    from app.person import at_this_terminal
    from app.tools_pins import release

    done = release(
        settings_at(home or outer_home),
        name,
        by=by or at_this_terminal(),
        yes=yes,
        quiet=json,
    )
    if json:
        print_json(done)


@tools.command(short_help="Log in at a tool server, once.")
@click.argument("server")
@click.option("--by", default="", metavar="NAME", help="Who logs in; the user of this machine.")
@click.option("--minutes", default=5.0, show_default=True, help="How long to wait for the page.")
@home_option
@json_option
@click.pass_obj
def login(outer_home: str, server: str, by: str, minutes: float, home: str, json: bool) -> None:
    """Open the page of a tool server that wants a person to log in, and keep the login.

    It is for entries whose auth has the type oauth_user. The browser has to run on this machine.
    """
    from app.person import at_this_terminal
    from app.tools_login import log_in_at

    settings = settings_at(home or outer_home)
    done = asyncio.run(log_in_at(settings, server, by=by or at_this_terminal(), minutes=minutes))
    if json:
        print_json(done)
        return
    told = "it is renewed by itself" if done["renews"] else "it ends without notice, then again"
    click.echo(f"Logged in at {server} as {done['by']}; {told}.")
