"""What a plan will cost, held against what its budgets leave, before anything is spent on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from agents.worker import instructions
from graphs.authority import authority_of
from graphs.services import Services
from graphs.state import Job
from harness.estimate import Estimate, Price, Tier, estimate, unaffordable
from harness.plan import Plan
from models.tiers import Models
from runtime.canonical import Json, canonical
from tools.catalogue import ToolEntry

_MILLION = 1_000_000


def estimate_of(services: Services, job: Job, inputs: Mapping[str, Json], drawn: Plan) -> Estimate:
    """What the plan takes at least, by the cheapest deployments, and at most, by the dearest."""
    by = partial(
        estimate,
        drawn,
        authority_of(services, job).limits,
        request=inputs,
        tools=tool_sizes(services, drawn),
        instructions=len(instructions(services.registry.require(job["specialist"]))),
    )
    return Estimate(
        least=by(prices=prices_of(services.models, min)).least,
        most=by(prices=prices_of(services.models, max)).most,
    )


async def objection(services: Services, job: Job, estimated: Estimate) -> tuple[str, ...]:
    """Why the plan cannot be paid for; empty when it may be."""
    scopes = (job["run"], *job.get("scopes", ()))
    ledger = services.ledger.budgets
    budgets = [await ledger.get(scope) for scope in scopes] + await ledger.today(job["tenant"])
    left = min((one.left for one in budgets if one is not None), default=0.0)
    why = unaffordable(estimated, left)
    return (why,) if why else ()


def prices_of(models: Models, pick: Callable[[Iterable[float]], float]) -> dict[Tier, Price]:
    """The prices of the tiers that do tasks, where several deployments serve one: by `pick`."""
    found: dict[Tier, Price] = {}
    tiers: tuple[Tier, ...] = ("work", "plan")
    for tier in tiers:
        # How long its prompts will be nobody knows yet.
        known = [prices for one in models.deployments(tier) for _, prices in one.ladder]
        if known:
            found[tier] = Price(
                prompt=pick(one.prompt for one in known) * _MILLION,
                answer=pick(one.answer for one in known) * _MILLION,
            )
    return found


def tool_sizes(services: Services, drawn: Plan) -> dict[str, int]:
    """Characters of the description of each tool that a plan names."""
    catalogue = services.gateway.catalogue
    named = {tool for task in drawn.tasks for tool in task.tools}
    return {name: size_of(catalogue[name]) for name in named if name in catalogue}


def size_of(entry: ToolEntry) -> int:
    """Characters with which a tool is described to a model."""
    return len(entry.name) + len(entry.description) + len(canonical(entry.schema))
