"""Runs a plan as dataflow: a task starts when its own inputs are accepted, not when a wave ends.

One LangGraph task per plan task, all called up front in plan order, so that identity depends on
the plan and never on who finishes first. The ledger, not the checkpoint, decides what is done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.func import task as langgraph_task
from langgraph.types import Interrupt

from agents.inspection import Verifier
from agents.known import Known, known_of
from agents.slot import Slot
from agents.spec import Specialist
from graphs.authority import authority_of, grant_of
from graphs.services import Services
from graphs.state import Job
from graphs.width import Width
from graphs.workshop import Delegate, ServiceWorkshop, context_of
from harness.inputs import resolve, unfit
from harness.limits import Limits
from harness.plan import Plan, Task
from harness.schedule import Schedule
from ledger.ceilings import Ceiling
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import RunTaken, SwitchyardError, TaskFailed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Accepted outputs by task id, and for every other task the reason why it has none."""

    results: dict[str, Json]
    unfinished: dict[str, str]
    blocked: tuple[str, ...] = ()
    """Those that never began, because what they need has no result."""
    solo: Json = None
    """Where one worker did the whole plan: what that saved."""


async def execute_plan(
    services: Services,
    job: Job,
    plan: Plan,
    inputs: Mapping[str, Json],
    *,
    delegate: Delegate,
    deadline: float,
    verifier: Verifier | None = None,
) -> Finished:
    """Execute a checked plan inside a graph node.

    A task that fails harms nobody: what depends on it is blocked with the cause, the rest
    finishes. A task that waits for a person pauses what depends on it; once all others are done,
    one interrupt carries every open question.

    Args:
        delegate: Runs a deep specialist for one task of the plan.
        deadline: When the job's wall time is over, by the clock of the event loop.
        verifier: Stands in for the checks of a plan's only task, where one worker does it all.
    """
    known = await known_of(services.ledger, job["run"], job["task"])
    run = _Run(
        services=services,
        job=job,
        plan=plan,
        inputs=inputs,
        known=known,
        limits=authority_of(services, job).limits,
        delegate=delegate,
        deadline=deadline,
        verifier=verifier,
    )
    await run.open_budgets()
    slots: dict[str, asyncio.Future[dict[str, Json]]] = {}
    width = Width(run.limits.width)
    for id in run.schedule.order:
        # Named after the task: the name is the stable part of its place in the checkpoint.
        named: Any = langgraph_task(name=id)
        slot = named(_waiting(run, slots, width))
        slots[id] = asyncio.ensure_future(slot(id))
    ended = await asyncio.gather(*slots.values(), return_exceptions=True)
    _raise_what_bubbled(ended)
    results: dict[str, Json] = {}
    unfinished: dict[str, str] = {}
    blocked: list[str] = []
    for id, end in zip(run.schedule.order, ended, strict=True):
        assert isinstance(end, dict), "exceptions were raised above"
        if "output" in end:
            results[id] = end["output"]
        else:
            unfinished[id] = str(end["reason"])
            if "cause" in end:
                blocked.append(id)
    return Finished(results=results, unfinished=unfinished, blocked=tuple(blocked))


