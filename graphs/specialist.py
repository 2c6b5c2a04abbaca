"""One dispatch carried out by its specialist: a single agent loop, or the deep harness."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from langgraph.config import get_stream_writer
from pydantic import ValidationError

from agents.known import known_of
from agents.slot import Slot
from agents.spec import Specialist
from graphs.authority import with_budget
from graphs.deep import harness
from graphs.planning import inputs_of
from graphs.services import services
from graphs.state import Job, Outcome, no_outcome
from graphs.thread_view import WORKERS
from graphs.workshop import ServiceWorkshop, context_of
from harness.plan import Task
from runtime.errors import RunCancelled, RunTaken, SwitchyardError, UserError

Node = Callable[[Job], Awaitable[dict[str, dict[str, Outcome]]]]


def node_for(specialist: Specialist) -> Node:
    """The graph node of a specialist. It receives a job and returns its outcome."""
    carry_out = _deep if specialist.kind == "deep" else _react

    shows = harness if specialist.kind == "deep" else WORKERS

    async def node(job: Job) -> dict[str, dict[str, Outcome]]:
        _ = shows  # named here, where the library looks for what tells the state below a node
        # What the specialist works with counts for the whole run from here on.
        opened = services()
        label = await opened.ledger.runs.raise_label(job["run"], specialist.data)
        paying = await with_budget(opened, {**job, "label": label.value})
        return {"outcomes": {job["task"]: await carry_out(paying)}}

    return node


async def _deep(job: Job) -> Outcome:
    # Called without a config: the harness gets a stable place of its own below this node.
    state = await harness.ainvoke({"job": job})
    outcome: Outcome = state["outcome"]
    return outcome


async def _react(job: Job) -> Outcome:
    """One task, verified like every other: its objective is the request."""
    opened = services()
    specialist = opened.registry.require(job["specialist"])
    progress = get_stream_writer()
    try:
        slot = Slot(
            task=Task(
                id=job["task"],
                objective=job["text"],
                tools=specialist.tools,
                output=specialist.outputs,
                accept=specialist.accept,
            ),
            specialist=specialist,
            context=context_of(opened, job),
            limits=opened.limits.of(specialist.effort),
            ledger=opened.ledger,
            workshop=ServiceWorkshop(services=opened, job=job, progress=progress),
            progress=progress,
            known=await known_of(opened.ledger, job["run"], job["task"]),
        )
        inputs = await inputs_of(opened, job, specialist)
        async with asyncio.timeout(slot.limits.seconds):
            output = await opened.holding.unless_cancelled(job["run"], slot.settle(inputs))
    except TimeoutError:
        reason = f"limit 'seconds' of {slot.limits.seconds:g} s (config/limits.yaml) is over"
        await opened.ledger.tasks.settle_open(job["run"], job["task"], "failed", reason)
        return no_outcome(job, "failed", reason)
    except RunCancelled as cancelled:
        reason = f"cancelled by {cancelled.by}"
        await opened.ledger.tasks.settle_open(job["run"], job["task"], "cancelled", reason)
        return no_outcome(job, "cancelled", reason)
    except RunTaken:
        # Whoever drives the run now goes on with it: nothing has failed.
        raise
    except (SwitchyardError, ValidationError) as error:
        return no_outcome(job, "rejected" if isinstance(error, UserError) else "failed", str(error))
    return Outcome(
        dispatch=job["task"],
        specialist=specialist.name,
        status="done",
        text=str(output.get("answer", "")),
        outputs=output,
        evidence=list(dict.fromkeys(output.get("evidence", []))),
        missing=[],
        judgement=None,
    )
