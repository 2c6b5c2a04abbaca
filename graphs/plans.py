"""A plan on its way through the graph: kept, announced, and what is left of it when it is ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

from langgraph.config import get_stream_writer

from graphs.execute import Finished
from graphs.services import Services
from graphs.state import Job
from harness.estimate import Estimate
from harness.plan import Plan
from runtime.canonical import Json
from runtime.errors import RunCancelled


async def keep_plan(services: Services, job: Job, drawn: Plan, *, drawn_by: str) -> Json:
    """Store a checked plan before it is executed; a resume then never plans again."""
    kept = drawn.model_dump(by_alias=True, mode="json")
    await services.ledger.tasks.store_plan(
        job["run"], job["task"], job["specialist"], kept, drawn_by=drawn_by
    )
    return kept


def announce(job: Job, drawn: Plan, estimated: Estimate) -> None:
    """Tell whoever listens what the plan is, and what it takes at least and at most."""
    get_stream_writer()(
        {
            "event": "plan",
            "dispatch": job["task"],
            "specialist": job["specialist"],
            "least": asdict(estimated.least),
            "most": asdict(estimated.most),
            "tasks": [
                {
                    "id": f"{job['task']}/{task.id}",
                    "objective": task.objective[:200],
                    "parents": [f"{job['task']}/{id}" for id in drawn.parents(task)],
                    "group": task.group,
                }
                for task in drawn.tasks
            ],
        }
    )


async def done_or_refused(services: Services, job: Job, unfinished: Collection[str]) -> bool:
    """Whether an unfinished task has, or may have, changed the world, or a person refused it."""
    lost = tuple(f"{job['task']}/{id}" for id in unfinished)
    asked = await services.ledger.approvals.of_run(job["run"])
    made = await services.ledger.effects.of_run(job["run"])
    touched = {
        *(one.task for one in asked if one.state == "refused"),
        *(one.task for one in made if one.state != "failed"),
    }
    return any(task == id or task.startswith(f"{id}/") for task in touched for id in lost)


async def what_is_left(
    services: Services, job: Job, drawn: Plan, cancelled: RunCancelled
) -> Finished:
    """The accepted results of a job whose run was cancelled; everything else is closed."""
    reason = f"cancelled by {cancelled.by}"
    await services.ledger.tasks.settle_open(job["run"], job["task"], "cancelled", reason)
    results = {
        row.task.removeprefix(f"{job['task']}/"): row.output
        for row in await services.ledger.tasks.results_of(job["run"], job["task"])
    }
    kept = {task.id: results[task.id] for task in drawn.tasks if task.id in results}
    lost = {task.id: reason for task in drawn.tasks if task.id not in results}
    return Finished(results=kept, unfinished=lost)
