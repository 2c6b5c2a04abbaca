"""Who drives a run: one process at a time, found gone when it is, told to end when cancelled."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graphs.cancelled import close_cancelled
from graphs.holding import Holding, open_holding
from graphs.host import STALE, gone, here, holders_gone
from ledger.budget import Amount, Ceiling, Standing
from ledger.processes import Process
from ledger.store import Ledger, open_ledger
from runtime.errors import RunCancelled, RunTaken
from runtime.labels import Label


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        yield opened


@pytest.fixture
async def holding(ledger: Ledger) -> AsyncIterator[Holding]:
    async with open_holding(ledger, "test") as opened:
        yield opened


async def started(ledger: Ledger, id: str = "r1", holder: str | None = None) -> str:
    await ledger.runs.start(
        id,
        thread=id,
        request="hello",
        tenant="t",
        user="u",
        label=Label.internal,
        docs="",
        holder=holder,
    )
    await ledger.budgets.open(id, 1.0)
    return id


async def status(ledger: Ledger, run: str) -> tuple[str, str | None]:
    row = await ledger.runs.get(run)
    assert row is not None
    return row.status, row.holder


async def test_of_many_that_want_a_run_of_a_dead_process_one_gets_it(ledger: Ledger) -> None:
    run = await started(ledger, holder="dead")
    names = [f"p{number}" for number in range(20)]
    taken = await asyncio.gather(*(ledger.runs.claim(run, name, {"dead"}) for name in names))
    assert taken.count(True) == 1
    assert (await status(ledger, run))[1] == names[taken.index(True)]


async def test_a_run_of_a_living_process_is_not_taken(ledger: Ledger, holding: Holding) -> None:
    run = await started(ledger)
    await holding.take(run)
    async with open_holding(ledger, "test") as other:
        with pytest.raises(RunTaken, match=holding.process):
            await other.take(run)
        assert await other.cut_off() == []


async def test_what_a_closed_process_held_was_cut_off_and_its_money_is_spent(
    ledger: Ledger, holding: Holding
) -> None:
    run = await started(ledger)
    async with open_holding(ledger, "test") as other:
        await other.take(run)
        await ledger.budgets.reserve((run,), Amount(dollars=0.25))
    assert [one.id for one in await holding.cut_off()] == [run]
    await holding.take(run)
    budget = await ledger.budgets.get(run)
    assert budget is not None
    assert (budget.reserved, budget.spent) == (0.0, 0.25)
    assert await holding.cut_off() == []


async def test_what_a_dead_process_had_reserved_is_found_without_taking_its_runs(
    ledger: Ledger,
) -> None:
    """Whatever paid for the call: a run that nobody takes up, and its tenant's day."""
    run = await started(ledger)
    ledger.budgets.standing = Standing(tenant=Ceiling(dollars=1.0))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await child.wait()
    me = here()
    await ledger.processes.renew("dead", host=me.host, pid=child.pid, started_at=me.started_at)
    for name in ("dead", "never known"):
        ledger.budgets.process = name
        await ledger.budgets.reserve((run,), Amount(dollars=0.25, tokens=10), tenant="t")
    async with open_holding(ledger, "test") as holding:
        own = await ledger.budgets.reserve((run,), Amount(dollars=0.25), tenant="t")
        await holding.sweep()
        (day,) = await ledger.budgets.today("t")
        for found in (await ledger.budgets.get(run), day):
            assert found is not None
            assert (found.reserved, found.spent, found.spent_tokens) == (0.25, 0.5, 20)
        await ledger.budgets.settle(own, Amount())
    kept = await ledger.budgets.unsettled(run)
    assert {one.process for one in kept if one.forfeited_at} == {"dead", "never known"}


def test_a_process_is_gone_when_it_is_dead_silent_or_another_one() -> None:
    me = here()
    living = Process(id="p", host=me.host, pid=me.pid, started_at=me.started_at, renewed_at=1000.0)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    now = 1001.0
    assert not gone(living, me.host, now)
    assert gone(living, me.host, 1000.0 + STALE + 1)
    assert gone(replace(living, pid=child.pid), me.host, now)
    # The same number was given to a process that was started later.
    assert gone(replace(living, started_at=me.started_at - 60), me.host, now)
    # On another machine only its signs of life count.
    assert not gone(replace(living, host="elsewhere", pid=child.pid), me.host, now)


def test_a_dead_process_that_nobody_collected_is_gone() -> None:
    me = here()
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        zombie = Process(
            id="p", host=me.host, pid=child.pid, started_at=me.started_at + 60, renewed_at=1000.0
        )
        assert gone(zombie, me.host, 1001.0)
    finally:
        child.wait()


