"""The scheduler: what is most urgent, and what list scheduling makes of it."""

from __future__ import annotations

import random
import time

from harness.plan import Plan, Task
from harness.schedule import Schedule, bound, simulate


def plan_of(edges: dict[str, list[str]]) -> Plan:
    return Plan(
        tasks=tuple(
            Task(id=id, objective=f"do {id}", needs=tuple(needs)) for id, needs in edges.items()
        )
    )


def test_the_head_of_the_longest_chain_is_most_urgent() -> None:
    decisions = Schedule(plan=plan_of({"x": [], "a": [], "b": ["a"], "c": ["b"]}), width=1)
    assert decisions.urgency == {"x": 1.0, "a": 3.0, "b": 2.0, "c": 1.0}
    assert decisions.ready((), ()) == ("a", "x")
    assert decisions.ready(("a",), ("x",)) == ("b",)
    assert decisions.startable((), (), running=0) == ("a",)
    assert decisions.startable((), (), running=1) == ()


def test_equals_go_in_plan_order() -> None:
    decisions = Schedule(plan=plan_of({"z": [], "a": [], "m": []}), width=3)
    assert decisions.ready((), ()) == ("z", "a", "m")
    assert sorted("maz", key=decisions.key) == ["z", "a", "m"]


def test_what_is_blocked_names_the_task_that_failed_and_not_the_one_in_between() -> None:
    decisions = Schedule(plan=plan_of({"a": [], "b": ["a"], "c": ["b"], "d": []}), width=1)
    assert decisions.blocked({"a"}) == {"b": "a", "c": "a"}
    assert decisions.blocked(()) == {}


def test_a_timeline_is_what_can_be_worked_out_by_hand() -> None:
    plan = plan_of({"a": [], "b": ["a"], "c": ["b"], "x": [], "y": []})
    seconds = {"a": 2.0, "b": 1.0, "c": 1.0, "x": 3.0, "y": 1.0}
    line = simulate(plan, seconds, 2)
    assert line.start == {"a": 0.0, "x": 0.0, "b": 2.0, "c": 3.0, "y": 3.0}
    assert line.makespan == 4.0
    assert bound(plan, seconds, 2) == 4.0
    assert bound(plan, seconds, 1) == 8.0


def test_a_failed_task_takes_its_time_and_blocks_what_builds_on_it() -> None:
    plan = plan_of({"a": [], "b": ["a"], "x": []})
    line = simulate(plan, dict.fromkeys("abx", 1.0), 1, failed={"a", "b"})
    assert (line.end, line.blocked) == ({"a": 1.0, "x": 2.0}, {"b": "a"})


def test_five_thousand_tasks_are_scheduled_in_a_moment() -> None:
    drawn = random.Random(7)
    plan = plan_of(
        {f"t{n}": [f"t{drawn.randrange(n)}" for _ in range(3)] if n else [] for n in range(5_000)}
    )
    seconds = {id: drawn.lognormvariate(0, 1) for id in plan.by_id}
    started = time.process_time()
    line = simulate(plan, seconds, 8)
    ready = Schedule(plan=plan, width=8).ready((), ())
    assert time.process_time() - started < 2, "about 0.1 s on a quiet core"
    assert (len(line.end), ready) == (5_000, ("t0",))
