"""Plans: what is refused before anything is spent, and what templates stand for."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from harness.check import problems, too_many
from harness.expand import Template, expand, size
from harness.inputs import resolve
from harness.limits import Limits
from harness.merge import merged
from harness.plan import Input, Plan, Task
from runtime.errors import RequestError

LIMITS = Limits(
    tasks=10,
    width=2,
    attempts=2,
    escalations=1,
    model_calls=5,
    tool_calls=5,
    repeated_calls=2,
    task_seconds=5,
)


def permits(tool: str) -> str:
    return "" if tool == "docs_read" else "no policy allows it"


def found(*tasks: Task) -> tuple[str, ...]:
    return problems(Plan(tasks=tasks), inputs={"question"}, permits=permits, limits=LIMITS)


def test_a_sensible_plan_has_no_problem() -> None:
    first = Task(
        id="a", objective="read", tools=("docs_read",), inputs={"q": Input(source="request")}
    )
    second = Task(id="b", objective="say", inputs={"x": Input(source="a", select="text")})
    assert found(first, second) == ()


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ((), "no task"),
        ((Task(id="a", objective="x"), Task(id="a", objective="y")), "'a' stands more than once"),
        ((Task(id="a", objective="x", inputs={"i": Input(source="z")}),), "'z', which is no task"),
        ((Task(id="a", objective="x", needs=("z",)),), "needs 'z'"),
        ((Task(id="a", objective="x", tools=("mail_send",)),), "may not use 'mail_send'"),
        (
            (Task(id="a", objective="Do it now"), Task(id="b", objective="do  it now!")),
            "'b' nearly repeats 'a'",
        ),
        (
            (Task(id="a", objective="x", needs=("b",)), Task(id="b", objective="y", needs=("a",))),
            "cycle: a, b",
        ),
        (tuple(Task(id=f"t{n}", objective=f"x{n}") for n in range(11)), "11 tasks; limit 'tasks'"),
    ],
)
def test_each_fault_of_a_plan_is_named(tasks: tuple[Task, ...], expected: str) -> None:
    assert any(expected in problem for problem in found(*tasks)), found(*tasks)


def test_a_plan_of_ten_thousand_tasks_is_refused_by_its_count_alone() -> None:
    plan = Plan.model_construct(
        tasks=tuple(Task.model_construct(id=f"t{n}", objective="x") for n in range(10_000))
    )
    started = time.perf_counter()
    (problem,) = problems(plan, inputs=(), permits=permits, limits=LIMITS)
    assert "10000 tasks" in problem
    # Generous: the point is that nothing quadratic happens.
    assert time.perf_counter() - started < 0.5


def test_ten_thousand_tasks_are_counted_before_they_are_read() -> None:
    raw = {"tasks": [{"id": f"t{n}", "objective": "x"} for n in range(10_000)]}
    for answer in (raw, raw["tasks"]):
        assert "10000 tasks; limit 'tasks'" in too_many(answer, LIMITS)
    for other in ({"tasks": []}, {"tasks": "many"}, None, "text"):
        assert too_many(other, LIMITS) == ""


def test_a_circle_of_five_hundred_is_refused_without_a_look_at_its_schemas() -> None:
    tasks = tuple(
        Task(
            id=f"t{n}",
            objective=f"part{n}",
            needs=(f"t{(n + 1) % 500}",),
            output={"type": "object", "properties": {f"p{n}": {"type": "string"}}},
        )
        for n in range(500)
    )
    limits = LIMITS.model_copy(update={"tasks": 500})
    started = time.process_time()
    (problem,) = problems(Plan(tasks=tasks), inputs=(), permits=permits, limits=limits)
    assert time.process_time() - started < 0.5, "about 25 ms on a quiet core"
    assert "in a cycle: t0, t1, t2" in problem


def test_checks_cost_no_more_than_linearly() -> None:
    limits = LIMITS.model_copy(update={"tasks": 10_000})

    def seconds(size: int) -> float:
        tasks = tuple(
            Task(
                id=f"t{n}",
                objective=f"Read part{n} of the handbook",
                inputs={"x": Input(source=f"t{n - 1}", select="rows[0]")} if n else {},
                output={"type": "object", "properties": {"rows": {"type": "array"}}},
            )
            for n in range(size)
        )
        plan = merged(Plan(tasks=tasks)).plan
        started = time.process_time()
        assert problems(plan, inputs=(), permits=permits, limits=limits) == ()
        return time.process_time() - started

    seconds(50)
    small = min(seconds(500) for _ in range(3))
    # Ten times the tasks; the rest is room for a busy machine. Quadratic would be a hundred.
    assert min(seconds(5_000) for _ in range(2)) < 30 * small


def test_a_changed_copy_of_a_plan_knows_its_own_tasks() -> None:
    plan = Plan(tasks=(Task(id="a", objective="x"),))
    assert plan.knows("a")
    other = plan.model_copy(update={"tasks": (Task(id="b", objective="y"),)})
    assert (other.knows("a"), other.parents(other.by_id["b"])) == (False, ())


def test_a_mapped_template_becomes_one_task_a_batch() -> None:
    template = Template.model_validate(
        {
            "id": "review",
            "objective": "Review",
            "map": {"over": "names", "into": "batch", "batch": 2},
        }
    )
    after = Template.model_validate(
        {"id": "sum", "objective": "Sum", "inputs": {"all": {"from": "review", "select": "[].n"}}}
    )
    assert size([template, after], {"names": ["a", "b", "c"]}) == 3
    plan = expand([template, after], {"names": ["a", "b", "c"]})
    assert [task.id for task in plan.tasks] == ["review-01", "review-02", "sum"]
    assert plan.tasks[1].inputs["batch"].value == ["c"]
    assert plan.parents(plan.by_id["sum"]) == ("review-01", "review-02")
    outputs = {"review-01": {"n": 1}, "review-02": {"n": 2}}
    assert resolve(plan.by_id["sum"], plan, {}, outputs) == {"all": [1, 2]}


def test_mapping_over_something_else_than_a_list_names_the_input() -> None:
    template = Template.model_validate(
        {"id": "r", "objective": "R", "map": {"over": "names", "into": "b"}}
    )
    with pytest.raises(RequestError) as caught:
        expand([template], {"names": "abc"})
    assert (caught.value.field, caught.value.value) == ("names", "abc")


@pytest.mark.parametrize(
    "task",
    [
        {"id": "A b", "objective": "x"},
        {"id": "a", "objective": ""},
        {"id": "a", "objective": "x", "output": {"type": "array"}},
        {"id": "a", "objective": "x", "inputs": {"i": {"from": "b", "select": "[[["}}},
        {"id": "a", "objective": "x", "accept": [{"check": "regex", "pattern": "("}]},
        {"id": "a", "objective": "x", "model": "anything"},
    ],
)
def test_a_malformed_task_is_refused_when_it_is_read(task: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Task.model_validate(task)


def test_a_distinct_input_keeps_each_value_once_at_its_first_place() -> None:
    first = Task(id="a", objective="x")
    second = Task(
        id="b",
        objective="y",
        inputs={"kinds": Input(source="a", select="rows[].kind", distinct=True)},
    )
    outputs = {"a": {"rows": [{"kind": kind} for kind in ("x", "y", "x", "z", "y")]}}
    plan = Plan(tasks=(first, second))
    assert resolve(second, plan, {}, outputs) == {"kinds": ["x", "y", "z"]}


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "not a JSON schema"),
        ({"type": "object", "properties": {"a": {"$ref": "file:///etc/x.json"}}}, "refers to"),
    ],
)
def test_an_output_schema_that_is_none_or_points_elsewhere_is_refused(
    output: dict[str, object], says: str
) -> None:
    (problem,) = found(Task(id="a", objective="x", output=output))
    assert says in problem


def test_a_map_over_an_empty_list_leaves_an_empty_group() -> None:
    review = Template.model_validate(
        {"id": "review", "objective": "R", "map": {"over": "names", "into": "n"}}
    )
    after = Template.model_validate(
        {"id": "sum", "objective": "Sum", "inputs": {"all": {"from": "review"}}}
    )
    plan = expand([review, after], {"names": []})
    assert problems(plan, inputs=(), permits=permits, limits=LIMITS) == ()
    assert resolve(plan.by_id["sum"], plan, {}, {}) == {"all": []}
