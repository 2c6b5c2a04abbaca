"""The same worker graph without the harness: model door, tools and agent loop, and nothing else.

What our harness costs is measured against it, and the waves of `bench/waves.py` run on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agents.spec import Specialist
from agents.worker import brief, work
from bench.dags import Dag, Step
from graphs.services import Services
from harness.expand import expand
from harness.plan import Plan, Task
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """Workers for the steps of one plan, under a run of their own."""

    services: Services
    specialist: Specialist
    plan: Plan
    run: str

    async def step(self, step: Step, values: Mapping[str, str]) -> str:
        """Do one step, given the values of the steps that it waits for.

        Raises:
            RuntimeError: the worker delivered nothing.
        """
        task: Task = self.plan.by_id[step.id]
        context = RunContext(
            run=self.run,
            specialist=self.specialist.name,
            task=f"bare/{task.id}",
            tools=frozenset(self.specialist.tools),
            foreseen=frozenset(task.tools),
        )
        limits = self.services.limits.of(self.specialist.effort)
        inputs: dict[str, Json] = {"job": self.run, **values}
        attempt = await work(
            task,
            brief(task, inputs, limits, ()),
            specialist=self.specialist,
            model=self.services.models.chat("work", context),
            tools=self.services.gateway.tools(context, task.tools, ask=_nobody),
            limits=limits,
            trace={"run": self.run, "task": task.id},
        )
        if attempt.fault:
            raise RuntimeError(f"{task.id}: {attempt.fault}")
        return str(attempt.output["value"])


async def open_bare(services: Services, name: str, run: str) -> Bare:
    """Record a run for the books of models and tools, and expand the specialist's plan."""
    specialist = services.registry.require(name)
    await services.ledger.runs.start(
        run, thread=run, request=run, tenant="local", user="local", label=Label.internal, docs=""
    )
    await services.ledger.budgets.open(run, services.limits.request_dollars)
    assert specialist.plan is not None, "the benchmark's specialists are deep"
    plan = expand(specialist.plan.tasks, {"job": run})
    return Bare(services=services, specialist=specialist, plan=plan, run=run)


async def dataflow(bare: Bare, dag: Dag, width: int) -> dict[str, str]:
    """Every step as soon as its inputs are there, by asyncio alone; the values."""
    places = asyncio.Semaphore(width)
    running: dict[int, asyncio.Task[str]] = {}

    async def one(step: Step) -> str:
        values = {dag.steps[parent].id: await running[parent] for parent in step.parents}
        async with places:
            return await bare.step(step, values)

    async with asyncio.TaskGroup() as group:
        for step in dag.steps:
            running[step.number] = group.create_task(one(step))
    return {step.id: running[step.number].result() for step in dag.steps}


async def _nobody(_approval: object) -> Literal["refused"]:
    return "refused"
