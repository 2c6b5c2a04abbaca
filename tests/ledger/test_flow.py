"""What came into a run: all of it at first, and then what came since, whoever recorded it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ledger import flow
from ledger.flow import Flow
from ledger.store import Ledger, open_ledger
from tests.ledger.rows import CONTEXT, RUN, call, start


async def answered(ledger: Ledger, id: str, said: str = "ok", run: str = RUN) -> None:
    result = await ledger.exchanges.keep({"text": said})
    await call(ledger, id, replace(CONTEXT, run=run))
    await ledger.calls.close(id, "ok", result=result, seconds=0.1)


def told(found: Flow) -> list[tuple[str, bytes | None]]:
    return [(one.call, one.content) for one in found.brought]


async def test_only_what_came_since_is_read_again(ledger: Ledger, other: Ledger) -> None:
    await start(ledger)
    await answered(ledger, "c1")
    await call(ledger, "c2")
    first = await ledger.flows.of(RUN, {}, 20)
    assert told(first) == [("c1", b'{"text":"ok"}')]
    again = await ledger.flows.of(RUN, first.seen, 20)
    assert (told(again), again.seen) == ([], first.seen)
    # Begun before, answered since; and one that another process recorded.
    await ledger.calls.close("c2", "ok", result="0" * 64, seconds=0.1)
    await answered(other, "c3", "later")
    await answered(ledger, "c1", "otherwise")
    await call(ledger, "c4")
    await ledger.calls.close("c4", "denied", result=None, seconds=0.1)
    then = await ledger.flows.of(RUN, again.seen, 20)
    assert told(then) == [
        ("c1", b'{"text":"otherwise"}'),
        ("c2", None),
        ("c3", b'{"text":"later"}'),
    ]
    assert told(await ledger.flows.of(RUN, {}, 20)) == told(then)
    assert told(await ledger.flows.of(RUN, then.seen, 20)) == []


async def test_the_run_that_it_goes_on_from_is_read_on_too(ledger: Ledger) -> None:
    await start(ledger, "r0")
    await start(ledger)
    await ledger.runs.record_route(RUN, {"follows": "r0"})
    await answered(ledger, "c1", run="r0")
    first = await ledger.flows.of(RUN, {}, 20)
    await answered(ledger, "c2", run="r0")
    then = await ledger.flows.of(RUN, first.seen, 20)
    assert [one.call for one in (*first.brought, *then.brought)] == ["c1", "c2"]


@pytest.mark.parametrize("text", [flow._FROM, flow._LAST, flow._ONE, flow._ANSWERED])
async def test_no_table_is_scanned(tmp_path: Path, text: str) -> None:
    def plan(connection: Connection) -> list[str]:
        values = ("r1", 1)[: text.count("?")]
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        return [str(row.detail) for row in rows]

    async with open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
        steps = await ledger.calls._database.run(plan, atomic=False)
    assert steps
    assert all(step.startswith("SEARCH") for step in steps), steps


@pytest.mark.parametrize(
    "done",
    [
        "UPDATE audit SET entry = '{}' WHERE entry LIKE '%closed%' AND number > 2",
        "DELETE FROM audit WHERE entry LIKE '%closed%c2%'",
        "DELETE FROM audit WHERE number >= 2",
        "DELETE FROM audit",
    ],
)
async def test_no_call_is_hidden_by_rows_of_the_audit_that_are_broken_or_gone(
    tmp_path: Path, done: str
) -> None:
    def spoil(connection: Connection) -> None:
        assert connection.exec_driver_sql(done).rowcount

    async with open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
        await start(ledger)
        await answered(ledger, "c1")
        first = await ledger.flows.of(RUN, {}, 20)
        await answered(ledger, "c2")
        await answered(ledger, "c3")
        await ledger.calls._database.run(spoil, atomic=False)
        then = await ledger.flows.of(RUN, first.seen, 20)
    assert {one.call for one in then.brought} >= {"c2", "c3"}


async def test_a_call_that_is_asked_about_again_is_approved_by_nobody_yet(
    ledger: Ledger,
) -> None:
    await start(ledger)
    await call(ledger, "c1")
    result = await ledger.exchanges.keep({"text": "it failed"})
    await ledger.calls.close("c1", "error", result=result, seconds=0.1)

    async def approved() -> list[tuple[str, bool]]:
        found = await ledger.flows.of(RUN, {}, 20)
        return [(one.call, one.approved is not None) for one in found.brought]

    await call(ledger, "c1", decision="ask")
    # What it brought at first counts for what strangers said in it.
    assert await approved() == [("c1", False)]
    await ledger.calls.close("c1", "refused", result=result, seconds=0.1)
    assert await approved() == [("c1", False)]
    await ledger.calls.close("c1", "ok", result=result, seconds=0.1)
    assert await approved() == [("c1", True)]
