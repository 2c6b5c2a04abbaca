"""Runs: one row a request, a label that only rises."""

from __future__ import annotations

from ledger.store import Ledger
from runtime.labels import Label
from tests.ledger.conftest import Clock
from tests.ledger.rows import start


async def test_a_run_that_is_started_twice_keeps_its_first_row(ledger: Ledger) -> None:
    run = await start(ledger)
    await ledger.runs.start(
        run, thread="u", request="other", tenant="x", user="y", label=Label.public, docs=""
    )
    found = await ledger.runs.get(run)
    assert found is not None
    assert (found.thread, found.request, found.status) == ("t", "hello", "running")
    assert await ledger.runs.get("nobody") is None


async def test_a_label_rises_and_never_sinks(ledger: Ledger) -> None:
    run = await start(ledger)
    assert await ledger.runs.raise_label(run, Label.regulated) is Label.regulated
    assert await ledger.runs.raise_label(run, Label.public) is Label.regulated
    assert await ledger.runs.label(run) is Label.regulated


async def test_an_unrecorded_run_counts_as_regulated(ledger: Ledger) -> None:
    assert await ledger.runs.label("nobody") is Label.regulated


async def test_a_finished_run_tells_its_answer_and_the_newest_come_first(
    ledger: Ledger, clock: Clock
) -> None:
    await start(ledger, "old")
    clock.now = 200.0
    await start(ledger, "new")
    await ledger.runs.finish("old", "done", {"text": "well"})
    found = await ledger.runs.get("old")
    assert found is not None
    assert (found.status, found.answer, found.finished_at) == ("done", {"text": "well"}, 200.0)
    assert [run.id for run in await ledger.runs.latest()] == ["new", "old"]
    assert [run.id for run in await ledger.runs.latest(1)] == ["new"]


async def test_the_route_of_a_run_is_its_latest(ledger: Ledger) -> None:
    await ledger.runs.record_route("r1", {"to": "a"})
    await ledger.runs.record_route("r1", {"to": "b"})
    assert await ledger.runs.route("r1") == {"to": "b"}
    assert await ledger.runs.route("r2") is None


async def test_any_text_of_a_caller_is_taken(ledger: Ledger) -> None:
    text = "nul \0, half \ud800, long " + "x" * 100_000
    await ledger.runs.start(
        "r1", thread="t", request=text, tenant="a\0", user="u" * 500, label=Label.public, docs=""
    )
    found = await ledger.runs.get("r1")
    assert found is not None
    assert found.request == text.replace("\0", "\ufffd").replace("\ud800", "?")
    assert (found.tenant, len(found.user)) == ("a\ufffd", 500)
