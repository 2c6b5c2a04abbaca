"""Who drives a run, on both databases: one process at a time, and a dead one is replaced."""

from __future__ import annotations

import asyncio

from ledger.store import Ledger
from tests.ledger.conftest import Clock
from tests.ledger.rows import RUN, start


async def test_of_several_that_claim_a_run_one_gets_it(ledger: Ledger, other: Ledger) -> None:
    await start(ledger)
    names = [f"p{n}" for n in range(10)]
    got = await asyncio.gather(
        *((ledger, other)[n % 2].runs.claim(RUN, name) for n, name in enumerate(names))
    )
    assert sum(got) == 1
    holder = names[got.index(True)]
    assert not await ledger.runs.claim(RUN, "late")
    assert await ledger.runs.claim(RUN, "late", gone=[holder])
    found = await ledger.runs.get(RUN)
    assert found is not None
    assert found.holder == "late"


async def test_a_run_ends_once_and_is_cancelled_once(ledger: Ledger, other: Ledger) -> None:
    await start(ledger)
    asked = await asyncio.gather(
        *(one.runs.ask_cancel(RUN, f"by-{n}") for n, one in enumerate((ledger, other) * 4))
    )
    assert sum(asked) == 1
    ended = await asyncio.gather(
        *(one.runs.finish(RUN, "cancelled", {"n": n}) for n, one in enumerate((ledger, other) * 4))
    )
    assert sum(ended) == 1
    found = await ledger.runs.get(RUN)
    assert found is not None
    assert (found.ended, found.holder, found.answer) == (True, None, {"n": ended.index(True)})
    assert not await ledger.runs.claim(RUN, "p1")


async def test_runs_that_were_cut_off_are_found(ledger: Ledger) -> None:
    for run in ("alive", "cut", "let-go", "ended"):
        await start(ledger, run)
        await ledger.runs.claim(run, "live" if run == "alive" else "dead")
    await ledger.runs.release("let-go", "dead", "stopped")
    await ledger.runs.finish("ended", "done", None)
    assert [run.id for run in await ledger.runs.cut_off(["dead"])] == ["cut"]
    assert {run.id for run in await ledger.runs.unfinished()} == {"alive", "cut", "let-go"}
    assert [run.id for run in await ledger.runs.unfinished("other thread")] == []
    assert {run.id for run in await ledger.runs.some(["alive", "ended", "none"])} == {
        "alive",
        "ended",
    }


async def test_a_process_is_known_by_its_latest_sign_of_life(ledger: Ledger, clock: Clock) -> None:
    for now in (100.0, 200.0):
        clock.now = now
        await ledger.processes.renew("p1", host="h", pid=7, started_at=1.0)
    await ledger.processes.renew("p2", host="h", pid=8, started_at=1.0)
    first, _ = sorted(await ledger.processes.known(), key=lambda one: one.id)
    assert (first.renewed_at, first.pid, ledger.processes.now()) == (200.0, 7, 200.0)
    await ledger.processes.leave("p1", "none")
    assert [one.id for one in await ledger.processes.known()] == ["p2"]
