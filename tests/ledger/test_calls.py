"""Tool calls and effects: a row before anything is sent, an effect claimed once."""

from __future__ import annotations

import asyncio

from ledger.calls import Before
from ledger.store import Ledger, open_ledger
from runtime.labels import Label
from tests.ledger.conftest import Clock
from tests.ledger.rows import CONTEXT, RUN, call, start


async def test_a_call_tells_who_made_it_and_how_it_ended(ledger: Ledger) -> None:
    await call(ledger, "c1", CONTEXT.at(task="d1/a", attempt=2))
    opened = await ledger.calls.get("c1")
    await ledger.calls.close("c1", "ok", result="f" * 64, seconds=0.5)
    closed = await ledger.calls.get("c1")
    assert opened is not None
    assert closed is not None
    assert (opened.outcome, opened.result, opened.seconds) == ("pending", None, None)
    assert (closed.outcome, closed.result, closed.seconds) == ("ok", "f" * 64, 0.5)
    assert (closed.run, closed.task, closed.attempt, closed.user) == (RUN, "d1/a", 2, "ann")
    assert (closed.arguments, closed.policies) == ({"id": 1}, ["p1"])
    assert await ledger.calls.get("c2") is None


async def test_a_call_that_is_opened_again_overwrites_its_row(ledger: Ledger) -> None:
    for reason in ("first", "second"):
        await call(ledger, "c1", reason=reason)
    (row,) = await ledger.calls.of_run(RUN)
    assert row.reason == "second"


async def test_calls_of_a_task_come_in_order_and_without_those_of_others(
    ledger: Ledger, clock: Clock
) -> None:
    for id, task in (("z", "d1/a"), ("y", "d1/b"), ("x", "d1/a")):
        clock.now += 1
        await call(ledger, id, CONTEXT.at(task=task))
    assert [row.id for row in await ledger.calls.of_task(RUN, "d1/a")] == ["z", "x"]
    assert [row.id for row in await ledger.calls.of_run(RUN)] == ["z", "y", "x"]


async def test_an_effect_is_claimed_once(ledger: Ledger, other: Ledger) -> None:
    claims = await asyncio.gather(
        *(
            one.effects.begin("k", run=RUN, task="d1", tool="send", arguments={"to": "a"})
            for one in (ledger, other) * 8
        )
    )
    assert sum(claim is None for claim in claims) == 1
    assert {claim.state for claim in claims if claim} == {"started"}


async def test_how_an_effect_ended_is_there_after_a_restart(url: str) -> None:
    async with open_ledger(url) as before:
        await before.effects.begin("k", run=RUN, task="d1", tool="send", arguments={"to": "a"})
        await before.effects.settle("k", "done", "f" * 64)
    async with open_ledger(url) as after:
        again = await after.effects.begin(
            "k", run=RUN, task="d1", tool="send", arguments={"to": "a"}
        )
        (row,) = await after.effects.of_run(RUN)
        assert await after.effects.get("none") is None
    assert again == row
    assert (row.state, row.result, row.arguments) == ("done", "f" * 64, {"to": "a"})


async def test_a_call_is_not_opened_by_a_label_that_the_run_does_not_have(ledger: Ledger) -> None:
    await start(ledger, label=Label.internal)

    async def opened(supposed: Label) -> Before | None:
        return await ledger.calls.open(
            "c1",
            CONTEXT,
            tool="crm_read",
            arguments={},
            decision="allow",
            policies=[],
            reason="r",
            supposed=supposed,
        )

    assert await opened(Label.public) == Before(label=Label.internal, answered=None)
    assert await ledger.calls.of_run(RUN) == []
    assert await ledger.audit.rows(RUN) == []
    assert await opened(Label.internal) is None
    await ledger.calls.close("c1", "ok", result="f" * 64, seconds=0.1)
    before = await opened(Label.internal)
    assert before is not None
    assert before.answered == (RUN, "d1/a", "crm_read", "f" * 64)
    (row,) = await ledger.calls.of_run(RUN)
    assert row.outcome == "ok", "what was answered stays so"
