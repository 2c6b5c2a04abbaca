"""`switchyard route`: the decision on a request and why, with nothing executed."""

from __future__ import annotations

import uuid

import click

from agents.registry import Registry, load_registry
from agents.routing.choose import by_model
from agents.routing.decision import Candidate, Route
from agents.routing.local import LocalClassifier
from agents.routing.rule import by_rule
from agents.routing.settings import load_routing
from agents.routing.split import by_examples
from runtime.settings import Settings


async def decide(settings: Settings, text: str, specialist: str = "") -> Route:
    """The route that `run` would take. No tool server is started; tier `route` is asked only
    when the local stage is not sure.

    Raises:
        RequestError: a specialist is addressed that does not exist.
        ConfigError: a configuration file is wrong.
    """
    registry = load_registry(settings.specialists)
    routing = load_routing(settings.config / "routing.yaml")
    classifier = LocalClassifier(registry.values())
    route = by_rule(text, registry, specialist) or by_examples(text, classifier.candidates, routing)
    if route is not None:
        return route
    candidates = classifier.candidates(text)[: routing.short_list]
    return await _by_model(settings, text, registry, candidates)


async def _by_model(
    settings: Settings, text: str, registry: Registry, candidates: tuple[Candidate, ...]
) -> Route:
    """Ask tier `route` under a run of its own, so that the call is paid for and on record."""
    from agents.limits import load_limits  # noqa: PLC0415 - litellm takes seconds to import
    from ledger.store import open_ledger  # noqa: PLC0415
    from models.config import load_models  # noqa: PLC0415
    from models.tiers import open_models  # noqa: PLC0415
    from runtime.context import RunContext  # noqa: PLC0415
    from runtime.labels import Label  # noqa: PLC0415

    run = f"route-{uuid.uuid4()}"
    limits = load_limits(settings.config / "limits.yaml")
    async with (
        open_ledger(settings.ledger) as ledger,
        open_models(load_models(settings.config / "models.yaml"), ledger) as models,
    ):
        await ledger.runs.start(
            run,
            thread="",
            request=text,
            tenant="local",
            user="local",
            label=Label.internal,
            docs="",
        )
        await ledger.budgets.open(run, limits.request_dollars)
        context = RunContext(run=run, specialist="router", task="route")
        route = await by_model(
            text,
            candidates,
            registry,
            fallback=registry.fallback,
            model=models.chat("route", context),
        )
        await ledger.runs.record_route(run, route.model_dump(mode="json"))
        await ledger.runs.finish(run, "done", {"text": f"Routed only: {route.reason}"})
    return route


def show_route(route: Route) -> None:
    """Print the decision, its reason, its dispatches and who else was considered."""
    names = " → ".join(one.specialist for one in route.dispatches) or route.kind
    click.echo(f"{click.style(names, bold=True)}  (decided by: {route.stage})")
    click.echo(f"  why: {route.reason}")
    if route.question:
        click.echo(f"  would ask: {route.question}")
    for one in route.dispatches:
        after = f"  after {', '.join(one.needs)}" if one.needs else ""
        click.echo(f"  {one.id} {one.specialist}{after}: {one.text[:200]}")
    if route.candidates:
        click.echo("  considered:")
    for candidate in route.candidates:
        click.echo(f"    {candidate.probability:6.1%}  {candidate.specialist}")
