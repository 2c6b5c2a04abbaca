"""What a plan costs at least and at most, before anything is spent on it.

Sizes are counted in characters. The lower figure is meant to be one that no run goes below, so that
a plan is refused for money only when it cannot be paid for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from harness.limits import Limits
from harness.plan import REQUEST, Plan, Task
from harness.verify import EVIDENCE
from runtime.canonical import Json, canonical

Tier = Literal["work", "plan"]

MOST_CHARACTERS = 6
"""Characters of a token, counted generously: English prose has about four, JSON about three."""

ANSWER = 16
"""Tokens of the shortest answer: a call of one tool with its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens of a tier's dearest (or cheapest) deployment."""

    prompt: float
    answer: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An amount of work; zero is the start of a sum."""

    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    dollars: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            model_calls=self.model_calls + other.model_calls,
            tool_calls=self.tool_calls + other.tool_calls,
            tokens=self.tokens + other.tokens,
            dollars=self.dollars + other.dollars,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan takes at least, every first attempt accepted, and at most, all limits used."""

    least: Cost
    most: Cost


def estimate(
    plan: Plan,
    limits: Limits,
    *,
    prices: Mapping[Tier, Price],
    request: Mapping[str, Json] | None = None,
    tools: Mapping[str, int] | None = None,
    instructions: int = 0,
) -> Estimate:
    """What the plan takes.

    Args:
        prices: By tier; a tier that is missing costs nothing.
        request: The values of the specialist's inputs; the tasks that read them pay for them.
        tools: Characters of each tool's schema and description, by name.
        instructions: Characters of a worker's system prompt.
    """
    sizes = sizes_of(request or {})
    least = total(
        least_of(task, prices, sizes=sizes, tools=tools or {}, instructions=instructions)
        for task in plan.tasks
    )
    most = total(_most(limits, prices) for _ in plan.tasks)
    return Estimate(
        least=least,
        most=Cost(
            model_calls=most.model_calls,
            tool_calls=most.tool_calls,
            tokens=most.tokens,
            dollars=min(most.dollars, limits.dollars),
        ),
    )


def unaffordable(estimate: Estimate, remaining: float) -> str:
    """Why a plan cannot be paid for with `remaining` US dollars; empty when it may be."""
    least = estimate.least.dollars
    if least <= remaining:
        return ""
    return (
        f"The plan costs at least ${least:.4f} ({estimate.least.model_calls} model calls,"
        f" {estimate.least.tokens} tokens), and ${max(remaining, 0):.4f} of the budget is left."
        " Give the request a larger budget (at most request_dollars in config/limits.yaml), or"
        " draw a plan of fewer tasks."
    )


def least_of(
    task: Task,
    prices: Mapping[Tier, Price],
    *,
    sizes: Mapping[str, int],
    tools: Mapping[str, int],
    instructions: int,
) -> Cost:
    """One call of a model with the brief and the answer, and one more for evidence it must have."""
    looks = 1 if must_look(task) else 0
    prompt = tokens_of(brief_size(task, sizes=sizes, tools=tools) + instructions)
    calls = 1 + looks
    price = prices.get("work", Price(prompt=0, answer=0))
    return Cost(
        model_calls=calls,
        tool_calls=looks,
        tokens=calls * (prompt + ANSWER),
        dollars=calls * (prompt * price.prompt + ANSWER * price.answer) / 1_000_000,
    )


def sizes_of(request: Mapping[str, Json]) -> dict[str, int]:
    """Characters of each input as a brief shows it."""
    return {name: len(canonical(value)) for name, value in request.items()}


def must_look(task: Task) -> bool:
    """Whether no result can be accepted without a call of a tool."""
    return bool(task.tools) and EVIDENCE in task.output.get("required", ())


def brief_size(task: Task, *, sizes: Mapping[str, int], tools: Mapping[str, int]) -> int:
    """Characters that every call for this task sends, as far as they are known beforehand."""
    literals = sum(
        len(canonical(source.value)) for source in task.inputs.values() if not source.source
    )
    read = sum(
        sizes.get(source.select, 0) for source in task.inputs.values() if source.source == REQUEST
    )
    schemas = sum(tools.get(tool, 0) for tool in task.tools) + len(canonical(task.output))
    return len(task.objective) + literals + read + schemas


def tokens_of(characters: int) -> int:
    """Tokens that so many characters are at least."""
    return ceil(characters / MOST_CHARACTERS)


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of the costs."""
    return sum(costs, start=Cost())


def _most(limits: Limits, prices: Mapping[Tier, Price]) -> Cost:
    """Every attempt of a task with all that it may use, at the dearer of both prices."""
    tries: dict[Tier, int] = {"work": limits.attempts, "plan": limits.escalations}
    # Handing over and asking a person make one attempt each, at most on the stronger tier.
    tries["plan"] += 1 + limits.asks
    dollars = sum(
        count * limits.tokens * max(price.prompt, price.answer) / 1_000_000
        for tier, count in tries.items()
        if (price := prices.get(tier))
    )
    attempts = sum(tries.values())
    return Cost(
        model_calls=attempts * limits.model_calls,
        tool_calls=attempts * limits.tool_calls,
        tokens=attempts * limits.tokens,
        dollars=min(dollars, limits.task_dollars),
    )
