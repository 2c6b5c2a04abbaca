"""What a plan is made from and held against: inputs, tools, permissions, declared outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

from langchain_core.language_models import BaseChatModel

from agents.intake import Reader, take_inputs
from agents.planner import Unfinished, draft, outline, redraft
from agents.routing.tenants import permitted
from agents.spec import Read, Specialist
from graphs.authority import authority_of, grant_of
from graphs.costs import estimate_of, objection
from graphs.services import Services
from graphs.state import Job
from graphs.workshop import context_of
from harness.check import Permits, problems
from harness.inputs import look_up, select
from harness.merge import merged
from harness.plan import REQUEST, Plan, Task
from harness.replan import refusals, splice
from models.encoder import LastLayer
from runtime.canonical import Json
from runtime.errors import ConfigError, PlanRejected, RequestError, SelectionFailed

_MOST_TOLD = 60
"""Specialists that a fallback is told of; with more, its prompt would grow with their number."""


async def inputs_of(services: Services, job: Job, specialist: Specialist) -> dict[str, Json]:
    """The specialist's declared inputs.

    Raises:
        RequestError: the request lacks one, or a read that supplies one failed.
        ConfigError: an input is to be read with a tool that may not supply inputs.
    """
    reachable = permitted(services.registry, services.routing, job["tenant"])
    others = {one.name: one.summary for one in reachable.values() if one is not specialist}
    return await take_inputs(
        specialist,
        job["text"],
        job["upstream"],
        dict(islice(others.items(), _MOST_TOLD)),
        _reader(services, job),
        job.get("given"),
    )


def _reader(services: Services, job: Job) -> Reader:
    """Reads through the gateway in the name of the job, before its plan is made."""
    context = context_of(services, job).at(task=f"{job['task']}/inputs")

    async def read(wanted: Read) -> Json:
        entry = services.gateway.catalogue.get(wanted.tool)
        if entry is None:
            raise RequestError(
                f"there is no such tool. {_why_gone(services, wanted.tool)}".strip(),
                field="inputs",
                value=wanted.tool,
                remedy="Start its server; `switchyard check` names what is wrong with it.",
            )
        if entry.effect or entry.untrusted:
            raise ConfigError(
                f"{wanted.tool!r} has effects or is untrusted, and plans are made from inputs",
                file=services.registry.require(job["specialist"]).file,
                remedy="Call it in a task of the plan.",
            )
        reply = await services.gateway.call(
            context, wanted.tool, wanted.arguments, call="inputs", ask=_nobody
        )
        if reply.error:
            raise RequestError(
                reply.text, field="inputs", value=wanted.tool, remedy="Mend it and ask again."
            )
        return select(wanted.select, reply.data)

    return read


async def _nobody(_approval: object) -> Literal["refused"]:
    """Inputs are reads; where policy wants a person asked for one, it is refused."""
    return "refused"


async def draw(
    services: Services,
    job: Job,
    specialist: Specialist,
    inputs: dict[str, Json],
    objections: Sequence[str],
) -> Plan:
    """The author's plan, or one by tier `plan` along the author's outline.

    Raises:
        PlanRejected: the planner's answer is not of the form of a plan.
        RequestError: an input that the plan repeats over is not a list.
    """
    assert specialist.plan is not None, "only deep specialists have plans drawn"
    if specialist.plan.by == "spec":
        return outline(specialist, inputs, authority_of(services, job).limits)
    return await draft(
        specialist,
        job["text"],
        inputs,
        tools=_described(services, job),
        limits=authority_of(services, job).limits,
        model=_planner(services, job),
        objections=objections,
    )


async def redraw(
    services: Services, job: Job, specialist: Specialist, state: Unfinished
) -> Plan | None:
    """A plan whose unfinished part is new, by tier `plan`; None when there is no sound one.

    One round of repair, as with a first plan. What is accepted stays exactly as it is.
    """
    objections: tuple[str, ...] = ()
    for _ in ("draft", "repair"):
        try:
            part = await redraft(
                specialist,
                job["text"],
                state,
                tools=_described(services, job),
                limits=authority_of(services, job).limits,
                model=_planner(services, job),
                objections=objections,
            )
        except PlanRejected as error:
            objections = error.problems
            continue
        limits = authority_of(services, job).limits
        objections = refusals(state.plan, state.results, part, limits)
        if objections:
            continue
        whole = merged(splice(state.plan, state.results, part)).plan
        objections = await asyncio.to_thread(
            faults, services, job, specialist, dict(state.inputs), whole
        )
        if not objections:
            estimated = estimate_of(services, job, state.inputs, whole)
            objections = await objection(services, job, estimated)
        if not objections:
            return whole
    return None


def _described(services: Services, job: Job) -> dict[str, str]:
    """The tools that the job may use, in the words of their servers."""
    catalogue = services.gateway.catalogue
    allowed = sorted(authority_of(services, job).tools)
    return {name: catalogue[name].description for name in allowed if name in catalogue}


def _planner(services: Services, job: Job) -> BaseChatModel:
    context = context_of(services, job).at(task=f"{job['task']}/plan")
    return services.models.chat("plan", context)


def faults(
    services: Services, job: Job, specialist: Specialist, inputs: dict[str, Json], drawn: Plan
) -> tuple[str, ...]:
    """What is wrong with a plan for this job; empty when it may be executed."""
    encoder = services.local_stage.encoder
    wrong = problems(
        drawn,
        inputs=inputs,
        permits=_permits(services, job),
        limits=authority_of(services, job).limits,
        declared={name: one.json_schema for name, one in specialist.inputs.items()},
        vectors=LastLayer(encoder).encode if encoder else None,
    )
    return wrong or (*_unanswerable(drawn, specialist), *_undelegable(services, job, drawn))


def _undelegable(services: Services, job: Job, drawn: Plan) -> Iterator[str]:
    """Tasks that are given to a specialist which may not have them."""
    for task in drawn.tasks:
        if task.specialist:
            for reason in grant_of(services, job, task).reasons:
                yield f"Task {task.id!r} goes to {task.specialist!r}: {reason}"
            child = services.registry.get(task.specialist)
            if child and child.plan and child.plan.by == "model":
                yield from _unplannable(job, task)


def _unplannable(job: Job, task: Task) -> Iterator[str]:
    """Inputs of a task from which a model may not plan: a plan is made from trusted words alone."""
    trusted = {""} if "authority" in job else {"", REQUEST}
    for name, source in task.inputs.items():
        if source.source not in trusted:
            yield (
                f"Task {task.id!r} goes to {task.specialist!r}, whose plan is drawn by a model:"
                f" input {name!r} may hold text from outside. Give it literals or inputs of the"
                " request, or let its plan be the author's (plan.by: spec)."
            )


def _permits(services: Services, job: Job) -> Permits:
    context = context_of(services, job)

    def permits(tool: str) -> str:
        if tool not in services.gateway.catalogue:
            return f"there is no such tool. {_why_gone(services, tool)}".strip()
        decision = services.gateway.decide(context, tool)
        return decision.reason if decision.verdict == "deny" else ""

    return permits


def _why_gone(services: Services, tool: str) -> str:
    for server, reason in services.gateway.unavailable.items():
        if tool.startswith(server + "_"):
            return f"Its server {server!r} is not available: {reason}"
    return ""


def _unanswerable(drawn: Plan, specialist: Specialist) -> tuple[str, ...]:
    """Outputs of the specialist that no task of the plan gives."""
    return tuple(
        f"Output {name!r} is composed from task {source!r}, which the plan lacks."
        for name, output in specialist.composed.items()
        for source in output.sources
        if not drawn.knows(source)
    )


def composed(
    specialist: Specialist,
    drawn: Plan,
    inputs: Mapping[str, Json],
    results: Mapping[str, Json],
) -> dict[str, Json]:
    """The specialist's named outputs, from accepted results only."""
    found: dict[str, Json] = {}
    for name, output in specialist.composed.items():
        parts = {source: look_up(source, drawn, inputs, results) for source in output.sources}
        whole = parts[output.source] if isinstance(output.source, str) else parts
        try:
            found[name] = select(output.select, whole)
        except SelectionFailed:
            # A missing part must not cost the others: the answer shows it as nothing.
            found[name] = None
    return found
