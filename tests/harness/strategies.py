"""Random plans, limits and authorities for the properties of the harness."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.authority import Authority
from harness.limits import Limits
from harness.plan import Input, Plan, Task
from runtime.labels import Label

TOOLS = ("crm_read", "docs_read", "docs_search", "mail_send")
INPUTS = ("question", "names")
"""What the specialist of a random plan has."""


@st.composite
def plans(draw: st.DrawFn, most: int = 14) -> Plan:
    """Checked plans of up to `most` tasks in a shuffled order.

    Tasks depend on each other by inputs and by needs, belong to groups that are read as lists, and
    repeat each other now and then.
    """
    tasks: list[Task] = []
    for number in range(draw(st.integers(1, most))):
        tasks.append(draw(_tasks(number, tasks)))
    return Plan(tasks=tuple(draw(st.permutations(tasks))))


@st.composite
def _tasks(draw: st.DrawFn, number: int, earlier: list[Task]) -> Task:
    ids = [task.id for task in earlier]
    # A group that grew after someone had read it could close a circle.
    read = {one.source for task in earlier for one in task.inputs.values()}
    groups = sorted({task.group for task in earlier if task.group})
    inputs: dict[str, Input] = {}
    for name in draw(st.sets(st.sampled_from(["a", "b", "c"]), max_size=3)):
        inputs[name] = draw(_inputs([*ids, *groups]))
    read |= {one.source for one in inputs.values()}
    open_groups = [name for name in ("g", "h") if name not in read]
    return Task(
        id=f"t{number}",
        # Few objectives, so that some tasks are equal.
        objective=f"do number{draw(st.integers(0, 6))}",
        inputs=inputs,
        needs=tuple(draw(st.sets(st.sampled_from(ids), max_size=2))) if ids else (),
        tools=tuple(sorted(draw(st.sets(st.sampled_from(TOOLS), max_size=2)))),
        group=draw(st.sampled_from(["", *open_groups])),
    )


@st.composite
def _inputs(draw: st.DrawFn, references: list[str]) -> Input:
    kind = draw(st.sampled_from(["value", "request", "task"]))
    if kind == "task" and references:
        return Input(source=draw(st.sampled_from(references)))
    if kind == "request":
        return Input(source="request", select=draw(st.sampled_from(INPUTS)))
    return Input(value=draw(st.integers(0, 2)))


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    """Any limits that the type allows."""
    whole = {
        "tasks": (1, 500),
        "width": (1, 64),
        "attempts": (1, 10),
        "escalations": (0, 3),
        "asks": (0, 3),
        "depth": (1, 5),
        "replans": (0, 5),
        "near_duplicates": (0, 500),
        "solo_tasks": (0, 10),
        "model_calls": (1, 200),
        "tool_calls": (1, 500),
        "repeated_calls": (1, 20),
        "tokens": (1, 1_000_000),
        "revisions": (0, 20),
    }
    parts = {"task_seconds": (0.1, 900), "seconds": (0.1, 9_000), "dollars": (0, 5)}
    numbers: dict[str, float] = {
        name: draw(st.integers(low, high)) for name, (low, high) in whole.items()
    }
    for name, (low, high) in (parts | {"task_dollars": (0, 5)}).items():
        numbers[name] = draw(st.floats(low, high))
    return Limits.model_validate(numbers)


@st.composite
def authorities(draw: st.DrawFn) -> Authority:
    """What a job that nobody started may do."""
    return Authority.at_top(
        label=draw(st.sampled_from(Label)),
        tools=draw(st.frozensets(st.sampled_from(TOOLS))),
        limits=draw(limits()),
    )


def failures(plan: Plan) -> st.SearchStrategy[frozenset[str]]:
    """Some tasks of a plan."""
    return st.frozensets(st.sampled_from(sorted(plan.by_id)), max_size=4)


def lengths(plan: Plan) -> st.SearchStrategy[dict[str, float]]:
    """Seconds of each task, some of them equal."""
    return st.fixed_dictionaries({id: st.integers(0, 8).map(float) for id in plan.by_id})