@dataclass(frozen=True, kw_only=True)
class _Run:
    services: Services
    job: Job
    plan: Plan
    inputs: Mapping[str, Json]
    known: Known
    limits: Limits
    delegate: Delegate
    deadline: float
    verifier: Verifier | None

    @cached_property
    def specialist(self) -> Specialist:
        return self.services.registry.require(self.job["specialist"])

    @cached_property
    def schedule(self) -> Schedule:
        return Schedule(plan=self.plan, width=self.limits.width)

    @cached_property
    def context(self) -> RunContext:
        return context_of(self.services, self.job)

    def id_of(self, task: Task) -> str:
        return f"{self.job['task']}/{task.id}"

    def scope_of(self, task: Task) -> str:
        return f"{self.job['run']}:{self.id_of(task)}"

    async def open_budgets(self) -> None:
        """The ceilings of the tasks, below that of the job."""
        share = Ceiling(dollars=self.limits.task_dollars, tokens=self.limits.task_tokens)
        await self.services.ledger.budgets.open_all(
            {self.scope_of(task): share for task in self.plan.tasks}
        )

    async def settle(self, task: Task, outputs: Mapping[str, Json]) -> dict[str, Json]:
        """The task's accepted output, or the reason why there is none."""
        try:
            async with asyncio.timeout_at(self.deadline):
                inputs = resolve(task, self.plan, self.inputs, outputs)
                if wrong := unfit(task, inputs):
                    return await self.without_result(task, "failed", " ".join(wrong))
                return {"output": await self._slot(task).settle(inputs)}
        except (GraphBubbleUp, RunTaken):
            # Whoever drives the run now goes on with the task: it has not failed.
            raise
        except TaskFailed as error:
            return {"reason": error.reason}
        except TimeoutError:
            reason = f"limit 'seconds' of {self.limits.seconds:g} s (config/limits.yaml) is over"
            below = self.services.ledger.tasks
            await below.settle_open(self.job["run"], self.id_of(task), "failed", reason)
            return await self.without_result(task, "failed", reason)
        except Exception as error:  # noqa: BLE001 - the edge of a task
            # A sibling's failure harms nobody: it becomes the reason why this task has no result.
            if not isinstance(error, SwitchyardError):
                _log.exception("task %s of run %s", task.id, self.job["run"])
            return await self.without_result(task, "failed", str(error))

    def _slot(self, task: Task) -> Slot:
        progress = get_stream_writer()
        context = replace(
            self.context.at(task=self.id_of(task)),
            scopes=(*self.context.scopes, self.scope_of(task)),
        )
        specialist, authority, limits = self.specialist, None, self.limits
        if task.specialist:
            specialist = self.services.registry.require(task.specialist)
            grant = grant_of(self.services, self.job, task)
            if grant.authority is None:
                raise TaskFailed(self.job["run"], self.id_of(task), " ".join(grant.reasons))
            authority = grant.authority
            limits = authority.limits
            context = replace(context, tools=authority.tools)
        return Slot(
            task=task,
            specialist=specialist,
            context=context,
            # The one worker of a chain asks nobody: the tasks by themselves still can.
            limits=limits.model_copy(update={"asks": 0}) if self.verifier else limits,
            ledger=self.services.ledger,
            workshop=ServiceWorkshop(
                services=self.services, job=self.job, progress=progress, deep=self.delegate
            ),
            progress=progress,
            known=self.known,
            authority=authority,
            verifier=self.verifier,
        )

    async def without_result(
        self, task: Task, state: Literal["failed", "blocked"], reason: str
    ) -> dict[str, Json]:
        """Record and tell why a task has no result."""
        id = self.id_of(task)
        await self.services.ledger.tasks.move(
            self.job["run"], id, state, reason=reason, specialist=self.job["specialist"]
        )
        get_stream_writer()({"event": "task", "task": id, "state": state, "reason": reason[:500]})
        return {"reason": reason}


def _waiting(
    run: _Run, slots: Mapping[str, asyncio.Future[dict[str, Json]]], width: Width
) -> Callable[[str], Coroutine[None, None, dict[str, Json]]]:
    """The body of one slot: wait for the inputs, then take a place, then work."""

    async def slot(id: str) -> dict[str, Json]:
        task = run.plan.by_id[id]
        outputs: dict[str, Json] = {}
        for parent in run.plan.parents(task):
            # Shielded: a slot that is cancelled must not take its parents with it.
            end = await asyncio.shield(slots[parent])
            if "output" not in end:
                cause = end.get("cause", parent)
                reason = f"blocked: {cause!r} has no result"
                return await run.without_result(task, "blocked", reason) | {"cause": cause}
            outputs[parent] = end["output"]
        # Taken after the inputs are there: a waiting task holds no place.
        async with width.place(run.schedule.key(id)):
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
