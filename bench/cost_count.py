"""The calculation behind `make bench-cost`: recorded tokens times written prices, here and there.

Two ways of counting. `same_calls` prices the recorded calls alone. `one_model_for_all` adds what a
system on one model is asked beside them: to route every request, and to draw every plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from agents.registry import load_registry
from agents.routing.choose import prompt_for, schema_for
from bench.router_prompt import all_of
from ledger.spend import ModelCall
from ledger.store import Ledger
from models.config import ModelsConfig
from models.deployment import Deployment, Tier
from models.frontier import Tokens, priced
from runtime.canonical import Json, canonical
from runtime.settings import ROOT
from tests.provider.answer import tokens as counted

Part = Literal["route", "plan", "judge"]
PARTS: tuple[Part, ...] = ("route", "plan", "judge")
ROUTED = 40
"""Tokens of a routing answer: a name and a sentence of reason."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Tokens of one part of the workload."""

    calls: int
    prompt: int
    completion: int

    def dollars(self, deployment: Deployment) -> float:
        """At the prices of a deployment."""
        return priced(
            deployment,
            Tokens(
                tier="work",
                prompt=self.prompt,
                completion=self.completion,
                cache_read=0,
                cache_creation=0,
                cost=0.0,
            ),
        )

    def plus(self, other: Used) -> Used:
        return Used(
            calls=self.calls + other.calls,
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What was recorded, and what was never asked of any model."""

    recorded: Mapping[Part, Used]
    avoided: Mapping[Part, Used]
    """What one model for all would be asked on top of it."""


async def workload(ledger: Ledger, texts: Sequence[str]) -> Workload:
    """Read a workload from the ledger. `texts` are its requests."""
    calls: list[ModelCall] = []
    from_file = 0
    for run in await ledger.runs.latest(100_000):
        calls += await ledger.spend.of_run(run.id)
        plans = await ledger.tasks.plans_of(run.id)
        from_file += sum(one.drawn_by == "spec" for one in plans)
    recorded: dict[Part, Used] = {
        "route": _sum([one for one in calls if one.tier == "route"]),
        # Tasks that climbed to the strong tier are work.
        "plan": _sum([one for one in calls if one.tier == "plan" and one.task.endswith("/plan")]),
        "judge": _sum([one for one in calls if one.tier == "judge"]),
    }
    drawn = recorded["plan"]
    each = max(1, drawn.calls)
    asked = routing_of_all(texts)
    avoided: dict[Part, Used] = {
        "route": Used(
            calls=asked.calls - recorded["route"].calls,
            prompt=asked.prompt - recorded["route"].prompt,
            completion=asked.completion - recorded["route"].completion,
        ),
        "plan": Used(
            calls=from_file,
            prompt=from_file * drawn.prompt // each,
            completion=from_file * drawn.completion // each,
        ),
        "judge": Used(calls=0, prompt=0, completion=0),
    }
    return Workload(recorded=recorded, avoided=avoided)


def _sum(calls: Sequence[ModelCall]) -> Used:
    return Used(
        calls=len(calls),
        prompt=sum(one.prompt_tokens for one in calls),
        completion=sum(one.completion_tokens for one in calls),
    )


def routing_of_all(texts: Sequence[str]) -> Used:
    """Each request put to a model with every specialist listed; counted as the provider counts."""
    specialists = load_registry(ROOT / "agents" / "specialists")
    everyone = all_of(list(specialists.values()))
    form = counted(canonical(schema_for([one.specialist for one in everyone])))
    prompt = 0
    for text in texts:
        messages = prompt_for(text, everyone, specialists)
        prompt += form + sum(counted(str(one.content)) + 4 for one in messages)
    return Used(calls=len(texts), prompt=prompt, completion=ROUTED * len(texts))


def variants(config: ModelsConfig) -> dict[str, dict[Part, Deployment]]:
    """Who may do which part: as shipped, and with other models of the profile in the place."""

    def first(tier: Tier) -> Deployment:
        return config.tier(tier)[0]

    route, work, plan = first("route"), first("work"), first("plan")
    shipped: dict[Part, Deployment] = {part: first(part) for part in PARTS}
    return {
        "as shipped": shipped,
        "judge on the model that plans": shipped | {"judge": plan},
        "plans on the model that works": shipped | {"plan": work},
        "all three on the model that routes": shipped | {"judge": route, "plan": route},
    }


def calculated(done: Workload, by: Mapping[Part, Deployment], frontier: Deployment) -> Json:
    """One variant: every product of tokens and prices, and both shares."""
    rows = []
    here = same = everything = 0.0
    for part in PARTS:
        used, more = done.recorded[part], done.avoided[part]
        cost, there = used.dollars(by[part]), used.dollars(frontier)
        asked_there = used.plus(more).dollars(frontier)
        here, same, everything = here + cost, same + there, everything + asked_there
        rows.append(
            {
                "part": part,
                "deployment": by[part].id,
                "dollars_a_million": price(by[part]),
                **asdict(used),
                "dollars": round(cost, 6),
                "frontier_dollars": round(there, 6),
                "one_model_for_all_dollars": round(asked_there, 6),
            }
        )
    return {
        "rows": rows,
        "dollars": round(here, 6),
        "same_calls": _share(here, same),
        "one_model_for_all": _share(here, everything),
    }


def price(one: Deployment) -> list[float]:
    """Dollars for a million tokens, in and out."""
    costs = one.input_cost_per_token, one.output_cost_per_token
    return [round(cost * _MILLION, 4) for cost in costs]


def _share(here: float, there: float) -> Json:
    return {
        "frontier_dollars": round(there, 6),
        "saved_share": round(1 - here / there, 4) if there else None,
    }
