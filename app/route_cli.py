"""`switchyard route`: the decision on a request, and what helps people who write examples.

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

_DECIDE = "decide"

_ENDS = """\
\b
Exit codes:
  0  somebody would get it; --replay: the route is the same
  1  --replay: it is not
  2  the request or a configuration file is wrong
  3  the user would be asked what is meant
  5  it would be declined: nobody here does this
"""


class RequestGroup(click.Group):
    """Takes a request, or one of its commands right behind its own name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A first word that is no command begins a request; so does all that follows `--`."""
        own = args[:1] and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if own or not args else [_DECIDE, *args])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Both ways."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] REQUEST")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", "       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Those of a request, then the commands."""
        decide = self.commands[_DECIDE]
        options = (one for one in decide.get_params(ctx) if isinstance(one, click.Option))
        rows = [row for one in options if (row := one.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(rows)
        self.format_commands(ctx, formatter)


@click.group(cls=RequestGroup, no_args_is_help=True, epilog=_ENDS)
def route() -> None:
    """Say where REQUEST would go and why; `-` reads it from stdin. Nothing is executed.

    Tier `route` is asked where the examples leave it open, as `run` would. A request that is the
    name of a command follows `--`.
    """


@route.command(_DECIDE, hidden=True)
@click.argument("request", required=False)
@click.option("--explain", is_flag=True, help="Tell of each candidate, word and stage why.")
@click.option(
    "--replay", default="", metavar="RUN", help="Decide a recorded run's route again, and compare."
)
@click.option("--specialist", default="", metavar="NAME", help="As with `run`.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@home_option
@json_option
def decide_(
    request: str | None,
    explain: bool,
    replay: str,
    specialist: str,
    tenant: str,
    home: str,
    json: bool,
) -> None:
    """Say where REQUEST would go."""
    if (request is None) == (not replay):
        raise click.UsageError("Give a REQUEST, or a run by --replay.")
    if request is None:
        _replay(replay, home, json=json)
        return
    from app.intake import request_text_of
    from app.routing import code_of_route, decide, show_route

    text = request_text_of(sys.stdin.read() if request == "-" else request)
    if explain:
        from app.route_explain import explain as explained
        from app.route_explain_show import show_explanation

        told = asyncio.run(explained(settings_at(home), text, specialist, tenant))
        if json:
            print_json(told.model_dump(mode="json"))
        else:
            show_explanation(told)
        sys.exit(code_of_route(told.route))
    decision = asyncio.run(decide(settings_at(home), text, specialist, tenant))
    if json:
        print_json(decision.model_dump(mode="json"))
    else:
        show_route(decision)
    sys.exit(code_of_route(decision))


@route.command(short_help="Measure routing on requests whose place is known.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", is_flag=True, help="Let tier `route` decide what is left open.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@click.option(
    "--min-accuracy", type=click.FloatRange(0, 1), metavar="SHARE", help="End with 1 below it."
)
@click.option(
    "--min-precision", type=click.FloatRange(0, 1), metavar="SHARE", help="End with 1 below it."
)
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="JSON",
    help="What an earlier `bench --json` printed: tell what got better or worse.",
)
@home_option
@json_option
def bench(
    file: Path | None,
    model: bool,
    tenant: str,
    min_accuracy: float | None,
    min_precision: float | None,
    baseline: Path | None,
    home: str,
    json: bool,
) -> None:
    """Measure routing on FILE: requests whose place is known, as JSON Lines or CSV.

    Each has `text`, `specialist` (a name, a list of several, or "none") and, where it matters,
    `intent`. Without FILE the specialists' own examples are routed, each by a router that was
    trained without it. No model is asked unless --model is given.
    """
    from app.route_baseline import compare, read_baseline
    from app.route_bench import bench as measure
    from app.route_bench_show import missed, show_changes, show_figures

    earlier = read_baseline(baseline) if baseline else None
    figures = asyncio.run(measure(settings_at(home), file, tenant=tenant, ask=model))
    changes = compare(earlier, figures) if earlier else None
    failed = missed(figures, accuracy=min_accuracy, precision=min_precision)
    if json:
        extra = {"changes": changes.model_dump(mode="json")} if changes else {}
        print_json(figures.model_dump(mode="json") | {"missed": failed} | extra)
    else:
        show_figures(figures)
        if changes is not None:
            show_changes(changes)
        for told in failed:
            click.echo(click.style(told, fg="red"), err=True)
    sys.exit(Exit.failed if failed else Exit.done)


@route.command(short_help="Say where a run should have gone: becomes a proposal.")
@click.argument("run_id", metavar="RUN")
@click.argument("specialist")
@click.option(
    "--intent", default="", metavar="NAME", help="Which of its intents; else the nearest."
)
@click.option("--dispatch", default="", metavar="ID", help="Which part of a split request: d1, d2.")
@click.option("--note", default="", metavar="TEXT", help="Why, for whoever decides.")
@click.option("--by", default="", metavar="WHO", help="Who says so; else the user of this machine.")
@click.option("--tenant", default="local", show_default=True, help="Whose run it is.")
@click.option(
    "--include-regulated", is_flag=True, help="Write the words of a regulated run into it."
)
@home_option
@json_option
def feedback(
    run_id: str,
    specialist: str,
    intent: str,
    dispatch: str,
    note: str,
    by: str,
    tenant: str,
    include_regulated: bool,
    home: str,
    json: bool,
) -> None:
    """Say that the request of RUN should have gone to SPECIALIST.

    It becomes a proposal: nothing changes before somebody approves it, see `switchyard proposals`.
    RUN is an id, or the beginning of one.
    """
    from app.feedback import Said, propose_at
    from app.person import at_this_terminal
    from app.proposals_show import proposal_json, show_proposed

    said = Said(specialist=specialist, intent=intent, dispatch=dispatch, note=note, tenant=tenant)
    found = asyncio.run(
        propose_at(
            settings_at(home),
            run_id,
            said,
            by=by or at_this_terminal(),
            include_regulated=include_regulated,
        )
    )
    if json:
        print_json(proposal_json(found))
    else:
        show_proposed(found, home)


def _replay(run: str, home: str, *, json: bool) -> None:
    from app.route_replay import replay_at, replayed_json, show_replayed

    found = asyncio.run(replay_at(settings_at(home), run))
    if json:
        print_json(replayed_json(found))
    else:
        show_replayed(found)
    sys.exit(Exit.done if found.same else Exit.failed)
