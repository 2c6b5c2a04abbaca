"""Model calls add up by run and by task, at a cost that does not grow with their number."""

from __future__ import annotations

import asyncio

import pytest

from ledger.spend import Total
from ledger.store import Ledger
from tests.ledger.rows import CONTEXT, RUN, pay


async def test_spend_adds_up_by_run_and_by_task(ledger: Ledger) -> None:
    for number, task in enumerate(("d1/a", "d1/a", "d1/b")):
        await pay(ledger, str(number), CONTEXT.at(task=task))
    assert await ledger.spend.total(RUN) == Total(
        calls=3, prompt_tokens=30, completion_tokens=15, cost=0.75
    )
    assert await ledger.spend.total(RUN, "d1/a") == Total(
        calls=2, prompt_tokens=20, completion_tokens=10, cost=0.5
    )
    assert await ledger.spend.total("r2") == await ledger.spend.total(RUN, "d1/c") == Total()
    assert [row.id for row in await ledger.spend.of_run(RUN)] == ["0", "1", "2"]


async def test_parallel_calls_are_all_counted(ledger: Ledger, other: Ledger) -> None:
    await asyncio.gather(*(pay(one, str(n)) for n, one in enumerate((ledger, other) * 25)))
    total = await ledger.spend.total(RUN)
    assert (total.calls, total.prompt_tokens) == (50, 500)
    assert total.cost == pytest.approx(12.5)
    assert total == await ledger.spend.total(RUN, CONTEXT.task)
