"""`switchyard route`: the decision on a request and why, with nothing executed.

It sits at the same desk as the graph, so that it cannot decide differently.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import click

from agents.routing.decision import Route
from agents.routing.desk import Desk, Unsure
from app.exit_codes import Exit
from app.route_desk import LOCAL, open_desk
from app.route_model import open_asking
from runtime.settings import Settings

_ENDS = {"dispatch": Exit.done, "clarify": Exit.waits, "decline": Exit.declined}


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """What the stages made of a request that ask no model: a route, or what they leave to it."""

    decided: Route | Unsure
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage."""

    @property
    def route(self) -> Route | None:
        return self.decided if isinstance(self.decided, Route) else None


def without_model(desk: Desk, text: str, hint: str = "") -> Free:
    """Ask the stages that ask no model. In a thread, see `Opened`.

    Raises:
        RequestError: a specialist is addressed that does not exist.
    """
    began = time.perf_counter()
    route = desk.by_rule(text, hint)
    ruled = time.perf_counter()
    if route is not None:
        return Free(decided=_noted(route, desk, ruled - began), seconds={"rule": ruled - began})
    decided = desk.by_local(text)
    done = time.perf_counter()
    if isinstance(decided, Route):
        decided = _noted(decided, desk, done - began)
    return Free(decided=decided, seconds={"rule": ruled - began, "local": done - ruled})


async def decide(settings: Settings, text: str, specialist: str = "", tenant: str = LOCAL) -> Route:
    """The route that `run` would take. No tool server is started; tier `route` is asked only
    when the local stage is not sure.

    Raises:
        RequestError: a specialist is addressed that does not exist.
        ConfigError: a configuration file is wrong.
    """
    async with open_desk(settings, tenant) as opened:
        free = await asyncio.to_thread(without_model, opened.desk, text, specialist)
        return await decide_at(settings, opened.desk, text, free)


async def decide_at(settings: Settings, desk: Desk, text: str, free: Free) -> Route:
    """The decision, with tier `route` asked where it was left open.

    The call is paid for and on record under a run of its own.
    """
    if isinstance(free.decided, Route):
        return free.decided
    async with open_asking(settings, request=text, tenant=desk.tenant) as asking:
        began = time.perf_counter()
        route = await desk.by_model(free.decided, asking.model)
        route = _noted(route, desk, sum(free.seconds.values()) + time.perf_counter() - began)
        await asking.note(route)
    return route


def code_of_route(route: Route) -> Exit:
    """0 where somebody gets it, 3 where the user would be asked, 5 where it would be declined."""
    return _ENDS[route.kind]


def show_route(route: Route) -> None:
    """Print the decision, its reason, its dispatches and who else was considered."""
    names = " → ".join(one.specialist for one in route.dispatches) or route.kind
    cost = f", {route.tokens} tokens" if route.tokens else ""
    took = f", {route.seconds * 1000:.1f} ms" if route.seconds else ""
    click.echo(f"{click.style(names, bold=True)}  (decided by: {route.stage}{cost}{took})")
    click.echo(f"  why: {route.reason}")
    if route.question:
        click.echo(f"  would ask: {route.question}")
    for one in route.dispatches:
        after = f"  after {', '.join(one.needs)}" if one.needs else ""
        click.echo(f"  {one.id} {one.specialist}{after}: {one.text[:200]}")
    for text in route.left_out:
        click.echo(f"  nobody takes: {text[:200]}")
    if route.candidates:
        click.echo("  considered:")
    for candidate in route.candidates:
        intent = f" ({candidate.intent})" if candidate.intent else ""
        click.echo(f"    {candidate.probability:6.1%}  {candidate.specialist}{intent}")


def _noted(route: Route, desk: Desk, seconds: float) -> Route:
    return route.model_copy(update={"seconds": round(seconds, 6), "router": desk.identity})
