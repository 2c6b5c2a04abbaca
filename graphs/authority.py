"""What a job may do: its specialist's own permissions and limits, or what its parent leaves."""

from __future__ import annotations

from agents.routing.tenants import permitted
from graphs.services import Services
from graphs.state import Job
from harness.authority import Authority, Grant
from harness.limits import Limits
from harness.plan import Task
from runtime.canonical import Json
from runtime.labels import Label


def authority_of(services: Services, job: Job) -> Authority:
    """The authority under which a job works."""
    given = job.get("authority")
    if given is not None:
        return Authority(
            label=Label(given["label"]),
            tools=frozenset(given["tools"]),
            limits=Limits.model_validate(given["limits"]),
            depth=int(given["depth"]),
        )
    specialist = services.registry.require(job["specialist"])
    return Authority.at_top(
        label=specialist.data,
        tools=specialist.tools,
        limits=services.limits.of(specialist.effort),
    )


def asks_effects(services: Services, job: Job) -> bool:
    """Whether a person decides on every effect: by the word of its specialist or of a parent."""
    if job.get("asks_effects", False):
        return True
    return services.registry.require(job["specialist"]).approval == "effects"


def grant_of(services: Services, job: Job, task: Task) -> Grant:
    """What the specialist that a task is given to may do, or why it cannot be given to it."""
    reachable = permitted(services.registry, services.routing, job["tenant"])
    child = reachable.get(task.specialist)
    if child is None:
        known = ", ".join(reachable)
        return Grant(
            authority=None,
            reasons=(f"There is no specialist {task.specialist!r}; there are: {known}.",),
        )
    return authority_of(services, job).for_child(
        label=child.data,
        tools=child.tools,
        limits=services.limits.of(child.effort),
        needs=child.tools if child.kind == "deep" else task.tools,
        plans=child.kind == "deep",
    )


async def with_budget(services: Services, job: Job) -> Job:
    """The job, paying out of a ceiling of its own below that of its request."""
    scope = f"{job['run']}:{job['task']}"
    limits = authority_of(services, job).limits
    await services.ledger.budgets.open(scope, limits.dollars, limits.job_tokens)
    return {**job, "scopes": [scope]}


def as_json(authority: Authority) -> Json:
    """The authority as it travels with a job."""
    return {
        "label": authority.label.value,
        "tools": sorted(authority.tools),
        "limits": authority.limits.model_dump(),
        "depth": authority.depth,
    }
