"""Everything that the ledger holds of one run, gathered for showing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from graphs.answer import saving_of
from ledger.approvals import Approval
from ledger.calls import ToolCall
from ledger.effects import Effect
from ledger.runs import Run
from ledger.spend import ModelCall
from ledger.spend_sums import USED
from ledger.store import Ledger
from ledger.tasks import PlanRow, Result, TaskRow, Transition
from models.deployment import Deployment
from models.frontier import Saving
from runtime.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSpend:
    """What one tier of a run consumed on one deployment. `cost` is in US dollars."""

    tier: str
    deployment: str
    model: str
    calls: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens, those read from the provider's cache."""
    completion_tokens: int
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run in full."""

    run: Run
    route: Json
    plans: list[PlanRow]
    tasks: list[TaskRow]
    transitions: list[Transition]
    results: list[Result]
    tool_calls: list[ToolCall]
    effects: list[Effect]
    approvals: list[Approval]
    model_calls: list[ModelCall]
    saving: Saving | None = None
    """Beside the same calls on one strong model; None where there is nothing to compare with."""

    @property
    def tiers(self) -> list[TierSpend]:
        """Model calls summed by tier and deployment."""
        return by_tier(self.model_calls)

    def as_json(self) -> Json:
        """The record as data."""
        shown: dict[str, Json] = {
            "run": dataclasses.asdict(self.run),
            "route": self.route,
            "tiers": [dataclasses.asdict(one) for one in self.tiers],
            "saving": self._saving(),
        }
        for name in (
            "plans",
            "tasks",
            "transitions",
            "results",
            "tool_calls",
            "effects",
            "approvals",
            "model_calls",
        ):
            shown[name] = [dataclasses.asdict(row) for row in getattr(self, name)]
        return shown

    def _saving(self) -> Json:
        if self.saving is None:
            return None
        derived = {"saved": self.saving.saved, "share": self.saving.share}
        return dataclasses.asdict(self.saving) | derived


async def gather(ledger: Ledger, run: Run, frontier: Deployment | None = None) -> Record:
    """Read everything about a run.

    Args:
        frontier: What its model calls are compared with.
    """
    calls = await ledger.spend.of_run(run.id)
    return Record(
        run=run,
        route=await ledger.runs.route(run.id),
        plans=await ledger.tasks.plans_of(run.id),
        tasks=await ledger.tasks.states(run.id),
        transitions=await ledger.tasks.history(run.id),
        results=await ledger.tasks.results_of(run.id),
        tool_calls=await ledger.calls.of_run(run.id),
        effects=await ledger.effects.of_run(run.id),
        approvals=await ledger.approvals.of_run(run.id),
        model_calls=calls,
        saving=saving_of(calls, frontier) if frontier else None,
    )


def by_tier(calls: Sequence[ModelCall]) -> list[TierSpend]:
    """Sums by tier and deployment, in the order of the first call."""
    groups: dict[tuple[str, str], list[ModelCall]] = {}
    for call in calls:
        groups.setdefault((call.tier, call.deployment), []).append(call)
    return [
        TierSpend(
            tier=tier,
            deployment=deployment,
            model=members[0].model,
            calls=len(members),
            failed=sum(call.outcome not in USED for call in members),
            prompt_tokens=sum(call.prompt_tokens for call in members),
            cached_tokens=sum(call.cache_read or 0 for call in members),
            completion_tokens=sum(call.completion_tokens for call in members),
            cost=sum(call.cost for call in members),
        )
        for (tier, deployment), members in groups.items()
    ]
