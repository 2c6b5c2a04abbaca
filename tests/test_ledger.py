"""The ledger: what is committed counts, ceilings hold, answers reach only their question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.store import Ledger, open_ledger
from runtime.context import RunContext
from runtime.errors import BudgetExceeded, LedgerUnavailable
from runtime.labels import Label


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        yield opened


async def started(ledger: Ledger, label: Label = Label.internal) -> str:
    await ledger.runs.start(
        "r1", thread="t", request="hello", tenant="acme", user="ann", label=label, docs=""
    )
    return "r1"


async def test_a_run_that_is_started_twice_keeps_its_first_row(ledger: Ledger) -> None:
    run = await started(ledger)
    await ledger.runs.start(
        run, thread="u", request="other", tenant="x", user="y", label=Label.public, docs=""
    )
    found = await ledger.runs.get(run)
    assert found is not None
    assert (found.thread, found.request, found.status) == ("t", "hello", "running")


async def test_a_label_rises_and_never_sinks(ledger: Ledger) -> None:
    run = await started(ledger)
    assert await ledger.runs.raise_label(run, Label.regulated) is Label.regulated
    assert await ledger.runs.raise_label(run, Label.public) is Label.regulated
    assert await ledger.runs.label(run) is Label.regulated


async def test_an_unrecorded_run_counts_as_regulated(ledger: Ledger) -> None:
    assert await ledger.runs.label("nobody") is Label.regulated


async def test_parallel_reservations_never_pass_the_ceiling(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)

    async def one() -> bool:
        try:
            await ledger.budgets.reserve("r1", 0.3)
        except BudgetExceeded:
            return False
        return True

    taken = await asyncio.gather(*(one() for _ in range(20)))
    now = await ledger.budgets.get("r1")
    assert sum(taken) == 3
    assert now is not None
    assert now.reserved == pytest.approx(0.9)


async def test_settling_gives_back_what_a_call_did_not_use(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)
    await ledger.budgets.reserve("r1", 0.9)
    await ledger.budgets.settle("r1", 0.9, 0.2)
    await ledger.budgets.reserve("r1", 0.8)
    with pytest.raises(BudgetExceeded) as caught:
        await ledger.budgets.reserve("r1", 0.01)
    assert caught.value.scope == "r1"
    assert caught.value.allowed == 1.0


async def test_the_first_accepted_result_of_a_key_stays(ledger: Ledger) -> None:
    for output in ({"n": 1}, {"n": 2}):
        await ledger.tasks.accept(
            "r1", "d1/a", inputs="h", attempt=1, output=output, evidence=["c1"], reason="fits"
        )
    found = await ledger.tasks.result("r1", "d1/a", "h")
    assert found is not None
    assert found.output == {"n": 1}
    assert await ledger.tasks.result("r1", "d1/a", "other") is None


async def test_every_transition_is_kept_with_its_reason(ledger: Ledger) -> None:
    await ledger.tasks.move("r1", "d1/a", "running", reason="inputs accepted")
    await ledger.tasks.move("r1", "d1/a", "retrying", reason="items missing", attempt=2)
    await ledger.tasks.move("r1", "d1/a", "retrying", reason="items missing", attempt=2)
    history = await ledger.tasks.history("r1")
    assert [(row.state, row.reason, row.attempt) for row in history] == [
        ("running", "inputs accepted", 1),
        ("retrying", "items missing", 2),
    ]
    (state,) = await ledger.tasks.states("r1")
    assert (state.state, state.attempt) == ("retrying", 2)


async def test_the_same_plan_keeps_its_version_and_another_gets_the_next(ledger: Ledger) -> None:
    versions = [
        await ledger.tasks.store_plan("r1", "d1", "s", {"tasks": tasks})
        for tasks in (["a"], ["a"], ["a", "b"])
    ]
    assert versions == [1, 1, 2]


async def test_an_effect_is_claimed_once(ledger: Ledger) -> None:
    claims = await asyncio.gather(
        *(
            ledger.effects.begin("k", run="r1", task="d1", tool="send", arguments={"to": "a"})
            for _ in range(8)
        )
    )
    assert sum(claim is None for claim in claims) == 1


async def test_an_answer_counts_once_and_only_for_its_question(ledger: Ledger) -> None:
    for id in ("a1", "a2"):
        await ledger.approvals.ask(id, run="r1", task="d1", kind="effect", question={"q": id})
    assert await ledger.approvals.answer("a1", "approved", by="ann")
    assert not await ledger.approvals.answer("a1", "refused", by="bob")
    assert not await ledger.approvals.answer("a3", "approved", by="ann")
    assert [approval.id for approval in await ledger.approvals.pending("r1")] == ["a2"]


async def test_exchanges_are_found_by_content_hash_and_forgotten_by_age(tmp_path: Path) -> None:
    now = [100.0]
    async with open_ledger(
        f"sqlite+aiosqlite:///{tmp_path / 'l.sqlite'}", clock=lambda: now[0]
    ) as ledger:
        old = await ledger.exchanges.record("r1", "d1", "model", {"ask": 1}, {"say": 1})
        now[0] = 200.0
        new = await ledger.exchanges.record("r1", "d1", "model", {"ask": 1}, {"say": 2})
        assert await ledger.exchanges.forget_before(150.0) == 1
        assert await ledger.exchanges.content(old) is None
        assert await ledger.exchanges.content(new) == b'{"say":2}'
        (kept,) = await ledger.exchanges.of_run("r1")
        assert await ledger.exchanges.content(kept.request) == b'{"ask":1}'


async def test_spend_adds_up_by_run_and_by_task(ledger: Ledger) -> None:
    context = RunContext(run="r1")
    for number, task in enumerate(("d1/a", "d1/a", "d1/b")):
        await ledger.spend.record(
            str(number),
            context.at(task=task),
            tier="work",
            deployment="offline",
            model="offline",
            prompt_tokens=10,
            completion_tokens=5,
            cost=0.25,
            outcome="ok",
            seconds=0.1,
        )
    whole, part = await ledger.spend.total("r1"), await ledger.spend.total("r1", "d1/a")
    assert (whole.calls, whole.prompt_tokens, whole.cost) == (3, 30, 0.75)
    assert (part.calls, part.completion_tokens) == (2, 10)


async def test_a_ledger_that_cannot_be_opened_says_what_to_check(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(LedgerUnavailable, match="SWITCHYARD_HOME"):
        async with open_ledger(f"sqlite+aiosqlite:///{blocked / 'ledger.sqlite'}"):
            pytest.fail("opened a ledger below a file")
