"""Model calls add up by run and by task, at a cost that does not grow with their number."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ledger.spend import Total
from ledger.spend_sums import Span, Sum
from ledger.store import Ledger
from tests.ledger.rows import CONTEXT, RUN, pay, start


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


async def test_calls_are_summed_by_what_they_have_in_common(ledger: Ledger) -> None:
    await start(ledger)
    for number, (task, cost) in enumerate((("d1/a", 0.25), ("d1/b", 0.5))):
        await pay(ledger, str(number), CONTEXT.at(task=task, specialist=task[-1]), cost=cost)
    await ledger.spend.record(
        "cached",
        CONTEXT,
        tier="plan",
        deployment="big",
        model="big",
        prompt_tokens=100,
        completion_tokens=7,
        cost=0.0,
        outcome="timeout",
        seconds=1.0,
        cache_read=60,
        cache_creation=30,
    )
    (whole,) = await ledger.spend.sums(("tenant",))
    assert whole == Sum(
        key=("acme",),
        calls=3,
        failed=1,
        prompt_tokens=120,
        completion_tokens=17,
        cache_read=60,
        cache_creation=30,
        cost=0.75,
        failed_cost=0.0,
        longest_prompt=10,  # nobody used the answer to the other, whose count may be a guess
    )
    apart = await ledger.spend.sums(("tenant",), lengths=(11, 100))
    assert [(one.length, one.calls, one.prompt_tokens) for one in apart] == [
        (0, 2, 20),
        (100, 1, 100),
    ]
    by = await ledger.spend.sums(("specialist", "tier", "label"))
    assert [(one.key, one.calls) for one in by] == [
        (("a", "work", "internal"), 1),
        (("b", "work", "internal"), 1),
        (("reviewer", "plan", "internal"), 1),
    ]
    (day,) = await ledger.spend.sums(("day",))
    at = (await ledger.spend.of_run(RUN))[0].at
    assert day.key == (datetime.fromtimestamp(at, UTC).date().isoformat(),)
    assert await ledger.spend.sums(("run",), Span(until=at)) == []
    assert await ledger.spend.sums(("run",), Span(run="r2")) == []


async def test_the_latest_calls_of_each_deployment_come_first(ledger: Ledger) -> None:
    for number in range(5):
        await pay(ledger, str(number))
    found = await ledger.spend.recent(3)
    assert [one.deployment for one in found] == ["offline"] * 3
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert found[0].at == (await ledger.spend.of_run(RUN))[-1].at
