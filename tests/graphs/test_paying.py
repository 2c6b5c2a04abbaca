"""Runs that commands pay from: under the ceilings of any run, and closed after a kill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agents.limits import load_limits
from graphs.paying import paying_run
from ledger.budget import Amount
from ledger.store import Ledger, open_ledger
from runtime.errors import BudgetExceeded
from runtime.labels import Label
from runtime.settings import ROOT

LIMITS = load_limits(ROOT / "config" / "limits.yaml")
LARGEST = LIMITS.call.tokens or 0


@pytest_asyncio.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        yield opened


async def begun(ledger: Ledger, run: str, thread: str) -> None:
    await ledger.runs.start(
        run,
        thread=thread,
        request="?",
        tenant="acme",
        user="ann",
        label=Label.public,
        docs="",
        holder="models-killed",
    )


async def test_it_has_the_ceilings_of_requests_and_a_process_that_lives(ledger: Ledger) -> None:
    async with paying_run(ledger, LIMITS, "route-1", request="?", done="Routed.", requests=2):
        run = await ledger.runs.get("route-1")
        budget = await ledger.budgets.get("route-1")
        held = await ledger.budgets.reserve(["route-1"], Amount(tokens=LARGEST))
        known = [one.id for one in await ledger.processes.known()]
        with pytest.raises(BudgetExceeded) as caught:
            await ledger.budgets.reserve(["route-1"], Amount(tokens=LARGEST + 1))
        await ledger.budgets.settle(held, Amount())
    assert run is not None
    assert budget is not None
    assert ([held.process], [run.holder], caught.value.level) == (known, known, "call")
    assert budget.ceiling == 2 * LIMITS.request_dollars
    assert budget.token_ceiling == 2 * (LIMITS.request_tokens or 0)
    ended = await ledger.runs.get("route-1")
    assert ended is not None
    assert (ended.status, ended.answer, ended.holder) == ("done", {"text": "Routed."}, None)
    assert await ledger.processes.known() == []


async def test_what_a_killed_command_left_is_closed_and_booked_by_the_next(ledger: Ledger) -> None:
    await begun(ledger, "models-1", thread="")
    await begun(ledger, "asked", thread="t")
    await ledger.budgets.open("models-1", 1.0)
    ledger.budgets.process = "models-killed"
    await ledger.budgets.reserve(["models-1"], Amount(dollars=0.25, tokens=10))
    # Nobody can go on with it, so nobody is offered to.
    assert [one.id for one in await ledger.runs.cut_off({"models-killed"})] == ["asked"]
    async with paying_run(ledger, LIMITS, "models-2", request="?", done="Answered."):
        left, other = await ledger.runs.get("models-1"), await ledger.runs.get("asked")
        budget = await ledger.budgets.get("models-1")
    assert left is not None
    assert other is not None
    assert budget is not None
    assert (left.status, left.answer, left.holder) == ("failed", {"text": "It was cut off."}, None)
    assert (other.status, other.ended) == ("running", False)
    assert (budget.reserved, budget.spent, budget.spent_tokens) == (0.0, 0.25, 10)


async def test_an_error_ends_the_run_as_failed(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="wrong"):
        async with paying_run(ledger, LIMITS, "models-1", request="?", done="Answered."):
            raise RuntimeError("wrong")
    run = await ledger.runs.get("models-1")
    assert run is not None
    assert (run.status, run.ended) == ("failed", True)
