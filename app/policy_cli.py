"""`switchyard policy`: what the policies decide, why, and what nobody has tried yet.

The rooms are imported by the command that needs them, so that `--help` is instant.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from app.cli_options import home_option, json_option, print_json, settings_at
from app.exit_codes import Exit

_files = click.argument(
    "files",
    nargs=-1,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="[FILE]...",
)
_limit = click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="How many recorded calls, the newest first.",
)


@click.group()
def policy() -> None:
    """Try the policies of config/policy: on written cases, and on what was recorded."""


@policy.command()
@_files
@click.option("--recorded", is_flag=True, help="Recorded decisions as well as written cases.")
@_limit
@home_option
@json_option
def test(files: tuple[Path, ...], recorded: bool, limit: int, home: str, json: bool) -> None:
    """Hold the policies against cases, and print each verdict that came out otherwise.

    FILE is a YAML file of cases; without any, config/policy/*.cases.yaml. With --recorded, the
    decisions of the ledger are made again: nothing is called, nothing is written. Ends with 1 for
    any difference.
    """
    from app.policy_run import test_policies
    from app.policy_show import cases_json, recorded_json, show_cases, show_recorded

    found = asyncio.run(test_policies(settings_at(home), files, limit if recorded else 0))
    if json:
        told = {"as_expected": found.as_expected, "cases": cases_json(found.held)}
        print_json(told | ({"recorded": recorded_json(found.replayed)} if found.replayed else {}))
    else:
        show_cases(found.held)
        if found.replayed:
            show_recorded(found.replayed)
    sys.exit(Exit.done if found.as_expected else Exit.failed)


@policy.command()
@click.argument("call", metavar="CALL")
@home_option
@json_option
def explain(call: str, home: str, json: bool) -> None:
    """Show why a recorded call was decided as it was, and decide it again.

    CALL is the id of a call, as `switchyard runs show` prints it. Ends with 1 when the present
    policies give another verdict.
    """
    from app.policy_run import explain_call
    from app.policy_show import explained_json, show_explained

    found = asyncio.run(explain_call(settings_at(home), call))
    if json:
        print_json(explained_json(found))
    else:
        show_explained(found)
    sys.exit(Exit.failed if found.again and found.again.differs else Exit.done)


@policy.command()
@_files
@_limit
@click.option("--offline-tools", is_flag=True, help="Do not start the tool servers.")
@home_option
@json_option
def coverage(
    files: tuple[Path, ...], limit: int, offline_tools: bool, home: str, json: bool
) -> None:
    """List rules that no case and no recorded call ever met, and tools that no rule speaks of.

    FILE is a YAML file of cases; without any, config/policy/*.cases.yaml. Ends with 0 whatever it
    finds; a rule that was never met may be the one that is needed most.
    """
    from app.policy_run import cover
    from app.policy_show import coverage_json, show_coverage

    found = asyncio.run(cover(settings_at(home), files, limit, start_tools=not offline_tools))
    if json:
        print_json(coverage_json(found))
    else:
        show_coverage(found)


@policy.command()
@click.argument("tool", required=False, default="")
@json_option
def schema(tool: str, json: bool) -> None:
    """Print the Cedar schema that rules are checked against, with the arguments of all tools.

    With TOOL, only that tool's arguments: what a rule for `resource == Tool::"TOOL"` may use.
    """
    from app.policy_run import schema_for

    text = asyncio.run(schema_for(settings_at(""), tool))
    if json:
        print_json({"schema": text})
    else:
        click.echo(text, nl=False)
