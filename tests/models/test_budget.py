"""Every call of a model is paid for beforehand, in money and in tokens, at every level."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ledger.budget import Amount, Budget, Ceiling, Standing
from ledger.database import Work
from ledger.embedded import Embedded
from models.usage import estimate, estimate_prompt
from runtime.canonical import Json
from runtime.errors import BudgetExceeded, RequestError, SwitchyardError
from tests.models.door import CONTEXT, RUN, Room, on, room
from tests.provider.exchange import Exchange, Reply, Usage
from tests.provider.faults import AbsurdUsage, Fault, MissingUsage, Reset, Stall
from tests.provider.latency import Latency
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

LONGEST = 500
"""`max_tokens` of the deployments of these tests."""


def always(prompt: int, completion: int) -> Script:
    said = Reply(text="Something was said.", usage=Usage(prompt=prompt, completion=completion))
    return Script(When(lambda _: True, said))


async def ask(opened: Room, text: str = "hi", task: str = CONTEXT.task) -> str:
    """How a call ended: `answered`, or the unit whose ceiling it did not fit under."""
    try:
        await opened.models.chat("work", CONTEXT.at(task=task)).ainvoke(text)
    except BudgetExceeded as error:
        return f"{error.level} {error.unit}"
    return "answered"


async def books(opened: Room, scope: str = RUN) -> Budget:
    found = await opened.ledger.budgets.get(scope)
    assert found is not None
    return found


async def test_parallel_calls_never_pass_a_ceiling_of_tokens(tmp_path: Path) -> None:
    slow = Latency(median=0.2)
    with ScriptedProvider(always(50, 50), latency=slow) as provider:
        async with room(tmp_path, [on(provider, "vendor")], ceiling=None) as opened:
            await opened.ledger.budgets.open(RUN, 10.0, 4000)
            ended = await asyncio.gather(*(ask(opened) for _ in range(30)))
            found = await books(opened)
        assert provider.peak <= 4000 // LONGEST, "more worst cases at once than fit"
        assert 5 <= ended.count("answered") == len(provider.calls)
    assert set(ended) == {"answered", "request tokens"}
    assert found.reserved_tokens == 0
    assert found.spent_tokens == 100 * ended.count("answered") <= 4000


async def test_without_faults_the_ledger_equals_what_the_provider_counted(tmp_path: Path) -> None:
    counted: list[Usage] = []

    def said(exchange: Exchange) -> Reply:
        # Its own way of counting: by characters, where ours goes by bytes.
        used = Usage(prompt=len(exchange.last.text) // 4 + 7, completion=3 + len(counted))
        counted.append(used)
        return Reply(text="Something was said.", usage=used)

    with ScriptedProvider(Script(When(lambda _: True, said))) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            await asyncio.gather(*(ask(opened, "word " * (n + 1)) for n in range(20)))
            found, rows = await books(opened), await opened.calls()
            unsettled = await opened.ledger.budgets.unsettled()
    assert len(rows) == len(counted) == 20
    assert found.spent_tokens == sum(one.prompt + one.completion for one in counted)
    assert found.spent == pytest.approx(sum(price(one.prompt, one.completion) for one in counted))
    assert (found.reserved_tokens, found.overshot_tokens, unsettled) == (0, 0, [])


async def test_what_the_provider_bills_beyond_the_worst_case_is_booked_and_shown(
    tmp_path: Path,
) -> None:
    with ScriptedProvider(always(50, LONGEST + 100)) as provider:
        async with room(tmp_path, [on(provider, "vendor")], ceiling=None) as opened:
            # One call fits, and what it took beyond its worst case leaves no room for another.
            await opened.ledger.budgets.open(RUN, 10.0, 800)
            ended = [await ask(opened) for _ in range(2)]
            found = await books(opened)
        assert len(provider.calls) == 1
    assert ended == ["answered", "request tokens"]
    assert found.spent_tokens == 50 + LONGEST + 100
    assert found.overshot_tokens > 0
    assert found.spent_tokens - found.overshot_tokens <= 800


@pytest.mark.parametrize(
    "fault",
    [MissingUsage(), AbsurdUsage(), AbsurdUsage(tokens=-5), AbsurdUsage(tokens=1)],
)
async def test_of_a_count_that_cannot_be_the_worst_case_is_booked(
    tmp_path: Path, fault: Fault
) -> None:
    words = "Some words that a model reads. " * 100
    prompt = estimate_prompt([{"role": "user", "content": words}], None)
    with ScriptedProvider(Script("Hello there. " * 40), faults={0: fault}) as provider:
        async with room(tmp_path, [on(provider, "vendor")], ceiling=None) as opened:
            await opened.ledger.budgets.open(RUN, 0.05, prompt + LONGEST)
            assert await ask(opened, words) == "answered"
            found = await books(opened)
    assert found.spent == pytest.approx(price(prompt, LONGEST))
    assert found.spent_tokens == prompt + LONGEST
    assert (found.overshot, found.overshot_tokens) == (0.0, 0)


async def test_a_schema_is_set_aside_so_that_its_count_is_believed(tmp_path: Path) -> None:
    rows = {f"row_{one}": {"type": "string", "description": "what it holds"} for one in range(60)}
    schema = {"name": "s", "schema": {"type": "object", "properties": rows}}
    counted = estimate(schema) - 10
    said = Script(Reply(text="{}", usage=Usage(prompt=counted, completion=5)))
    with ScriptedProvider(said) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            await chat.ainvoke("hi", response_format={"type": "json_schema", "json_schema": schema})
            found = await books(opened)
    assert (found.spent_tokens, found.overshot_tokens) == (counted + 5, 0)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1000}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": 32_000}, "max_completion_tokens"),
        ({"n": 3}, "n"),
        ({"mock_response": "invented"}, "mock_response"),
        ({"extra_body": {"max_tokens": 99_999}}, "extra_body.max_tokens"),
    ],
)
async def test_no_call_asks_for_more_than_is_set_aside(
    tmp_path: Path, asked: dict[str, Json], field: str
) -> None:
    with ScriptedProvider(always(50, 50)) as provider:
        async with room(tmp_path, [on(provider, "vendor")], ceiling=0.0001) as opened:
            with pytest.raises(RequestError) as caught:
                await opened.models.chat("work", CONTEXT).ainvoke("hi", **asked)
            found = await books(opened)
        assert provider.calls == []
    assert caught.value.field == field
    assert (found.reserved, found.spent) == (0.0, 0.0)


@pytest.mark.parametrize("fault", [Reset(at=0.5), Stall(at=0.5)])
async def test_an_answer_that_never_ended_is_booked_at_its_worst_in_both_units(
    tmp_path: Path, fault: Fault
) -> None:
    with ScriptedProvider(Script("Hello there."), faults={0: fault, 1: fault}) as provider:
        async with room(tmp_path, [on(provider, "vendor", timeout=1)]) as opened:
            with pytest.raises(SwitchyardError):
                async for _ in opened.models.chat("work", CONTEXT).astream("hi"):
                    pass
            found, rows = await books(opened), await opened.calls()
    for row in rows:
        prompt = estimate_prompt([{"role": "user", "content": "hi"}], None)
        assert row.prompt_tokens + row.completion_tokens == prompt + LONGEST
        assert row.cost == pytest.approx(prompt * 0.000_01 + LONGEST * 0.000_02)
    assert found.spent_tokens == sum(row.prompt_tokens + row.completion_tokens for row in rows)
    assert found.spent == pytest.approx(sum(row.cost for row in rows))


async def test_a_call_that_is_too_large_by_itself_is_never_sent(tmp_path: Path) -> None:
    with ScriptedProvider(always(50, 50)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            opened.ledger.budgets.standing = Standing(call=Ceiling(tokens=LONGEST + 200))
            ended = [await ask(opened), await ask(opened, "word " * 200)]
        assert ended == ["answered", "call tokens"]
        assert len(provider.calls) == 1


async def test_a_tenant_s_day_pays_for_its_calls_in_every_run(tmp_path: Path) -> None:
    with ScriptedProvider(always(80, 420)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            opened.ledger.budgets.standing = Standing(tenants={"acme": Ceiling(tokens=1200)})
            ended = [await ask(opened) for _ in range(3)]
            (day,) = await opened.ledger.budgets.today("acme")
        assert len(provider.calls) == 2
    assert ended == ["answered", "answered", "tenant tokens"]
    assert (day.reserved_tokens, day.spent_tokens) == (0, 1000)
    assert day.spent == pytest.approx(2 * price(80, 420))


def price(prompt: int, completion: int) -> float:
    return prompt * 0.000_01 + completion * 0.000_02


async def test_what_a_crash_leaves_behind_is_the_call_that_has_no_row(tmp_path: Path) -> None:
    with ScriptedProvider(always(50, 50), latency=Latency(median=30.0)) as provider:
        async with room(tmp_path, [on(provider, "vendor", timeout=60)]) as opened:
            opened.ledger.budgets.process = "p1"
            task = asyncio.create_task(ask(opened))
            await provider.arrived(1)
            # Another process finds it dead while it is not.
            lost = await opened.ledger.budgets.forfeit_of({"p1"})
            (left,) = await opened.ledger.budgets.unsettled()
            before = await books(opened)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            after, (row,) = await books(opened), await opened.calls()
            unsettled = await opened.ledger.budgets.unsettled()
    assert (left.id, left.run, left.amount) == (row.id, RUN, lost)
    assert Amount(dollars=before.spent, tokens=before.spent_tokens) == lost
    assert (after.reserved_tokens, after.spent_tokens) == (0, lost.tokens), "booked once"
    assert after.spent == pytest.approx(lost.dollars)
    assert unsettled == []


async def test_a_call_is_booked_in_two_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reservation, and its record with the settlement. Labels are read beside them."""
    booked = 0
    run = Embedded.run

    async def counting(self: Embedded, work: Work[object], *, atomic: bool) -> object:
        nonlocal booked
        booked += atomic
        return await run(self, work, atomic=atomic)

    with ScriptedProvider(always(50, 50)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            opened.ledger.budgets.standing = Standing(tenant=Ceiling(dollars=9.0, tokens=99_999))
            await ask(opened)
            monkeypatch.setattr(Embedded, "run", counting)
            await ask(opened)
    assert booked == 2
