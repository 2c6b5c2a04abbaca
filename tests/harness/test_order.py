"""Order of a plan: parents first, and circles named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.order import cycle, topological
from harness.plan import Plan, Task


def plan_of(edges: dict[str, list[str]]) -> Plan:
    return Plan(
        tasks=tuple(
            Task(id=id, objective=f"do {id}", needs=tuple(needs)) for id, needs in edges.items()
        )
    )


@st.composite
def dags(draw: st.DrawFn) -> Plan:
    """Plans of up to 25 tasks, written in a shuffled order."""
    size = draw(st.integers(1, 25))
    edges = {
        f"t{child}": [
            f"t{parent}" for parent in draw(st.sets(st.integers(0, max(0, child - 1)), max_size=4))
        ]
        if child
        else []
        for child in range(size)
    }
    return plan_of(dict(draw(st.permutations(list(edges.items())))))


@given(dags())
def test_parents_come_before_their_children_and_nobody_is_lost(plan: Plan) -> None:
    order = topological(plan)
    place = {id: number for number, id in enumerate(order)}
    assert sorted(order) == sorted(plan.by_id)
    for task in plan.tasks:
        assert all(place[parent] < place[task.id] for parent in plan.parents(task))


def test_a_cycle_names_those_caught_in_it_and_those_behind_it() -> None:
    plan = plan_of({"a": [], "b": ["c"], "c": ["b"], "d": ["c", "a"]})
    assert cycle(plan) == ("b", "c", "d")
    assert topological(plan) == ("a",)
