"""Runs a plan as dataflow: a task starts when its own inputs are accepted, not when a wave ends.

One LangGraph task per plan task, all called up front in plan order, so that identity depends on
the plan and never on who finishes first. The ledger, not the checkpoint, decides what is done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.func import task as langgraph_task
from langgraph.types import Interrupt

from agents.slot import Slot
from graphs.services import Services
from graphs.state import Job
from graphs.workshop import ServiceWorkshop, context_of
from harness.inputs import resolve
from harness.order import topological
from harness.plan import Plan, Task
from runtime.canonical import Json
from runtime.errors import SwitchyardError, TaskFailed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Accepted outputs by task id, and for every other task the reason why it has none."""

    results: dict[str, Json]
    unfinished: dict[str, str]


async def execute_plan(
    services: Services, job: Job, plan: Plan, inputs: Mapping[str, Json]
) -> Finished:
    """Execute a checked plan inside a graph node.

    A task that fails harms nobody: what depends on it is blocked with the cause, the rest
    finishes. A task that waits for a person pauses what depends on it; once all others are done,
    one interrupt carries every open question.
    """
    run = _Run(services=services, job=job, plan=plan, inputs=inputs)
    order = topological(plan)
    slots: dict[str, asyncio.Future[dict[str, Json]]] = {}
    width = asyncio.Semaphore(services.limits.of(run.effort).width)
    for id in order:
        # Named after the task: the name is the stable part of its place in the checkpoint.
        named: Any = langgraph_task(name=id)
        slot = named(_waiting(run, slots, width))
        slots[id] = asyncio.ensure_future(slot(id))
    ended = await asyncio.gather(*slots.values(), return_exceptions=True)
    _raise_what_bubbled(ended)
    results: dict[str, Json] = {}
    unfinished: dict[str, str] = {}
    for id, end in zip(order, ended, strict=True):
        assert isinstance(end, dict), "exceptions were raised above"
        if "output" in end:
            results[id] = end["output"]
        else:
            unfinished[id] = str(end["reason"])
    return Finished(results=results, unfinished=unfinished)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    services: Services
    job: Job
    plan: Plan
    inputs: Mapping[str, Json]

    @property
    def effort(self) -> str:
        return self.services.registry.require(self.job["specialist"]).effort

    async def settle(self, task: Task, outputs: Mapping[str, Json]) -> dict[str, Json]:
        """The task's accepted output, or the reason why there is none."""
        context = context_of(self.services, self.job).at(task=f"{self.job['task']}/{task.id}")
        progress = get_stream_writer()
        slot = Slot(
            task=task,
            specialist=self.services.registry.require(self.job["specialist"]),
            context=context,
            limits=self.services.limits.of(self.effort),
            ledger=self.services.ledger,
            workshop=ServiceWorkshop(services=self.services, progress=progress),
            progress=progress,
        )
        try:
            return {"output": await slot.settle(resolve(task, self.plan, self.inputs, outputs))}
        except GraphBubbleUp:
            raise
        except TaskFailed as error:
            return {"reason": error.reason}
        except Exception as error:  # noqa: BLE001 - the edge of a task
            # A sibling's failure harms nobody: it becomes the reason why this task has no result.
            if not isinstance(error, SwitchyardError):
                _log.exception("task %s of run %s", task.id, self.job["run"])
            await self._without_result(task, "failed", str(error))
            return {"reason": str(error)}

    async def block(self, task: Task, cause: str) -> dict[str, Json]:
        reason = f"blocked: {cause!r} has no result"
        await self._without_result(task, "blocked", reason)
        return {"reason": reason}

    async def _without_result(self, task: Task, state: str, reason: str) -> None:
        id = f"{self.job['task']}/{task.id}"
        await self.services.ledger.tasks.move(
            self.job["run"],
            id,
            "blocked" if state == "blocked" else "failed",
            reason=reason,
            specialist=self.job["specialist"],
        )
        get_stream_writer()({"event": "task", "task": id, "state": state, "reason": reason[:500]})


def _waiting(
    run: _Run, slots: Mapping[str, asyncio.Future[dict[str, Json]]], width: asyncio.Semaphore
) -> Callable[[str], Coroutine[None, None, dict[str, Json]]]:
    """The body of one slot: wait for the inputs, then take a place, then work."""

    async def slot(id: str) -> dict[str, Json]:
        task = run.plan.by_id[id]
        outputs: dict[str, Json] = {}
        for parent in run.plan.parents(task):
            # Shielded: a slot that is cancelled must not take its parents with it.
            end = await asyncio.shield(slots[parent])
            if "output" not in end:
                return await run.block(task, parent)
            outputs[parent] = end["output"]
        # Taken after the inputs are there: a waiting task holds no place.
        async with width:
            return await run.settle(task, outputs)

    return slot


def _raise_what_bubbled(ended: list[dict[str, Json] | BaseException]) -> None:
    """Real errors first, then drains, then one interrupt with all open questions."""
    raised = [end for end in ended if isinstance(end, BaseException)]
    for error in raised:
        if not isinstance(error, GraphBubbleUp):
            raise error
    for error in raised:
        if not isinstance(error, GraphInterrupt):
            raise error
    questions: dict[str, Interrupt] = {}
    for error in raised:
        questions.update({question.id: question for question in error.args[0]})
    if questions:
        raise GraphInterrupt(tuple(questions.values()))
