"""One case of `make bench-boundary`: a drawn configuration, two runs with drawn labels, and their
calls through the real door, while labels rise, endpoints fail, and the environment misleads."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer

from bench.boundary_places import Places, Watch
from bench.boundary_script import Script
from graphs.traces import DiscreetClient, open_trace
from ledger.store import Ledger
from models.config import ModelsConfig
from models.deployment import TIERS, Deployment, Tier
from models.patience import Patience
from models.recalling import Recalling
from models.tiers import Models, open_models
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import BoundaryBreach, SwitchyardError
from runtime.labels import Label

LABELS = list(Label)
_KINDS = ("chat", "stream", "listened", "embed", "structured", "tools", "judge", "again")
_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_OVERRIDES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE")
_SCHEMA = {
    "title": "Verdict",
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
}


@dataclass(slots=True, kw_only=True)
class World:
    """What all cases share."""

    seed: int
    ledger: Ledger
    watch: Watch
    places: Places
    script: Script
    client: DiscreetClient | None
    outcomes: Counter[str] = field(default_factory=Counter)
    hidden: set[bytes] = field(default_factory=set)
    """Markers that were regulated before their call began: never in any trace."""
    told: defaultdict[str, set[tuple[str, Label]]] = field(default_factory=lambda: defaultdict(set))
    """To which tenants and labels an answer was given when it was new."""
    misled: list[str] = field(default_factory=list)
    """Calls that ended otherwise than the boundary demands."""
    hits: int = 0
    """Answers from the cache."""

    async def raised(self, marker: str, label: Label) -> None:
        """Raise the run of a marker, and what it is held to from then on."""
        if marker:  # what all may ask has none
            await self.lift(self.watch.owners[marker.encode()], label)

    async def lift(self, run: str, label: Label) -> None:
        self.watch.labels[run] = await self.ledger.runs.raise_label(run, label)


def drawn(draw: random.Random, places: Places) -> ModelsConfig:
    """A configuration: up to four deployments a tier, some offline, some at no written address."""
    found: list[Deployment] = []
    for tier in TIERS:
        for number in range(draw.choice([1, 2, 2, 3])):
            found.append(_deployment(draw, places, tier, f"{tier}{number}"))
    cache = Recalling(answers=draw.random() < 0.4, regulated=draw.random() < 0.5)
    patience = Patience(retry_after_seconds=0.01, pause_seconds=0.0, failures=draw.randint(1, 4))
    profiles = {"drawn": tuple(found)}
    return ModelsConfig(
        file="drawn", profile="drawn", profiles=profiles, cache=cache, patience=patience
    )


def _deployment(draw: random.Random, places: Places, tier: Tier, id: str) -> Deployment:
    place = draw.choice(places.all)
    cleared: Label | None = place.cleared
    wire = "openai" if tier == "embed" or draw.random() < 0.5 else "anthropic"
    base = f"{place.url}/v1" if wire == "openai" else place.url
    params: dict[str, Json] = {
        "model": f"{wire}/m{draw.randint(0, 2)}",
        "api_key": "k",
        "timeout": 0.25,
        "max_tokens": 50,
    }
    way = draw.random()
    if way < 0.08:
        params["model"] = "offline/hashed" if tier == "embed" else "offline/extract"
        cleared = Label.regulated
    elif way < 0.12:
        # The vendor's own address: the environment names another one in each such case.
        cleared = draw.choice(LABELS)
    elif way < 0.2:
        name = f"PLACE_{place.port}"
        os.environ[name] = base
        params["api_base"] = f"os.environ/{name}"
    else:
        params["api_base"] = base
    return Deployment(
        id=id,
        tier=tier,
        params=params,
        cleared_for=cleared or Label.public,
        input_cost_per_token=0.000001,
        output_cost_per_token=0.000001,
        cache_creation_input_token_cost=draw.choice([None, 0.000002]),
        max_input_tokens=draw.choice([100_000, 100_000, 300]),
        order=draw.randint(1, 3),
        weight=draw.choice([None, 1.0, 3.0]),
    )


@contextmanager
def misleading(draw: random.Random, places: Places) -> Iterator[None]:
    """An environment that names other addresses, and sometimes a proxy."""
    names = dict.fromkeys(_OVERRIDES, draw.choice([*places.strangers, *places.all]).url)
    if draw.random() < 0.25:
        names |= dict.fromkeys(_PROXIES, draw.choice(places.strangers).url)
    os.environ.update(names)
    try:
        yield
    finally:
        for name in (*_OVERRIDES, *_PROXIES):
            os.environ.pop(name, None)


async def play(world: World, number: int) -> None:
    """Run the case of this number."""
    draw = random.Random(f"{world.seed} case {number}")
    config = drawn(draw, world.places)
    async with open_models(config, world.ledger) as models, asyncio.TaskGroup() as group:
        for who in ("a", "b"):
            group.create_task(_run(world, models, number, who, draw.getrandbits(32)))


async def _run(world: World, models: Models, number: int, who: str, seed: int) -> None:
    draw = random.Random(seed)
    run, label = f"{number}{who}", draw.choice(LABELS)
    context = RunContext(run=run, tenant=draw.choice(["t1", "t2"]), task="d1", label=label)
    await world.ledger.budgets.open(run, 10.0)
    await world.ledger.runs.start(
        run, thread=run, request="?", tenant=context.tenant, user="u", label=label, docs=""
    )
    world.watch.labels[run] = label

    async def calls(_: object, config: RunnableConfig) -> str:
        recorded = await world.ledger.runs.get(run)
        assert recorded is not None
        await open_trace(config, world.ledger.runs, recorded)
        for turn in range(draw.randint(1, 3)):
            await _Caller(world, models, context, draw, f"{number}", who, turn).call()
            if draw.random() < 0.1:
                await world.lift(run, draw.choice(LABELS))
        return "done"

    config: RunnableConfig = {"metadata": {"label": label.value}}
    if world.client is not None and draw.random() < 0.25:
        config["callbacks"] = [LangChainTracer(client=world.client)]
    await RunnableLambda(calls).ainvoke({"messages": [f"request of {run}"]}, config)


class _Listening(BaseCallbackHandler):
    """Makes an invoke stream."""


@dataclass(slots=True)
class _Caller:
    """One call, and whether it ended as the boundary demands."""

    world: World
    models: Models
    context: RunContext
    draw: random.Random
    number: str
    who: str
    turn: int

    async def call(self) -> None:
        world, watch, run = self.world, self.world.watch, self.context.run
        kind = self.draw.choice(_KINDS)
        tier: Tier = "embed" if kind == "embed" else "judge" if kind == "judge" else self._tier()
        marker = f"zq{self.number}{'01'['ab'.index(self.who)]}x{self.turn}qz"
        watch.owners[marker.encode()] = run
        before = watch.labels[run]
        if before is Label.regulated:
            world.hidden.add(marker.encode())
        serving = self.models.deployments(tier)
        nobody = not any(one.cleared_for.permits(before) for one in serving)
        if self.draw.random() < 0.06:
            self._rise_before_the_sending()
        try:
            await self._ask(kind, tier, marker)
            ended = "answered"
        except SwitchyardError as error:
            ended = type(error).__name__
        world.outcomes[ended] += 1
        if nobody and (ended != BoundaryBreach.__name__ or watch.requests[marker.encode()]):
            world.misled.append(f"{marker}: nobody is cleared for {before.value}: {ended}")

    def _tier(self) -> Tier:
        tiers: list[Tier] = ["route", "plan", "work"]
        return self.draw.choice(tiers)

    def _rise_before_the_sending(self) -> None:
        """Between the choice of a deployment and the call of it, once."""
        budgets, run = self.world.ledger.budgets, self.context.run
        label, reserve = self.draw.choice(LABELS), type(budgets).reserve

        async def slowly(*args: Json, **kwargs: Json) -> Json:
            held = await reserve(budgets, *args, **kwargs)
            if kwargs.get("run") == run:
                budgets.__dict__.pop("reserve", None)
                await self.world.lift(run, label)
            return held

        budgets.reserve = slowly  # type: ignore[method-assign]

    async def _ask(self, kind: str, tier: Tier, marker: str) -> None:
        if kind == "embed":
            await self.models.embed([f"text {marker}", "another"], self.context)
            return
        avoid = frozenset({self.draw.choice(self.models.config.deployments).id})
        chat = self.models.chat(tier, self.context, avoid=avoid if kind == "judge" else frozenset())
        asked = [SystemMessage(f"You are {marker}."), HumanMessage(f"Say {marker} again.")]
        if kind == "structured":
            form = chat.with_structured_output(_SCHEMA, method="function_calling")
            await form.ainvoke(asked)
        elif kind == "tools":
            tool = {"type": "function", "function": {"name": "look", "parameters": _SCHEMA}}
            await chat.bind_tools([tool]).ainvoke(asked)
        elif kind == "stream":
            pieces = [piece async for piece in chat.astream(asked)]
            assert all(isinstance(piece, AIMessageChunk) for piece in pieces)
        elif kind == "listened":
            await chat.ainvoke(asked, {"callbacks": [_Listening()]})
        elif kind == "again":
            await self._twice(tier, marker)
        else:
            await chat.ainvoke(asked)

    async def _twice(self, tier: Tier, marker: str) -> None:
        """A question that may be answered from the cache: by oneself, or by others who ask it."""
        world, run = self.world, self.context.run
        chat = self.models.chat(tier, self.context).bind(temperature=0)
        question = self.draw.choice([f"Say {marker}.", "Say something."])
        for _ in range(2):
            began = world.watch.labels[run]
            answer = await chat.ainvoke([HumanMessage(question)])
            mine = {(self.context.tenant, one) for one in (began, world.watch.labels[run])}
            word = str(answer.content)
            if not answer.response_metadata.get("cached"):
                world.told[word] |= mine
                continue
            world.hits += 1
            if answer.response_metadata["provider"] != "offline" and not mine & world.told[word]:
                world.misled.append(f"{marker} got an answer of {world.told[word]}")