async def test_the_holder_without_a_row_is_gone(ledger: Ledger) -> None:
    await started(ledger, holder="nobody-knows")
    assert await holders_gone(ledger) == {"nobody-knows"}


async def test_cancelling_ends_the_innermost_work_and_leaves_the_rest_to_conclude(
    ledger: Ledger, holding: Holding
) -> None:
    run = await started(ledger)
    began, ended = asyncio.Event(), asyncio.Event()

    async def inner() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def outer() -> str:
        try:
            await holding.unless_cancelled(run, inner())
        except RunCancelled as cancelled:
            return f"concluded: {cancelled.by}"
        return "not cancelled"

    work = asyncio.create_task(holding.unless_cancelled(run, outer()))
    async with asyncio.timeout(5):
        await began.wait()
        await ledger.runs.ask_cancel(run, "ann")
        assert await work == "concluded: ann"
    assert ended.is_set()
    with pytest.raises(RunCancelled):
        await holding.unless_cancelled(run, inner())


async def test_a_run_whose_drive_was_ended_from_outside_is_closed_by_itself(
    ledger: Ledger, holding: Holding
) -> None:
    run = await started(ledger)
    work = asyncio.create_task(holding.unless_cancelled(run, asyncio.sleep(60)))
    async with asyncio.timeout(10):
        while (await status(ledger, run))[1] != holding.process:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.01)
        await ledger.runs.ask_cancel(run, "ann")
        work.cancel()
        while (await status(ledger, run))[0] != "cancelled":  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)
    with pytest.raises((asyncio.CancelledError, RunCancelled)):
        await work


async def test_work_whose_run_went_to_another_process_ends(
    ledger: Ledger, holding: Holding
) -> None:
    run = await started(ledger)
    work = asyncio.create_task(holding.unless_cancelled(run, asyncio.sleep(60)))
    async with asyncio.timeout(10):
        while (await status(ledger, run))[1] != holding.process:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.01)
        await ledger.runs.claim(run, "other", {holding.process})
        with pytest.raises(RunTaken, match="other"):
            await work


async def test_a_closing_process_ends_its_work_and_the_run_stays_open(ledger: Ledger) -> None:
    run = await started(ledger)
    async with open_holding(ledger, "test") as short:
        work = asyncio.create_task(short.unless_cancelled(run, asyncio.sleep(60)))
        while (await status(ledger, run))[1] != short.process:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.01)
    # Its node neither fails nor goes on; whoever drives it ends it.
    assert not work.done()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await status(ledger, run))[0] == "running"


async def test_a_stopped_run_does_not_count_as_cut_off(ledger: Ledger, holding: Holding) -> None:
    run = await started(ledger)
    await holding.take(run)
    await holding.stop(run)
    assert await status(ledger, run) == ("stopped", None)
    assert await holding.cut_off() == []


async def test_a_paused_run_is_cut_off_once_nothing_is_asked_any_more(
    ledger: Ledger, holding: Holding
) -> None:
    run = await started(ledger)
    for id in ("a1", "a2"):
        await ledger.approvals.ask(id, run=run, task=id, kind="task", question={})
        await ledger.tasks.move(run, id, "paused", reason="waits")
    await holding.take(run)
    await holding.asked(run)
    assert await status(ledger, run) == ("paused", None)
    assert await holding.cut_off() == []
    await ledger.approvals.answer("a1", "approved", by="ann")
    assert [one.id for one in await holding.cut_off()] == [run]  # the answer did not arrive
    await ledger.tasks.move(run, "a1", "running", reason="approved")
    assert await holding.cut_off() == []
    await ledger.approvals.answer("a2", "approved", by="ann")
    await ledger.tasks.move(run, "a2", "running", reason="approved")
    assert [one.id for one in await holding.cut_off()] == [run]


async def test_the_end_of_a_cancelled_run_is_written_once(ledger: Ledger) -> None:
    run = await started(ledger)
    await ledger.approvals.ask("a1", run=run, task="d1", kind="effect", question={})
    await ledger.runs.ask_cancel(run, "ann")
    first = await close_cancelled(ledger, run)
    assert first["status"] == "cancelled"
    assert "cancelled by ann" in first["text"]
    assert await close_cancelled(ledger, run) == first
    assert not await ledger.runs.finish(run, "done", {"text": "too late"})
    assert await ledger.approvals.pending(run) == []
