"""Properties of the harness over random plans."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plan import Plan
from runtime.labels import Label
from tests.harness import properties
from tests.harness.strategies import TOOLS, authorities, failures, lengths, limits, plans

WIDTHS = st.integers(1, 6)


def schedules(data: st.DataObject) -> tuple[Plan, dict[str, float], int]:
    plan = data.draw(plans())
    return plan, data.draw(lengths(plan)), data.draw(WIDTHS)


def inputs_first(data: st.DataObject) -> None:
    plan, seconds, width = schedules(data)
    properties.no_task_runs_before_its_inputs(plan, seconds, width, data.draw(failures(plan)))


def each_ends_once(data: st.DataObject) -> None:
    plan, seconds, width = schedules(data)
    properties.each_task_ends_once_or_is_blocked(plan, seconds, width, data.draw(failures(plan)))


def width_holds(data: st.DataObject) -> None:
    properties.the_width_is_never_passed(*schedules(data))


def makespan_in_bounds(data: st.DataObject) -> None:
    properties.a_makespan_is_between_its_bounds(*schedules(data))


def descendants_blocked(data: st.DataObject) -> None:
    plan = data.draw(plans())
    properties.a_failure_blocks_its_descendants_and_nobody_else(plan, data.draw(failures(plan)))


def ready_is_right(data: st.DataObject) -> None:
    plan = data.draw(plans())
    properties.what_is_ready_is_what_waits_for_nothing(plan, data.draw(failures(plan)))


def same_schedule(data: st.DataObject) -> None:
    properties.the_same_plan_has_the_same_schedule(*schedules(data))


def children_within(data: st.DataObject) -> None:
    """Down to five levels."""
    one = data.draw(authorities())
    for _ in range(5):
        child = properties.no_child_exceeds_its_parent(
            one,
            data.draw(st.sampled_from(Label)),
            data.draw(st.frozensets(st.sampled_from(TOOLS))),
            data.draw(limits()),
            data.draw(st.booleans()),
        )
        if child is None:
            return
        one = child


def merge_harms_nothing(data: st.DataObject) -> None:
    properties.a_merged_plan_gives_the_same_outputs(data.draw(plans()))


def splice_keeps(data: st.DataObject) -> None:
    plan = data.draw(plans())
    properties.a_splice_keeps_what_is_accepted(plan, data.draw(failures(plan)), data.draw(plans()))


def circles_refused(data: st.DataObject) -> None:
    properties.a_plan_in_a_circle_is_refused(data.draw(plans()))


PROPERTIES: dict[str, Callable[[st.DataObject], None]] = {
    "no task runs before its inputs": inputs_first,
    "each task ends once or is blocked": each_ends_once,
    "the width is never passed": width_holds,
    "a makespan is within its bounds": makespan_in_bounds,
    "a failure blocks its descendants and nobody else": descendants_blocked,
    "what is ready is what waits for nothing": ready_is_right,
    "the same plan has the same schedule": same_schedule,
    "no child exceeds its parent at any depth": children_within,
    "a merged plan gives the same outputs": merge_harms_nothing,
    "a splice keeps what is accepted": splice_keeps,
    "a plan in a circle is refused": circles_refused,
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_it_holds_of_every_plan(name: str) -> None:
    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        PROPERTIES[name](data)

    holds()
