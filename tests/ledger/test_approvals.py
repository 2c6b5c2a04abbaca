"""Questions to a person: an answer counts once, and only for its question."""

from __future__ import annotations

import asyncio

from ledger.store import Ledger
from tests.ledger.conftest import Clock
from tests.ledger.rows import RUN


async def ask(ledger: Ledger, id: str, run: str = RUN) -> None:
    await ledger.approvals.ask(id, run=run, task="d1", kind="effect", question={"q": id})


async def test_an_answer_counts_once_and_only_for_its_question(
    ledger: Ledger, other: Ledger
) -> None:
    for id in ("a1", "a2"):
        await ask(ledger, id)
    counted = await asyncio.gather(
        *(
            one.approvals.answer("a1", "approved" if n % 2 else "refused", by=f"p{n}")
            for n, one in enumerate((ledger, other) * 4)
        )
    )
    assert sum(counted) == 1
    assert not await ledger.approvals.answer("a1", "refused", by="bob")
    assert not await ledger.approvals.answer("a3", "approved", by="ann")
    first = await ledger.approvals.get("a1")
    assert first is not None
    assert first.answered_by == f"p{counted.index(True)}"
    assert [approval.id for approval in await ledger.approvals.pending(RUN)] == ["a2"]


async def test_a_question_that_is_asked_again_keeps_its_answer(ledger: Ledger) -> None:
    await ask(ledger, "a1")
    await ledger.approvals.answer("a1", "approved", by="ann")
    again = await ledger.approvals.ask("a1", run=RUN, task="d1", kind="effect", question={"q": 2})
    assert (again.state, again.question) == ("approved", {"q": "a1"})


async def test_what_waits_is_told_oldest_first(ledger: Ledger, clock: Clock) -> None:
    for id, run in (("z", "r1"), ("y", "r2"), ("x", "r1")):
        clock.now += 1
        await ask(ledger, id, run)
    await ledger.approvals.answer("x", "refused", by="ann")
    assert [one.id for one in await ledger.approvals.pending()] == ["z", "y"]
    assert [one.id for one in await ledger.approvals.pending("r1")] == ["z"]
    assert [one.id for one in await ledger.approvals.of_run("r1")] == ["z", "x"]
    assert await ledger.approvals.get("none") is None


async def test_questions_of_a_cancelled_run_are_withdrawn(ledger: Ledger) -> None:
    for id, run in (("a1", "r1"), ("a2", "r1"), ("a3", "r2")):
        await ask(ledger, id, run)
    await ledger.approvals.answer("a1", "approved", by="ann")
    assert await ledger.approvals.withdraw("r1", by="bob") == 1
    assert not await ledger.approvals.answer("a2", "approved", by="ann")
    assert [one.id for one in await ledger.approvals.pending()] == ["a3"]
