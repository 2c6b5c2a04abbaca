"""Each property of the harness bites: with a fault planted, a counterexample is found."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness import check, merge, replan, schedule
from harness.authority import Authority, Grant
from harness.limits import Limits
from harness.merge import Merged
from harness.plan import Plan
from harness.schedule import Schedule, Timeline
from tests.harness.test_properties import PROPERTIES

simulate, splice, merged = schedule.simulate, replan.splice, merge.merged
blocked, ready = Schedule.blocked, Schedule.ready
for_child = Authority.for_child


def all_at_once(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    """Starts everything at the beginning."""
    line = simulate(plan, seconds, width, failed=failed)
    starts = dict.fromkeys(line.start, 0.0)
    return Timeline(start=starts, end={id: seconds[id] for id in starts}, blocked=line.blocked)


def on_failures(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    """Takes a failed task for a finished one."""
    line = simulate(plan, seconds, width)
    return Timeline(start=line.start, end=line.end, blocked={})


def forgetful(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    """Loses sight of what is blocked."""
    line = simulate(plan, seconds, width, failed=failed)
    return Timeline(start=line.start, end=line.end, blocked={})


def one_wider(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    return simulate(plan, seconds, width + 1, failed=failed)


def one_by_one(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    return simulate(plan, seconds, 1, failed=failed)


def by_length(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    """Decides by the order in which the lengths are handed in."""
    hasty = {id: number for number, id in enumerate(seconds)}
    free = [(hasty[task.id], task.id) for task in plan.tasks]
    heapq.heapify(free)
    now, start = 0.0, {}
    while free:
        _, id = heapq.heappop(free)
        start[id] = now
        now += seconds[id]
    return Timeline(
        start=start, end={id: began + seconds[id] for id, began in start.items()}, blocked={}
    )


def children_only(self: Schedule, failed: Collection[str]) -> dict[str, str]:
    """Blocks the children of a failure and not theirs."""
    return {id: cause for id, cause in blocked(self, failed).items() if cause in _parents(self, id)}


def everyone(self: Schedule, failed: Collection[str]) -> dict[str, str]:
    """Blocks whatever comes later in the plan."""
    cause = min(failed, default="")
    return {id: cause for id in self.order if id not in failed} if cause else {}


def _parents(self: Schedule, id: str) -> tuple[str, ...]:
    return self.plan.parents(self.plan.by_id[id])


def ready_on_one(
    self: Schedule, accepted: Collection[str], begun: Collection[str]
) -> tuple[str, ...]:
    """Content with one accepted parent."""
    return tuple(
        id
        for id in self.order
        if id not in accepted
        and id not in begun
        and (not _parents(self, id) or set(accepted).intersection(_parents(self, id)))
    )


def least_urgent(
    self: Schedule, accepted: Collection[str], begun: Collection[str]
) -> tuple[str, ...]:
    return tuple(reversed(ready(self, accepted, begun)))


def with_all_tools(self: Authority, **wanted: object) -> Grant:
    """Gives a child what it declares."""
    limits = wanted["limits"]
    assert isinstance(limits, Limits)
    return Grant(
        authority=Authority(
            label=self.label,
            tools=frozenset(wanted["tools"]),  # type: ignore[call-overload]
            limits=limits.within(self.limits),
            depth=max(0, self.depth - 1),
        )
    )


def own_limits(self: Limits, parent: Limits) -> Limits:
    return self


def one_own_limit(self: Limits, parent: Limits) -> Limits:
    lower = {name: min(getattr(self, name), getattr(parent, name)) for name in Limits.model_fields}
    return Limits.model_validate(lower | {"repeated_calls": self.repeated_calls})


def by_objective(plan: Plan) -> Merged:
    """Takes tasks for equal that only say the same."""
    first: dict[str, str] = {}
    aliases = {
        task.id: first[task.objective]
        for task in plan.tasks
        if first.setdefault(task.objective, task.id) != task.id
    }
    kept = tuple(task for task in plan.tasks if task.id not in aliases)
    return Merged(plan=Plan(tasks=kept, aliases=aliases), aliases=aliases)


def without_members(plan: Plan) -> Merged:
    """Forgets that a merged task was one of a group."""
    found = merged(plan)
    return Merged(
        plan=Plan(tasks=found.plan.tasks, empty=plan.empty, aliases=found.plan.aliases),
        aliases=found.aliases,
    )


def redrawn_first(plan: Plan, accepted: Collection[str], redrawn: Plan) -> Plan:
    """Lets a redrawn task take the place of an accepted one."""
    return splice(plan, set(accepted) - set(redrawn.by_id), redrawn)


def nothing_goes(plan: Plan, accepted: Collection[str], redrawn: Plan) -> Plan:
    """Keeps the unfinished tasks beside the redrawn ones."""
    return splice(plan, plan.by_id, redrawn)


def unseen(plan: Plan) -> tuple[str, ...]:
    return ()


def any_label(self: Authority, **wanted: object) -> Grant:
    """Lets a child work on more sensitive data than its parent."""
    child = for_child(self, **{**wanted, "label": self.label})  # type: ignore[arg-type]
    if child.authority is None:
        return child
    return Grant(authority=replace(child.authority, label=wanted["label"]))  # type: ignore[arg-type]


def any_depth(self: Authority, **wanted: object) -> Grant:
    """Lets plans nest without end."""
    deeper = replace(self, depth=self.depth + 1)
    return for_child(deeper, **wanted)  # type: ignore[arg-type]


PLANTED: list[tuple[str, object, str, object]] = [
    ("no task runs before its inputs", schedule, "simulate", all_at_once),
    ("no task runs before its inputs", schedule, "simulate", on_failures),
    ("each task ends once or is blocked", schedule, "simulate", forgetful),
    ("the width is never passed", schedule, "simulate", one_wider),
    ("a makespan is within its bounds", schedule, "simulate", one_by_one),
    ("a makespan is within its bounds", schedule, "simulate", all_at_once),
    ("a failure blocks its descendants and nobody else", Schedule, "blocked", children_only),
    ("a failure blocks its descendants and nobody else", Schedule, "blocked", everyone),
    ("what is ready is what waits for nothing", Schedule, "ready", ready_on_one),
    ("what is ready is what waits for nothing", Schedule, "ready", least_urgent),
    ("the same plan has the same schedule", schedule, "simulate", by_length),
    ("no child exceeds its parent at any depth", Authority, "for_child", with_all_tools),
    ("no child exceeds its parent at any depth", Authority, "for_child", any_label),
    ("no child exceeds its parent at any depth", Authority, "for_child", any_depth),
    ("no child exceeds its parent at any depth", Limits, "within", own_limits),
    ("no child exceeds its parent at any depth", Limits, "within", one_own_limit),
    ("a merged plan gives the same outputs", merge, "merged", by_objective),
    ("a merged plan gives the same outputs", merge, "merged", without_members),
    ("a splice keeps what is accepted", replan, "splice", redrawn_first),
    ("a splice keeps what is accepted", replan, "splice", nothing_goes),
    ("a plan in a circle is refused", check, "cycle", unseen),
]


@pytest.mark.parametrize(
    ("name", "place", "function", "fault"),
    PLANTED,
    ids=[f"{name}: {getattr(fault, '__name__', '')}" for name, _, _, fault in PLANTED],
)
def test_a_planted_fault_is_found(
    name: str, place: object, function: str, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, function, fault)

    # Not shrunk: that one is found is enough, and takes a fraction of the time.
    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        PROPERTIES[name](data)

    with pytest.raises(AssertionError):
        holds()


def test_every_property_has_a_planted_fault() -> None:
    assert {name for name, *_ in PLANTED} == PROPERTIES.keys()
