"""`switchyard route bench`: routes a golden set, or the specialists' own examples in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from agents.routing.desk import Desk, Unsure
from agents.spec import Specialist
from app.golden import Golden, read_golden
from app.route_count import Decided, figures_of
from app.route_desk import LOCAL, Opened, open_desk
from app.route_figures import Figures
from app.route_model import open_asking
from app.routing import Free, without_model
from ledger.spend import Total
from runtime.errors import ConfigError, RequestError
from runtime.settings import Settings

Routed = tuple[Decided, Unsure | None]
"""A request with what became of it, and what was left to the model."""


async def bench(
    settings: Settings, file: Path | None, *, tenant: str = LOCAL, ask: bool = False
) -> Figures:
    """The figures of a golden set; without a file, of the specialists' own examples.

    Args:
        ask: Let tier `route` decide what is left open. Otherwise no model is asked.

    Raises:
        RequestError: the file cannot be read, or holds nothing.
        ConfigError: a line of it is wrong, or a configuration file.
    """
    async with open_desk(settings, tenant) as opened:
        routed = await asyncio.to_thread(_free, opened, file)
        desk = opened.desk
        spent = Total()
        if ask:
            routed, spent = await _asked(settings, desk, routed)
    figures = figures_of(
        [one for one, _ in routed],
        router=desk.identity,
        promise=desk.trained.promise,
        held_out=file is None,
    )
    tokens = spent.prompt_tokens + spent.completion_tokens
    return figures.model_copy(update={"tokens": tokens, "dollars": round(spent.cost, 6)})


def _free(opened: Opened, file: Path | None) -> list[Routed]:
    if file is None:
        return list(held_out(opened))
    desk = opened.desk
    return [_routed(desk, one, file) for one in read_golden(file, desk.registry)]


def held_out(opened: Opened) -> Iterator[Routed]:
    """Each example of the specialists, decided by a router that was trained without it.

    One example of each intent is left out at a time: there are as many trainings as the largest
    intent has examples, and each example is left out once.
    """
    everybody = opened.desk.registry.values()
    sizes = [len(intent.examples) for one in everybody for intent in one.intents]
    for place in range(max(sizes, default=0)):
        short = opened.trained_on(_without(one, place) for one in everybody)
        for name, one in opened.desk.specialists.items():
            for intent in one.intents:
                if place < len(intent.examples):
                    text = intent.examples[place]
                    golden = Golden(text=text, specialist=(name,), intent=intent.name)
                    yield _by_local(short, golden)


def _without(one: Specialist, place: int) -> Specialist:
    """A specialist without the example at a place of each intent; the last one stays."""
    intents = tuple(
        intent.model_copy(
            update={"examples": intent.examples[:place] + intent.examples[place + 1 :]}
        )
        if len(intent.examples) > 1
        else intent
        for intent in one.intents
    )
    return one.model_copy(update={"intents": intents})


def _routed(desk: Desk, golden: Golden, file: Path) -> Routed:
    try:
        free = without_model(desk, golden.text)
    except RequestError as error:
        told = f"text = {golden.text[:80]!r}: {error.message}"
        raise ConfigError(
            told, file=file, line=golden.line, field="text", remedy=error.remedy
        ) from error
    return _decided(desk, golden, free)


def _by_local(desk: Desk, golden: Golden) -> Routed:
    """By the examples alone: one that begins with an address shows nothing of them."""
    began = time.perf_counter()
    decided = desk.by_local(golden.text)
    return _decided(desk, golden, Free(decided=decided, seconds={"local": _since(began)}))


def _decided(desk: Desk, golden: Golden, free: Free) -> Routed:
    unsure = free.decided if isinstance(free.decided, Unsure) else None
    by_rule = free.route is not None and free.route.stage == "rule"
    return (
        Decided(
            golden=golden,
            route=free.route,
            scored=None if by_rule else desk.classifier.score(golden.text),
            short_list=tuple(one.specialist for one in unsure.candidates) if unsure else (),
            seconds=sum(free.seconds.values()),
            fallback=desk.fallback.name if desk.fallback else "",
        ),
        unsure,
    )


async def _asked(
    settings: Settings, desk: Desk, routed: Sequence[Routed]
) -> tuple[list[Routed], Total]:
    """What is open, decided by tier `route`, one request after the other."""
    left = sum(unsure is not None for _, unsure in routed)
    if not left:
        return list(routed), Total()
    done: list[Routed] = []
    told = f"Routing bench: {left} requests"
    async with open_asking(settings, request=told, tenant=desk.tenant, requests=left) as asking:
        for one, unsure in routed:
            route = await desk.by_model(unsure, asking.model) if unsure else one.route
            done.append((replace(one, route=route), None))
        return done, await asking.spent()


def _since(began: float) -> float:
    return time.perf_counter() - began
