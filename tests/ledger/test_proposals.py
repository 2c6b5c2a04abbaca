"""Proposals: nothing is decided twice, what was approved is on record as it was approved."""

from __future__ import annotations

import asyncio

from sqlalchemy import make_url

from ledger.proposals import Proposal
from ledger.store import Ledger, open_ledger
from tests.ledger.conftest import Clock
from tests.ledger.rows import RUN
from tests.ledger.test_opening import SCHEMAS, execute


async def propose(ledger: Ledger, id: str, by: str = "ann") -> Proposal:
    return await ledger.proposals.propose(
        id, kind="example", sources=[RUN], tenant="acme", payload={"text": id}, by=by
    )


async def test_what_is_proposed_again_keeps_its_row_and_its_state(
    ledger: Ledger, clock: Clock
) -> None:
    first = await propose(ledger, "p1")
    assert first == Proposal(
        id="p1",
        kind="example",
        sources=[RUN],
        tenant="acme",
        payload={"text": "p1"},
        state="proposed",
        proposed_by="ann",
        proposed_at=100.0,
        decided_by=None,
        decided_at=None,
        rolled_back_by=None,
        rolled_back_at=None,
    )
    clock.now += 1
    assert await propose(ledger, "p1", by="bob") == first
    await ledger.proposals.decide("p1", "rejected", by="eve")
    assert (await propose(ledger, "p1")).state == "rejected"


async def test_of_several_decisions_at_once_one_counts(ledger: Ledger, other: Ledger) -> None:
    await propose(ledger, "p1")
    counted = await asyncio.gather(
        *(
            one.proposals.decide("p1", "approved" if n % 2 else "rejected", by=f"p{n}")
            for n, one in enumerate((ledger, other) * 4)
        )
    )
    assert sum(counted) == 1
    found = await ledger.proposals.get("p1")
    assert found is not None
    assert found.decided_by == f"p{counted.index(True)}"
    assert not await ledger.proposals.decide("none", "approved", by="ann")


async def test_what_was_approved_is_on_record_as_it_was_approved(
    ledger: Ledger, clock: Clock
) -> None:
    await propose(ledger, "p1")
    clock.now = 200.0
    assert await ledger.proposals.decide("p1", "approved", by="eve", payload={"text": "edited"})
    found = await ledger.proposals.get("p1")
    assert found is not None
    assert (found.payload, found.decided_by, found.decided_at) == ({"text": "edited"}, "eve", 200.0)


async def test_only_what_is_in_force_is_rolled_back_and_once(ledger: Ledger) -> None:
    await propose(ledger, "p1")
    assert not await ledger.proposals.roll_back("p1", by="ann")
    await ledger.proposals.decide("p1", "approved", by="eve")
    assert await ledger.proposals.roll_back("p1", by="ann")
    assert not await ledger.proposals.roll_back("p1", by="bob")
    assert not await ledger.proposals.decide("p1", "approved", by="eve")
    found = await ledger.proposals.get("p1")
    assert found is not None
    assert (found.state, found.decided_by, found.rolled_back_by) == ("rolled back", "eve", "ann")


async def test_an_approval_that_could_not_be_carried_out_is_open_again(ledger: Ledger) -> None:
    await propose(ledger, "p1")
    assert not await ledger.proposals.reopen("p1", {"text": "p1"})
    await ledger.proposals.decide("p1", "approved", by="eve", payload={"text": "edited"})
    assert await ledger.proposals.reopen("p1", {"text": "p1"})
    found = await ledger.proposals.get("p1")
    assert found is not None
    assert (found.state, found.decided_by, found.decided_at) == ("proposed", None, None)
    assert found.payload == {"text": "p1"}
    assert await ledger.proposals.decide("p1", "rejected", by="bob")


async def test_proposals_are_told_oldest_first(ledger: Ledger, clock: Clock) -> None:
    for id in ("z", "y", "x"):
        clock.now += 1
        await propose(ledger, id)
    await ledger.proposals.decide("y", "rejected", by="ann")
    assert [one.id for one in await ledger.proposals.listed()] == ["z", "y", "x"]
    assert [one.id for one in await ledger.proposals.listed("proposed")] == ["z", "x"]
    assert [one.id for one in await ledger.proposals.listed("rejected")] == ["y"]
    assert await ledger.proposals.get("none") is None


async def test_a_database_of_the_release_before_takes_proposals(fresh: str) -> None:
    dialect = make_url(fresh).get_backend_name()
    made = (SCHEMAS / f"2.{dialect}.sql").read_text()
    stamp = "INSERT INTO meta (key, value) VALUES ('schema', '2');\n"
    await asyncio.to_thread(execute, fresh, made + stamp)
    async with open_ledger(fresh) as ledger:
        await propose(ledger, "p1")
    async with open_ledger(fresh) as ledger:
        assert [one.id for one in await ledger.proposals.listed()] == ["p1"]
