"""Order of a plan: parents first, causes named, the longest chain first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.order import blocked, critical_path, cycle, ready, topological
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


@given(dags(), st.randoms(use_true_random=False))
def test_running_what_is_ready_ends_every_task_exactly_once(plan: Plan, random: object) -> None:
    accepted: list[str] = []
    while choice := ready(plan, accepted, accepted):
        chosen = choice[random.randrange(len(choice))]  # type: ignore[attr-defined]
        assert all(parent in accepted for parent in plan.parents(plan.by_id[chosen]))
        accepted.append(chosen)
    assert sorted(accepted) == sorted(plan.by_id)


@given(dags(), st.data())
def test_a_failure_blocks_its_descendants_and_nobody_else(plan: Plan, data: st.DataObject) -> None:
    failed = data.draw(st.sampled_from(sorted(plan.by_id)))
    causes = blocked(plan, {failed})
    descends = {failed}
    for id in topological(plan):
        if descends.intersection(plan.parents(plan.by_id[id])):
            descends.add(id)
    assert causes == dict.fromkeys(sorted(descends - {failed}), failed)


def test_a_cycle_names_those_caught_in_it_and_those_behind_it() -> None:
    plan = plan_of({"a": [], "b": ["c"], "c": ["b"], "d": ["c", "a"]})
    assert cycle(plan) == ("b", "c", "d")
    assert topological(plan) == ("a",)


def test_the_head_of_the_longest_chain_is_most_urgent() -> None:
    plan = plan_of({"x": [], "a": [], "b": ["a"], "c": ["b"]})
    assert critical_path(plan) == {"x": 1.0, "a": 3.0, "b": 2.0, "c": 1.0}
    assert ready(plan, (), ()) == ("a", "x")
