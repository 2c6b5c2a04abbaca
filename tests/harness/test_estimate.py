"""What a plan costs at least and at most."""

from __future__ import annotations

from harness.estimate import Cost, Price, Tier, estimate, unaffordable
from harness.limits import Limits
from harness.plan import Input, Plan, Task

LIMITS = Limits(
    tasks=10,
    width=2,
    attempts=2,
    escalations=1,
    model_calls=5,
    tool_calls=7,
    repeated_calls=2,
    task_seconds=5,
    tokens=1_000,
    dollars=3.0,
    task_dollars=2.0,
)
PRICES: dict[Tier, Price] = {
    "work": Price(prompt=1.0, answer=4.0),
    "plan": Price(prompt=10.0, answer=40.0),
}


def plan(*tasks: Task) -> Plan:
    return Plan(tasks=tasks)


def test_the_least_is_one_call_a_task_and_one_more_where_evidence_is_demanded() -> None:
    say = Task(id="a", objective="x" * 60, output={"type": "object"})
    look = Task(
        id="b",
        objective="x" * 60,
        tools=("read",),
        output={"type": "object", "required": ["evidence"]},
    )
    found = estimate(plan(say, look), LIMITS, prices=PRICES, tools={"read": 600})
    # 60 + 17 characters are 13 tokens; 60 + 42 + 600 are 117; 16 of answer each.
    assert (found.least.model_calls, found.least.tool_calls) == (3, 1)
    assert found.least.tokens == (13 + 16) + 2 * (117 + 16)
    dollars = (13 + 2 * 117) * 1e-6 + 3 * 16 * 4e-6
    assert abs(found.least.dollars - dollars) < 1e-12


def test_the_most_is_all_limits_used_and_no_more_than_the_ceilings() -> None:
    found = estimate(plan(Task(id="a", objective="x")), LIMITS, prices={"work": PRICES["work"]})
    # Two attempts, one escalation, one by another specialist.
    assert found.most == Cost(model_calls=20, tool_calls=28, tokens=4_000, dollars=2 * 1_000 * 4e-6)
    dear: dict[Tier, Price] = {"work": Price(prompt=1e6, answer=1e6)}
    tasks = [Task(id=f"t{n}", objective="x") for n in range(5)]
    assert estimate(plan(*tasks), LIMITS, prices=dear).most.dollars == LIMITS.dollars
    assert estimate(plan(tasks[0]), LIMITS, prices=dear).most.dollars == LIMITS.task_dollars


def test_inputs_of_the_request_and_literals_are_paid_for() -> None:
    bare = Task(id="a", objective="x")
    given = Task(
        id="a",
        objective="x",
        inputs={"q": Input(source="request", select="question"), "v": Input(value="y" * 598)},
    )
    sizes = [
        estimate(plan(task), LIMITS, prices={}, request={"question": "z" * 598}).least.tokens
        for task in (bare, given)
    ]
    assert sizes[1] - sizes[0] == 200


def test_a_plan_that_cannot_be_paid_for_names_both_figures_and_the_remedy() -> None:
    found = estimate(
        plan(*(Task(id=f"t{n}", objective="x" * 90_000) for n in range(10))),
        LIMITS,
        prices={"work": PRICES["work"]},
    )
    assert unaffordable(found, 1.0) == ""
    problem = unaffordable(found, 0.01)
    for words in ("at least $0.15", "$0.0100", "10 model calls", "request_dollars", "fewer tasks"):
        assert words in problem, problem
