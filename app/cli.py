"""The command line `switchyard`: what each command takes and says, and nothing else.

The rooms are imported by the command that needs them, never here, so that `--help` is instant.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.audit_cli import audit
from app.cli_options import home_option as _home
from app.cli_options import json_option as _json
from app.cli_options import print_json as _print
from app.cost_cli import cost
from app.edge import EdgeGroup
from app.effects_cli import effects
from app.exit_codes import HELP, Exit
from app.facade_cli import mcp
from app.models_cli import models
from app.policy_cli import policy
from app.proposals_cli import proposals
from app.route_cli import route
from app.tools_cli import tools

if TYPE_CHECKING:
    from app.session import Sitting

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=EdgeGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="switchyard", message="%(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Route requests wide, run agent work deep, and keep both inside policy, budget and audit.

    Begin with: switchyard run "What can you do?"
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


@main.command(epilog=HELP)
@click.argument("request")
@click.option("--docs", default="", metavar="PATH", help="Folder of documents that it may read.")
@click.option(
    "--label",
    type=click.Choice(["public", "internal", "regulated"]),
    default="internal",
    show_default=True,
    help="How sensitive the data is; it only rises.",
)
@click.option("--budget", type=click.FloatRange(min=0), metavar="USD", help="Ceiling in dollars.")
@click.option("--specialist", default="", metavar="NAME", help="Skip routing: ask this one.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@click.option("--user", default="local", show_default=True, help="Who asks.")
@click.option("--thread", default="", metavar="ID", help="Go on with an earlier conversation.")
@click.option("--no-recover", is_flag=True, help="Leave runs alone that a crash cut off.")
@_home
@_json
def run(
    request: str,
    thread: str,
    no_recover: bool,
    home: str,
    json: bool,
    **context: Any,  # noqa: ANN401
) -> None:
    """Carry out REQUEST; `-` reads it from stdin.

    Shows route, plan, tasks and spend while it works, then the answer with its evidence and cost.
    Where a person has to decide, it asks on a terminal, and ends with code 3 elsewhere. Runs of the
    command line that a crash cut off go on beside it; exit code and JSON are those of REQUEST.
    """
    from app.intake import request_of

    text = sys.stdin.read() if request == "-" else request
    wanted = request_of(text, thread=thread, **context)
    sys.exit(_sitting(home, json, docs=context["docs"]).start(wanted, recover=not no_recover))


@main.command(epilog=HELP)
@click.argument("approval")
@click.argument("decision", metavar='approve|refuse|"TEXT"')
@click.option("--text", default="", metavar="TEXT", help="Advice for a task that nobody could do.")
@click.option("--output", metavar="FILE", help="The result of such a task, as JSON; - for stdin.")
@click.option("--plan", metavar="FILE", help="The plan as you want it, as JSON; - for stdin.")
@_home
@_json
def answer(
    approval: str,
    decision: str,
    text: str,
    output: str | None,
    plan: str | None,
    home: str,
    json: bool,
) -> None:
    """Answer what a paused run asks, and go on with the run.

    APPROVAL is an id that `switchyard approvals` lists. A question in words takes a text.
    """
    from app.facade_answer import answer_session, show_answered
    from app.handed import json_of
    from app.questions import Added

    added = Added(text=text, output=json_of("output", output), plan=json_of("plan", plan))
    answered = asyncio.run(answer_session(_settings(home), approval, decision, added))
    if answered is not None:
        show_answered(answered, as_json=json)
        return
    sys.exit(_sitting(home, json).answer(approval, decision, added))


@main.command(epilog=HELP)
@click.argument("run_id", metavar="[RUN]", required=False)
@_home
@_json
def resume(run_id: str | None, home: str, json: bool) -> None:
    """Go on with a run that was cut off or stopped, from its last step.

    What was accepted is not done again. RUN is an id, or the beginning of one. Without it, every
    run that was cut off goes on; one that its person stopped by Ctrl-C does not.
    """
    sitting = _sitting(home, json)
    sys.exit(sitting.resume(run_id) if run_id else sitting.resume_all())


@main.command()
@click.argument("run_id", metavar="RUN")
@_home
@_json
def cancel(run_id: str, home: str, json: bool) -> None:
    """End a run, whichever process works on it.

    Every worker ends, what was accepted is kept, and the answer says what was not done. RUN is an
    id, or the beginning of one.
    """
    from app.cancel import cancel_run, show_cancelled

    run = asyncio.run(cancel_run(_settings(home), run_id))
    sys.exit(show_cancelled(run, as_json=json))


@main.command(short_help="List what waits for a person.")
@_home
@_json
def approvals(home: str, json: bool) -> None:
    """List what waits for a person, with the command that answers it."""
    from app.inbox import approvals_json, pending, show_approvals

    found = asyncio.run(pending(_settings(home)))
    if json:
        _print(approvals_json(found))
    else:
        show_approvals(found, home)


@main.command(short_help="Load every specialist, policy and configuration; name problems.")
@click.argument("path", required=False)
@click.option("--offline-tools", is_flag=True, help="Do not start the tool servers.")
@click.option("--strict", is_flag=True, help="End with 1 for a warning as well.")
@_json
def check(path: str | None, offline_tools: bool, strict: bool, json: bool) -> None:
    """Load every specialist, policy and configuration; name each problem.

    PATH may hold any of specialists/, models.yaml, mcp.json, limits.yaml, routing.yaml,
    facade.yaml and policy/; what it lacks is taken from the installation. Each problem is told
    with its file, line, reason and remedy. Ends with 1 if there is any. Intents that are easily
    confused are warned of; that alone ends with 0.
    """
    from app.check import check_all, report_json, show_report

    _say_once()
    report = asyncio.run(check_all(_settings(""), path, start_tools=not offline_tools))
    if json:
        _print(report_json(report))
    else:
        show_report(report)
    sys.exit(Exit.failed if report.problems or (strict and report.warned) else Exit.done)


@main.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@_home
@_json
@click.pass_context
def runs(ctx: click.Context, limit: int, home: str, json: bool) -> None:
    """List the latest runs, or show one: switchyard runs show ID."""
    ctx.obj = home
    if ctx.invoked_subcommand is None:
        from app.history import latest, latest_json
        from app.show import show_latest

        found = asyncio.run(latest(_settings(home), limit))
        if json:
            _print(latest_json(found))
        else:
            show_latest(found, _console())


@runs.command()
@click.argument("run_id", metavar="ID")
@_home
@_json
@click.pass_obj
def show(outer_home: str, run_id: str, home: str, json: bool) -> None:
    """Show one run: route, plan, tasks, decisions, calls, cost, answer.

    ID may be the beginning of an id.
    """
    from app.history import recorded
    from app.show import show_record

    record = asyncio.run(recorded(_settings(home or outer_home), run_id))
    if json:
        _print(record.as_json())
    else:
        show_record(record, _console())


@main.command()
@_json
def specialists(json: bool) -> None:
    """List the specialists, what each does, and an example to try."""
    from app.inventory import list_specialists, show_specialists

    found = list_specialists(_settings(""))
    if json:
        _print(found)
    else:
        show_specialists(found, _console())


@main.command(short_help="Serve both graphs with the LangGraph dev server.")
@click.option("--port", type=click.IntRange(1, 65535), default=2024, show_default=True)
@click.option("--jobs", type=click.IntRange(1, 256), default=16, show_default=True)
@click.option("--verbose", is_flag=True, help="The server's own log as well.")
@_home
def dev(port: int, jobs: int, verbose: bool, home: str) -> None:
    """Serve both graphs with the LangGraph dev server on this machine.

    JOBS is how many runs it works on at the same time.
    """
    from app.dev import serve

    serve(_settings(home), port, jobs, verbose=verbose)


main.add_command(audit)
main.add_command(cost)
main.add_command(effects)
main.add_command(models)
main.add_command(route)
main.add_command(proposals)
main.add_command(policy)
main.add_command(tools)
main.add_command(mcp)


def _settings(home: str, docs: str = "") -> Any:  # noqa: ANN401 - importing Settings costs 0.3 s
    from app.places import settings_for

    return settings_for(home, docs)


def _sitting(home: str, json: bool, docs: str = "") -> Sitting:
    from app.session import Sitting

    return Sitting(settings=_settings(home, docs), json=json, home=home)


def _say_once() -> None:
    """These commands report what does not start themselves."""
    logging.getLogger("tools.sessions").setLevel(logging.ERROR)


def _console() -> Any:  # noqa: ANN401 - importing rich costs 0.1 s
    from app.console import console

    return console()


if __name__ == "__main__":
    main()
