"""A new plan for the unfinished part leaves the finished one alone."""

from __future__ import annotations

from harness.inputs import look_up
from harness.limits import Limits
from harness.merge import merged
from harness.plan import Input, Plan, Task
from harness.replan import refusals, splice, unfinished_part

LIMITS = Limits(
    tasks=4,
    width=2,
    attempts=1,
    escalations=0,
    model_calls=1,
    tool_calls=1,
    repeated_calls=1,
    task_seconds=1,
)
A = Task(id="a", objective="read")
B = Task(id="b", objective="sum", inputs={"x": Input(source="a")})
C = Task(id="c", objective="tell", inputs={"x": Input(source="b")})


def test_redrawn_tasks_take_the_place_of_unfinished_ones() -> None:
    other = Task(id="b", objective="sum in another way", inputs={"x": Input(source="a")})
    new = Task(id="d", objective="look elsewhere")
    whole = splice(Plan(tasks=(A, B, C)), {"a"}, Plan(tasks=(new, other)))
    assert whole.tasks == (A, other, new)
    assert unfinished_part(Plan(tasks=(A, B, C)), {"a"}) == (B, C)


def test_an_accepted_id_is_not_given_to_another_task() -> None:
    plan = Plan(tasks=(A, B), aliases={"a2": "a"})
    redrawn = Plan(tasks=(Task(id="a", objective="again"), Task(id="a2", objective="and again")))
    wrong = refusals(plan, {"a"}, redrawn, LIMITS)
    assert len(wrong) == 2
    assert "Task 'a' is accepted already" in wrong[0]
    assert splice(plan, {"a"}, redrawn).by_id["a"] == A
    assert refusals(plan, {"a"}, Plan(tasks=(B,)), LIMITS) == ()


def test_accepted_and_new_tasks_together_stay_within_the_limit() -> None:
    redrawn = Plan(tasks=tuple(Task(id=f"n{n}", objective=f"n{n}") for n in range(4)))
    (problem,) = refusals(Plan(tasks=(A, B)), {"a"}, redrawn, LIMITS)
    assert "1 accepted and 4 new tasks are 5; limit 'tasks'" in problem
    assert "config/limits.yaml is 4" in problem


def test_a_group_keeps_its_accepted_results_and_those_it_was_merged_with() -> None:
    def part(id: str, name: str) -> Task:
        return Task(id=id, objective="part", inputs={"n": Input(value=name)}, group="g")

    plan = merged(Plan(tasks=(part("g-1", "x"), part("g-2", "y"), part("g-3", "x")))).plan
    whole = splice(plan, {"g-1"}, Plan(tasks=(part("g-2", "z"),)))
    assert whole.groups == {"g": ("g-1", "g-2", "g-1")}
    assert look_up("g", whole, {}, {"g-1": 1, "g-2": 2}) == [1, 2, 1]
    gone = splice(plan, {"g-2"}, Plan(tasks=(A,)))
    assert (gone.groups, gone.aliases) == ({"g": ("g-2",)}, {})
