"""Plans drawn by chance and executed for real: the planner's model hands them over, workers answer
at once with what their inputs make, and what happened is read from the ledger.

The record of a run is plain data, so that each property is a function of it that can be shown a
wrong one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from graphs.deep import build
from ledger.tasks import Transition
from runtime.canonical import Json, canonical
from tests.graphs.driver import Driver
from tests.graphs.installation import installation, specialist, written
from tests.graphs.workers import asked_for, deliver, work_of
from tests.provider import Exchange, Latency, Reply, ScriptedProvider, SeededBrain, ToolCall

WIDTHS: Mapping[str, int] = {"one": 1, "two": 2, "four": 4}
FINAL = "final"
"""The task that every plan ends with."""
VALUE: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["value"],
    "properties": {"value": {"type": "string"}},
}
DagPlan = dict[str, list[str]]
"""Task ids, each with the ids that its inputs come from."""


@st.composite
def dags(draw: st.DrawFn, most: int = 5) -> DagPlan:
    """Plans of two to `most` tasks and a last one, in an order that is not that of their edges."""
    size = draw(st.integers(2, most))
    edges: DagPlan = {}
    for child in range(size):
        parents = draw(st.sets(st.integers(0, child - 1), max_size=3)) if child else set()
        edges[f"t{child}"] = [f"t{parent}" for parent in sorted(parents)]
    order = draw(st.permutations(list(edges)))
    return {id: edges[id] for id in order} | {FINAL: [f"t{size - 1}"]}


def value_of(id: str, inputs: Mapping[str, Json]) -> str:
    """What a worker makes of its inputs; different for different ones."""
    return hashlib.sha256(canonical([id, dict(inputs)]).encode()).hexdigest()[:16]


def expected(plan: DagPlan) -> dict[str, str]:
    """The value of every task, worked out here."""
    known: dict[str, str] = {}

    def value(id: str) -> str:
        if id not in known:
            known[id] = value_of(id, {parent: value(parent) for parent in plan[id]})
        return known[id]

    return {id: value(id) for id in plan}


class Maker:
    """The model of the planner and of all workers."""

    def __init__(self) -> None:
        self.plan: DagPlan = {}

    def reply(self, exchange: Exchange) -> Reply:
        if work := work_of(exchange):
            return deliver({"value": value_of(work.task, work.inputs)})
        if any(tool.name == "plan" for tool in exchange.tools):
            return Reply(tool_calls=(ToolCall(name="plan", arguments={"tasks": self._tasks()}),))
        return SeededBrain(1).reply(exchange)

    def _tasks(self) -> list[Json]:
        return [
            {
                "id": id,
                "objective": f"[{id}] Make the value.",
                "inputs": {parent: {"from": parent, "select": "value"} for parent in parents},
                "tools": [],
                "output": VALUE,
            }
            for id, parents in self.plan.items()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the ledger and the model's server tell of a run."""

    plan: DagPlan
    width: int
    history: tuple[Transition, ...]
    results: dict[str, Json]
    at_once: int
    """The most requests that the model's server had under way at the same time."""

    @property
    def starts(self) -> list[str]:
        return [row.task for row in self.history if row.state == "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A run that was cut off: what was accepted by then, and the calls that these tasks made."""

    accepted: dict[str, Json]
    calls: dict[str, int]
    calls_at_the_end: dict[str, int]


class Works:
    """An installation that executes drawn plans."""

    def __init__(self, driver: Driver, provider: ScriptedProvider, maker: Maker) -> None:
        self._driver = driver
        self._provider = provider
        self._maker = maker
        self._runs = 0

    async def run(self, plan: DagPlan, effort: str) -> Record:
        """Execute a plan to its end."""
        graph, config = self._begin(plan, InMemorySaver())
        with self._watched() as peak:
            await graph.ainvoke(_request(), config, context={"specialist": f"drawn-{effort}"})
            return await self._record(plan, effort, peak)

    async def run_with_a_cut(
        self, plan: DagPlan, effort: str, after: int, saver: BaseCheckpointSaver[str]
    ) -> tuple[Record, Cut]:
        """Execute a plan, cut it off at its n-th event, and let it go on from its checkpoint."""
        graph, config = self._begin(plan, saver)
        with self._watched() as peak:
            going = asyncio.create_task(self._until(graph, config, effort, after))
            await asyncio.wait([going])
            run = await self._latest()
            rows = await self._driver.services.ledger.tasks.results_of(run)
            accepted = {_name(row.task): row.output for row in rows}
            calls = self._calls(accepted)
            # A cut before the plan was executed leaves nothing to show, but must do no harm.
            await graph.ainvoke(None, config, context={"specialist": f"drawn-{effort}"})
            record = await self._record(plan, effort, peak)
        return record, Cut(accepted=accepted, calls=calls, calls_at_the_end=self._calls(accepted))

    def _begin(self, plan: DagPlan, saver: BaseCheckpointSaver[str]) -> tuple[Any, Any]:
        self._runs += 1
        self._maker.plan = plan
        graph = build().compile(checkpointer=saver)
        return graph, {"configurable": {"thread_id": f"drawn {self._runs}"}}

    async def _until(self, graph: Any, config: Any, effort: str, after: int) -> None:  # noqa: ANN401 - a compiled graph
        seen = 0
        context = {"specialist": f"drawn-{effort}"}
        stream = graph.astream(
            _request(), config, context=context, stream_mode="custom", durability="sync"
        )
        async for event in stream:
            seen += event.get("event") in ("task", "spend")
            if seen > after:
                asyncio.current_task().cancel()  # type: ignore[union-attr]

    @contextmanager
    def _watched(self) -> Iterator[list[int]]:
        """The place of this run's first request in the server's record."""
        yield [len(self._provider.calls)]

    async def _latest(self) -> str:
        return (await self._driver.services.ledger.runs.latest(1))[0].id

    async def _record(self, plan: DagPlan, effort: str, first: list[int]) -> Record:
        run, tasks = await self._latest(), self._driver.services.ledger.tasks
        return Record(
            plan=plan,
            width=WIDTHS[effort],
            history=tuple(
                Transition(**{**_fields(row), "task": _name(row.task)})
                for row in await tasks.history(run)
            ),
            results={_name(row.task): row.output for row in await tasks.results_of(run)},
            at_once=self._at_once(first[0]),
        )

    def _at_once(self, first: int) -> int:
        """The most worker requests under way at once, by the server's own times."""
        mine = {request.index for request in self._provider.calls[first:]}
        moments = [
            moment
            for served in self._provider.served
            if served.request.index in mine and asked_for(served.request)
            for moment in ((served.request.at, 1), (served.at, -1))
        ]
        now = most = 0
        for _, change in sorted(moments):
            now += change
            most = max(most, now)
        return most

    def _calls(self, tasks: Mapping[str, Json]) -> dict[str, int]:
        """Requests of these tasks so far, over all runs."""
        counts = Counter(asked_for(request) for request in self._provider.calls)
        return {id: counts[id] for id in tasks}


def _fields(row: Transition) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Transition.__slots__}


def _name(task: str) -> str:
    return task.rpartition("/")[2]


def _request() -> Json:
    return {"messages": [{"role": "user", "content": "Make the values of the plan"}]}


@asynccontextmanager
async def works(home: Path) -> AsyncIterator[Works]:
    """An installation with one planning specialist for each width."""
    maker = Maker()
    outline = [{"id": FINAL, "objective": f"[{FINAL}] Make the value.", "output": VALUE}]
    files = [
        specialist(
            f"drawn-{effort}",
            outline,
            outputs={"value": {"from": FINAL, "select": "value"}},
            by="model",
            effort=effort,
        )
        for effort in WIDTHS
    ]
    with ScriptedProvider(
        maker, latency=Latency(median=0.004, sigma=0.8, longest=0.02)
    ) as provider:
        limits: dict[str, Mapping[str, Json]] = {
            effort: {"width": width} for effort, width in WIDTHS.items()
        }
        config = written(home, provider=provider, limits=limits)
        async with installation(home, *files, config=config) as driver:
            yield Works(driver, provider, maker)
