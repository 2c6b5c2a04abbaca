"""Carries out a plan: by one worker where the rule says so, and as dataflow otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from langgraph.config import get_stream_writer

from agents.known import RESULT_VERSION
from agents.slot import key_of
from agents.worker import instructions
from graphs.authority import authority_of
from graphs.costs import tool_sizes
from graphs.execute import Finished, execute_plan
from graphs.services import Services
from graphs.state import Job
from graphs.workshop import Delegate
from harness.inputs import resolve
from harness.plan import Plan
from harness.solo import SOLO, Solo, solo, split
from harness.solo_verify import verify_solo
from harness.verify import cited_in
from runtime.canonical import Json


async def carry_out(
    services: Services,
    job: Job,
    drawn: Plan,
    inputs: Mapping[str, Json],
    *,
    delegate: Delegate,
    seconds: float,
) -> Finished:
    """The results of a checked plan.

    A chain that one worker can do within its limits goes to one worker; if that worker fails, the
    plan runs task by task after all. A chain with effects is never given to one worker: a second
    way to do it would be a second effect.

    Args:
        seconds: The wall time that the job has left.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    one = None if _has_effects(services, drawn) else _solo(services, job, drawn, inputs)
    if one is None:
        return await execute_plan(
            services, job, drawn, inputs, delegate=delegate, deadline=deadline
        )
    get_stream_writer()(
        {
            "event": "solo",
            "dispatch": job["task"],
            "tasks": [f"{job['task']}/{id}" for id in one.order],
            "saved": asdict(one.saved),
        }
    )
    done = await execute_plan(
        services,
        job,
        one.plan,
        inputs,
        delegate=delegate,
        deadline=deadline,
        verifier=partial(verify_solo, one),
    )
    if SOLO in done.results:
        results = await _taken_apart(services, job, one, inputs, done.results[SOLO])
        return Finished(results=results, unfinished={}, solo=asdict(one.saved))
    return await execute_plan(services, job, drawn, inputs, delegate=delegate, deadline=deadline)


def _solo(services: Services, job: Job, drawn: Plan, inputs: Mapping[str, Json]) -> Solo | None:
    return solo(
        drawn,
        authority_of(services, job).limits,
        request=inputs,
        tools=tool_sizes(services, drawn),
        instructions=len(instructions(services.registry.require(job["specialist"]))),
    )


def _has_effects(services: Services, drawn: Plan) -> bool:
    """Whether any task may change the world, or ask a person before it reads."""
    catalogue = services.gateway.catalogue
    named = {tool for task in drawn.tasks for tool in task.tools}
    return any(tool not in catalogue or catalogue[tool].effect for tool in named)


async def _taken_apart(
    services: Services, job: Job, one: Solo, inputs: Mapping[str, Json], output: Json
) -> dict[str, Json]:
    """The result of each task of the chain, on record like those of workers of their own."""
    parts = split(one, output)
    told = get_stream_writer()
    reason = f"one worker did the whole chain; see {job['task']}/{SOLO}"
    for id in one.order:
        task = one.original.by_id[id]
        given = resolve(task, one.original, inputs, parts)
        await services.ledger.tasks.accept(
            job["run"],
            f"{job['task']}/{id}",
            inputs=key_of(task, given),
            attempt=1,
            output=parts[id],
            evidence=list(cited_in(parts[id])),
            reason=reason,
            specialist=job["specialist"],
            schema_version=RESULT_VERSION,
        )
        told(
            {
                "event": "task",
                "task": f"{job['task']}/{id}",
                "state": "accepted",
                "reason": reason,
                "attempt": 1,
            }
        )
    return parts
