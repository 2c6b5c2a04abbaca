"""Our deep graph as a benchmark runs it: by its public doors, with durable checkpoints."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from app.checkpoints import open_checkpoints
from app.drive import drive
from app.questions import Question
from app.run import Desk
from graphs.deep import build
from graphs.services import Services, open_services
from graphs.state import Outcome
from runtime.canonical import Json
from runtime.errors import NoStep
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that ended, or that waits for a person."""

    seconds: float
    outcome: Outcome | None
    questions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """An open installation with the deep graph in it."""

    services: Services
    graph: CompiledStateGraph[Any, Any, Any, Any]
    checkpoints: Any

    async def run(self, specialist: str, text: str, run: str) -> Ran:
        """Carry out a request from its start, as the command line does it."""
        config = _config(run) | {
            # What a run that is cut off in its first step is begun with again.
            "metadata": {"label": "internal", "specialist": specialist, "graph_id": "deep"}
        }
        began = time.perf_counter()
        questions = await drive(
            self.graph,
            {"messages": [HumanMessage(text)]},
            config,
            context={"specialist": specialist},
            view=Silent(),
            person=nobody,
        )
        seconds = time.perf_counter() - began
        return Ran(seconds=seconds, outcome=await self._outcome(run), questions=len(questions))

    async def resume(self, specialist: str, text: str, run: str) -> Ran:
        """Go on with a run that was cut off, or begin it where it left nothing behind."""
        row = await self.services.ledger.runs.get(run)
        if row is not None and row.ended:
            return Ran(seconds=0.0, outcome=await self._outcome(run))
        if row is None:
            return await self.run(specialist, text, run)
        desk = Desk(services=self.services, checkpoints=self.checkpoints, person=nobody)
        began = time.perf_counter()
        try:
            ended = await desk.resume(row, Silent())
        except NoStep:
            return await self.run(specialist, text, run)
        seconds = time.perf_counter() - began
        return Ran(seconds=seconds, outcome=await self._outcome(run), questions=len(ended.pending))

    async def _outcome(self, run: str) -> Outcome | None:
        values = (await self.graph.aget_state(_config(run))).values
        outcome: Outcome | None = values.get("outcome")
        return outcome


class Silent:
    """A view that shows nothing."""

    def take(self, event: Mapping[str, Json]) -> None:
        """Nobody looks."""

    def showing(self) -> AbstractContextManager[None]:
        """Nothing to open."""
        return nullcontext()


async def nobody(_question: Question) -> Json | None:
    """Leaves every question open."""
    return None


def _config(run: str) -> RunnableConfig:
    return {"configurable": {"thread_id": run, "run_id": run}}


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Open ledger, models, tools and checkpoints. The model library is loaded before it yields."""
    async with (
        open_services(settings) as services,
        open_checkpoints(settings) as checkpoints,
    ):
        if services.gateway.unavailable:
            raise SystemExit(f"Not every server started: {dict(services.gateway.unavailable)}")
        await services.models.warm()
        graph = build().compile(checkpointer=checkpoints, name="deep")
        yield House(services=services, graph=graph, checkpoints=checkpoints)
