"""What holds of every execution, whatever the plan: shown on plans drawn by chance and run by the
real executor. Beside each property a bug is planted, and the property has to see it.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from agents.known import Known, known_of
from agents.limits import LimitsFile
from agents.slot import Slot
from harness.limits import Limits
from harness.plan import Plan
from harness.schedule import Schedule
from ledger.store import Ledger
from runtime.canonical import Json
from tests.graphs.drawn_plans import (
    FINAL,
    WIDTHS,
    Cut,
    DagPlan,
    Record,
    Works,
    dags,
    expected,
    works,
)
from tests.graphs.planted import plant

pytestmark = pytest.mark.asyncio(loop_scope="module")

few = settings(
    max_examples=8,
    deadline=None,
    # An example is a real run: what fails is shown as it is, without a hundred smaller ones.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EFFORTS = st.sampled_from(sorted(WIDTHS))
LADDER: DagPlan = {"t2": ["t1"], "t1": ["t0"], "t0": [], "t3": [], "t4": [], FINAL: ["t2"]}
"""A chain written backwards, and two tasks beside it."""
ENDS = ("accepted", "failed", "blocked", "cancelled")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drawn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Works]:
    async with works(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def early_starts(record: Record) -> list[str]:
    """Tasks that ran before one of their inputs was accepted."""
    accepted: set[str] = set()
    early = []
    for row in record.history:
        if row.state == "running" and not set(record.plan[row.task]) <= accepted:
            early.append(row.task)
        if row.state == "accepted":
            accepted.add(row.task)
    return early


def not_ended_once(record: Record) -> list[str]:
    """Tasks that ended never, or more than once."""
    ends = [row.task for row in record.history if row.state in ENDS]
    return [id for id in record.plan if ends.count(id) != 1]


def widest(record: Record) -> int:
    """The most tasks that ran at the same time, by their transitions."""
    running: set[str] = set()
    most = 0
    for row in record.history:
        if row.state == "running":
            running.add(row.task)
        elif row.state in ENDS:
            running.discard(row.task)
        most = max(most, len(running))
    return most


def differing(record: Record) -> dict[str, Json]:
    """Results that are not what their inputs make."""
    right = expected(record.plan)
    return {
        id: record.results.get(id)
        for id in record.plan
        if record.results.get(id) != {"value": right[id]}
    }


def redone(cut: Cut) -> dict[str, int]:
    """Calls that tasks made after they had been accepted."""
    return {
        id: cut.calls_at_the_end[id] - cut.calls[id]
        for id in cut.accepted
        if cut.calls_at_the_end[id] != cut.calls[id]
    }


class Forgetful(InMemorySaver):
    """Loses what tasks and their workers wrote, as a process may that ends before it is on the
    disk; what is left for them is the ledger."""

    async def aget_tuple(self, config: Json) -> CheckpointTuple | None:
        if config["configurable"].get("checkpoint_ns"):
            return None
        found = await super().aget_tuple(config)
        return found and found._replace(pending_writes=[])


@few
@given(plan=dags(), effort=EFFORTS)
async def test_no_task_starts_early_each_ends_once_and_the_width_is_kept(
    drawn: Works, plan: DagPlan, effort: str
) -> None:
    record = await drawn.run(plan, effort)
    assert early_starts(record) == []
    assert not_ended_once(record) == []
    assert widest(record) <= record.width
    assert record.at_once <= record.width
    assert differing(record) == {}


async def test_independent_tasks_do_run_side_by_side(drawn: Works) -> None:
    record = await drawn.run({"t0": [], "t1": [], "t2": [], "t3": [], FINAL: ["t0"]}, "four")
    assert widest(record) == 4


@few
@given(plan=dags(), after=st.integers(0, 18), forgetful=st.booleans())
async def test_a_run_that_was_cut_off_ends_like_an_uninterrupted_one(
    drawn: Works, plan: DagPlan, after: int, forgetful: bool
) -> None:
    saver = Forgetful() if forgetful else InMemorySaver()
    record, cut = await drawn.run_with_a_cut(plan, "two", after, saver)
    assert differing(record) == {}
    assert not_ended_once(record) == []
    assert redone(cut) == {}


@few
@given(plan=dags())
async def test_the_same_plan_has_the_same_schedule(drawn: Works, plan: DagPlan) -> None:
    first = await drawn.run(plan, "one")
    second = await drawn.run(plan, "one")
    assert first.starts == second.starts
    assert sorted(first.starts) == sorted(plan)


async def test_a_task_that_does_not_wait_is_seen(
    drawn: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plan, "parents", lambda _self, _task: ())
    assert early_starts(await drawn.run(LADDER, "four")) != []


async def test_a_task_that_ends_twice_is_seen(
    drawn: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Slot.settle

    async def twice(slot: Slot, *given: Json) -> Json:
        output = await settle(slot, *given)
        run, task = slot.context.run, slot.context.task
        await slot.ledger.tasks.move(run, task, "failed", reason="ended again")
        return output

    monkeypatch.setattr(Slot, "settle", twice)
    assert not_ended_once(await drawn.run(LADDER, "two")) == list(LADDER)


async def test_a_width_that_is_not_kept_is_seen(
    drawn: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = LimitsFile.of

    def wide(limits: LimitsFile, effort: str) -> Limits:
        return of(limits, effort).model_copy(update={"width": 64})

    monkeypatch.setattr(LimitsFile, "of", wide)
    record = await drawn.run(LADDER, "one")
    assert widest(record) > record.width


async def test_work_that_is_done_again_is_seen(
    drawn: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_args: object) -> Known:
        return Known()

    plant(monkeypatch, known_of, nothing)
    _, cut = await drawn.run_with_a_cut(LADDER, "two", 8, Forgetful())
    assert cut.accepted
    assert redone(cut) != {}


async def test_a_result_that_comes_back_as_another_ones_is_seen(
    drawn: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shifted(ledger: Ledger, run: str, dispatch: str) -> Known:
        known = await known_of(ledger, run, dispatch)
        keys, results = list(known.results), list(known.results.values())
        return replace(known, results=dict(zip(keys, results[1:] + results[:1], strict=True)))

    plant(monkeypatch, known_of, shifted)
    record, cut = await drawn.run_with_a_cut(LADDER, "two", 8, Forgetful())
    assert len(cut.accepted) > 1
    assert differing(record) != {}


async def test_an_order_that_changes_is_seen(drawn: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(4)
    monkeypatch.setattr(Schedule, "key", lambda *_: (chance.random(), 0))
    schedules = {tuple((await drawn.run(LADDER, "one")).starts) for _ in range(4)}
    assert len(schedules) > 1
