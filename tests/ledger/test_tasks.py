"""Plans, transitions and results: what is committed counts, and it counts once."""

from __future__ import annotations

import asyncio

from ledger.store import Ledger, open_ledger
from ledger.tasks import State
from tests.ledger.conftest import Clock
from tests.ledger.rows import RUN, accept


async def test_the_same_plan_keeps_its_version_and_another_gets_the_next(ledger: Ledger) -> None:
    versions = [
        await ledger.tasks.store_plan(RUN, "d1", "s", {"tasks": tasks}, drawn_by=who)
        for tasks, who in ((["a"], "spec"), (["a"], "model"), (["a", "b"], "ann"))
    ]
    assert versions == [1, 1, 2]
    latest = await ledger.tasks.plan(RUN, "d1")
    assert latest is not None
    assert (latest.version, latest.plan, latest.drawn_by) == (2, {"tasks": ["a", "b"]}, "ann")
    await ledger.tasks.store_plan(RUN, "d2", "s", {"tasks": []})
    assert [(plan.task, plan.version) for plan in await ledger.tasks.plans_of(RUN)] == [
        ("d1", 1),
        ("d1", 2),
        ("d2", 1),
    ]
    assert await ledger.tasks.plan(RUN, "d3") is None


async def test_a_plan_that_two_store_at_once_is_one_plan(ledger: Ledger, other: Ledger) -> None:
    versions = await asyncio.gather(
        *(one.tasks.store_plan(RUN, "d1", "s", {"tasks": ["a"]}) for one in (ledger, other) * 4)
    )
    assert set(versions) == {1}
    assert len(await ledger.tasks.plans_of(RUN)) == 1


async def test_every_transition_is_kept_once_with_its_reason(ledger: Ledger) -> None:
    await ledger.tasks.move(RUN, "d1/a", "running", reason="inputs accepted")
    for _ in range(2):
        await ledger.tasks.move(RUN, "d1/a", "retrying", reason="items missing", attempt=2)
    history = await ledger.tasks.history(RUN)
    assert [(row.state, row.reason, row.attempt) for row in history] == [
        ("running", "inputs accepted", 1),
        ("retrying", "items missing", 2),
    ]
    (state,) = await ledger.tasks.states(RUN)
    assert (state.state, state.attempt) == ("retrying", 2)


async def test_a_move_keeps_the_specialist_and_attempt_that_it_does_not_name(
    ledger: Ledger,
) -> None:
    await ledger.tasks.move(RUN, "d1/a", "running", reason="r", specialist="s", attempt=3)
    await ledger.tasks.move(RUN, "d1/a", "paused", reason="waits for a person")
    (state,) = await ledger.tasks.states(RUN)
    assert (state.specialist, state.attempt, state.state) == ("s", 3, "paused")
    assert (await ledger.tasks.history(RUN))[-1].attempt == 3
    await ledger.tasks.move(RUN, "d1/a", "running", reason="r", specialist="t")
    (state,) = await ledger.tasks.states(RUN)
    assert (state.specialist, state.attempt) == ("t", 3)


async def test_the_first_accepted_result_of_a_key_stays(ledger: Ledger, other: Ledger) -> None:
    await asyncio.gather(
        *(accept(one, "d1/a", {"n": n}) for n, one in enumerate((ledger, other) * 5))
    )
    first = await ledger.tasks.result(RUN, "d1/a", "h", 1)
    assert first is not None
    await accept(other, "d1/a", {"n": "late"})
    assert await other.tasks.result(RUN, "d1/a", "h", 1) == first
    assert first.evidence == ["c1"]
    assert await ledger.tasks.result(RUN, "d1/a", "other", 1) is None
    assert [row.state for row in await ledger.tasks.history(RUN)] == ["accepted"]


async def test_a_result_of_another_schema_version_does_not_count(ledger: Ledger) -> None:
    await accept(ledger, "d1/a", {"n": 1}, version=1)
    assert await ledger.tasks.result(RUN, "d1/a", "h", 2) is None
    await accept(ledger, "d1/a", {"n": 2}, version=2)
    found = await ledger.tasks.result(RUN, "d1/a", "h", 2)
    assert found is not None
    assert (found.output, found.schema_version) == ({"n": 2}, 2)
    assert await ledger.tasks.result(RUN, "d1/a", "h", 1) is None


async def test_results_of_a_dispatch_are_told_in_the_order_of_acceptance(
    ledger: Ledger, clock: Clock
) -> None:
    for task in ("d1/b", "d1/a", "d10/a", "D1/a", "d1_/a", "d2"):
        clock.now += 1
        await accept(ledger, task)
    told = [one.task for one in await ledger.tasks.results_of(RUN, "d1")]
    assert told == ["d1/b", "d1/a"]
    assert len(await ledger.tasks.results_of(RUN)) == 6


async def test_what_is_open_in_a_dispatch_is_settled_and_what_ended_stays(ledger: Ledger) -> None:
    before: list[tuple[str, State]] = [
        ("d1", "paused"),
        ("d1/a", "running"),
        ("d1/b", "failed"),
        ("d1/c/x", "retrying"),
        ("d10/a", "running"),
    ]
    for task, state in before:
        await ledger.tasks.move(RUN, task, state, reason="before", attempt=2)
    await accept(ledger, "d1/done")
    moved = await ledger.tasks.settle_open(RUN, "d1", "cancelled", "ann stopped the run")
    assert moved == ["d1", "d1/a", "d1/c/x"]
    assert await ledger.tasks.settle_open(RUN, "d1", "cancelled", "once more") == []
    assert {row.task: row.state for row in await ledger.tasks.states(RUN)} == {
        "d1": "cancelled",
        "d1/a": "cancelled",
        "d1/b": "failed",
        "d1/c/x": "cancelled",
        "d1/done": "accepted",
        "d10/a": "running",
    }
    told = [row for row in await ledger.tasks.history(RUN) if row.state == "cancelled"]
    assert [(row.task, row.attempt, row.reason) for row in told] == [
        (task, 2, "ann stopped the run") for task in moved
    ]
    assert await ledger.tasks.settle_open(RUN, "", "cancelled", "all of it") == ["d10/a"]


async def test_what_was_accepted_is_there_after_a_restart(url: str) -> None:
    async with open_ledger(url) as before:
        await before.tasks.store_plan(RUN, "d1", "s", {"tasks": ["a"]})
        await accept(before, "d1/a", {"list": [1, None, "ü"], "nan": float("nan")})
    async with open_ledger(url) as after:
        found = await after.tasks.result(RUN, "d1/a", "h", 1)
        plan = await after.tasks.plan(RUN, "d1")
    assert found is not None
    assert found.output == {"list": [1, None, "ü"], "nan": "NaN"}
    assert plan is not None
    assert plan.plan == {"tasks": ["a"]}
