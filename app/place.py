"""Where a recorded run stands: its graph, its thread, and the context that it began with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from langchain_core.runnables import RunnableConfig

from app.checkpoints import Checkpoints
from graphs.state import RequestContext
from ledger.runs import Run
from ledger.store import Ledger
from runtime.canonical import Json

GraphName = Literal["supervisor", "deep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is needed to go on with a run."""

    graph: GraphName
    config: RunnableConfig
    context: dict[str, Json]
    """Fields of `graphs.state.RequestContext`; a run that was cut off before its first step was
    done reads them once more."""
    begun: bool
    """Whether there is any step to go on from."""


async def place_of(ledger: Ledger, checkpoints: Checkpoints, run: Run) -> Place:
    """Find the steps of a run, whoever made them: the command line or the server."""
    config: RunnableConfig = {"configurable": {"thread_id": run.thread, "run_id": run.id}}
    step = await checkpoints.aget_tuple({"configurable": {"thread_id": run.thread}})
    # The library keeps with each step what it was called with.
    known: dict[str, Json] = dict(step.metadata) if step else {}
    return Place(
        graph=await _graph_of(ledger, run.id, str(known.get("graph_id", ""))),
        config=config,
        context={name: known[name] for name in RequestContext.model_fields if name in known},
        begun=step is not None,
    )


async def _graph_of(ledger: Ledger, run: str, told: str) -> GraphName:
    if told:
        return "deep" if told == "deep" else "supervisor"
    # The command line starts the supervisor, whose runs have a route before they have a plan.
    planned = await ledger.tasks.plans_of(run)
    return "deep" if planned and not await ledger.runs.route(run) else "supervisor"
