"""What must hold of every plan: each takes values and fails by an assertion.

They call the harness through its modules, so that a planted fault reaches them; see
`test_planted.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from harness import check, inputs, merge, replan, schedule
from harness.authority import Authority
from harness.limits import Limits
from harness.plan import Plan
from runtime.canonical import Json
from runtime.labels import Label
from tests.harness.strategies import INPUTS

WIDE = Limits(
    tasks=500,
    width=8,
    attempts=1,
    escalations=0,
    near_duplicates=500,
    model_calls=1,
    tool_calls=1,
    repeated_calls=1,
    task_seconds=1,
)


def no_task_runs_before_its_inputs(
    plan: Plan, seconds: Mapping[str, float], width: int, failed: Collection[str]
) -> None:
    line = schedule.simulate(plan, seconds, width, failed=failed)
    for id, began in line.start.items():
        for parent in plan.parents(plan.by_id[id]):
            assert parent not in failed, f"{id} ran on a result that {parent} has not"
            assert line.end[parent] <= began, f"{id} began before {parent} ended"


def each_task_ends_once_or_is_blocked(
    plan: Plan, seconds: Mapping[str, float], width: int, failed: Collection[str]
) -> None:
    line = schedule.simulate(plan, seconds, width, failed=failed)
    assert line.start.keys() == line.end.keys()
    assert sorted([*line.end, *line.blocked]) == sorted(plan.by_id)


def the_width_is_never_passed(plan: Plan, seconds: Mapping[str, float], width: int) -> None:
    line = schedule.simulate(plan, seconds, width)
    for moment in line.start.values():
        working = [id for id in line.end if line.start[id] <= moment < line.end[id]]
        assert len(working) <= width


def a_makespan_is_between_its_bounds(plan: Plan, seconds: Mapping[str, float], width: int) -> None:
    """From above by Graham (1966): list scheduling takes no longer than the longest chain and the
    work shared evenly, one after the other.
    """
    makespan = schedule.simulate(plan, seconds, width).makespan
    assert schedule.bound(plan, seconds, width) <= makespan + 1e-9
    longest = schedule.bound(plan, seconds, len(plan.tasks))
    assert makespan <= longest + sum(seconds.values()) / width + 1e-9


def a_failure_blocks_its_descendants_and_nobody_else(plan: Plan, failed: Collection[str]) -> None:
    behind: set[str] = set()
    grew = True
    while grew:
        grew = False
        for task in plan.tasks:
            hit = {*failed, *behind}.intersection(plan.parents(task))
            if hit and task.id not in behind and task.id not in failed:
                behind.add(task.id)
                grew = True
    causes = schedule.Schedule(plan=plan, width=1).blocked(failed)
    assert causes.keys() == behind
    assert set(causes.values()) <= set(failed)


def what_is_ready_is_what_waits_for_nothing(plan: Plan, accepted: Collection[str]) -> None:
    decisions = schedule.Schedule(plan=plan, width=2)
    ready = decisions.ready(accepted, ())
    expected = {
        task.id
        for task in plan.tasks
        if task.id not in accepted and set(plan.parents(task)) <= set(accepted)
    }
    assert set(ready) == expected
    assert [decisions.key(id) for id in ready] == sorted(decisions.key(id) for id in ready)
    assert len(decisions.startable(accepted, (), running=1)) == min(1, len(expected))


def the_same_plan_has_the_same_schedule(
    plan: Plan, seconds: Mapping[str, float], width: int
) -> None:
    again = Plan.model_validate(plan.model_dump(by_alias=True))
    one = schedule.simulate(plan, seconds, width)
    other = schedule.simulate(again, dict(reversed(list(seconds.items()))), width)
    assert (list(one.start.items()), one.end) == (list(other.start.items()), other.end)


def no_child_exceeds_its_parent(
    parent: Authority, label: Label, tools: Collection[str], limits: Limits, plans: bool
) -> Authority | None:
    """The child, for the next level."""
    child = parent.for_child(label=label, tools=tools, limits=limits, plans=plans).authority
    if child is None:
        return None
    assert child.label.rank <= parent.label.rank
    assert child.tools <= parent.tools
    assert child.tools <= set(tools)
    for name in Limits.model_fields:
        assert getattr(child.limits, name) <= getattr(parent.limits, name), name
        assert getattr(child.limits, name) <= getattr(limits, name), name
    assert child.limits.dollars <= parent.limits.task_dollars
    assert 0 <= child.depth <= parent.depth
    assert child.depth < parent.depth or not plans
    return child


def a_merged_plan_gives_the_same_outputs(plan: Plan) -> None:
    """With work that depends on nothing but its task and its inputs."""
    whole = merge.merged(plan).plan
    before, after = outputs_of(plan), outputs_of(whole)
    assert len(after) <= len(before)
    for reference in (*plan.by_id, *plan.groups):
        assert inputs.look_up(reference, whole, {}, after) == inputs.look_up(
            reference, plan, {}, before
        ), reference
    assert merge.merged(whole).aliases == {}, "a second merge finds nothing more"


def outputs_of(plan: Plan) -> dict[str, Json]:
    """What every task gives when its output says what it was asked and what it was given."""
    request: dict[str, Json] = {name: f"the {name}" for name in INPUTS}
    found: dict[str, Json] = {}
    for id in schedule.Schedule(plan=plan, width=1).order:
        task = plan.by_id[id]
        given = inputs.resolve(task, plan, request, found)
        found[id] = {"did": task.objective, "with": given, "tools": list(task.tools)}
    return found


def a_splice_keeps_what_is_accepted(plan: Plan, accepted: Collection[str], redrawn: Plan) -> None:
    whole = replan.splice(plan, accepted, redrawn)
    assert all(whole.by_id[id] == plan.by_id[id] for id in accepted)
    gone = {task.id for task in plan.tasks} - set(accepted) - set(redrawn.by_id)
    assert not gone & whole.by_id.keys()
    fresh = [task for task in redrawn.tasks if task.id not in accepted]
    assert all(whole.by_id[task.id] == task for task in fresh)
    assert len(whole.tasks) == len(accepted) + len(fresh)


def a_plan_in_a_circle_is_refused(plan: Plan) -> None:
    """`plan` is one that may be executed; closing a circle in it must be seen."""
    decisions = schedule.Schedule(plan=plan, width=1)
    assert _problems(plan) == ()
    first, last = decisions.order[0], decisions.order[-1]
    if last not in _descendants(plan, first) and first != last:
        return
    closed = tuple(
        task.model_copy(update={"needs": (*task.needs, last)}) if task.id == first else task
        for task in plan.tasks
    )
    assert any("in a cycle" in problem for problem in _problems(Plan(tasks=closed)))


def _descendants(plan: Plan, id: str) -> set[str]:
    found = {id}
    for other in schedule.Schedule(plan=plan, width=1).order:
        if found.intersection(plan.parents(plan.by_id[other])):
            found.add(other)
    return found


def _problems(plan: Plan) -> tuple[str, ...]:
    return check.problems(plan, inputs=INPUTS, permits=lambda _: "", limits=WIDE)
