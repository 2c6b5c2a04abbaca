"""The boundary and the ceiling: what may not be sent is not sent, whoever asks in parallel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runtime.errors import BoundaryBreach, BudgetExceeded
from runtime.labels import Label
from tests.models.door import CONTEXT, on, room
from tests.provider.exchange import Reply, Usage
from tests.provider.faults import server_error
from tests.provider.latency import Latency
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

SAID = Reply(text="Something was said.", usage=Usage(prompt=50, completion=50))


async def test_regulated_data_reaches_no_deployment_that_is_not_cleared(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        entries = [on(provider, "vendor"), on(provider, "other", cleared="public")]
        async with room(tmp_path, entries, label=Label.regulated) as opened:
            with pytest.raises(BoundaryBreach) as caught:
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
            assert await opened.calls() == []
        assert provider.requests == []
    assert caught.value.label == "regulated"
    assert "vendor" in str(caught.value)
    assert "other" in str(caught.value)


async def test_a_fallback_does_not_cross_the_boundary(tmp_path: Path) -> None:
    with (
        ScriptedProvider(Script(server_error())) as own,
        ScriptedProvider(Script(SAID)) as vendor,
        ScriptedProvider(Script(SAID)) as third,
    ):
        entries = [
            on(own, "own", cleared="regulated"),
            on(vendor, "vendor", order=2),
            on(third, "third", order=3, cleared="regulated"),
        ]
        async with room(tmp_path, entries, label=Label.regulated) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("secret")
        assert vendor.requests == []
    assert answer.response_metadata["deployment"] == "third"


async def test_a_label_that_rises_between_two_calls_counts_for_the_second(tmp_path: Path) -> None:
    with ScriptedProvider(Script(SAID)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            await chat.ainvoke("harmless")
            await opened.ledger.runs.raise_label("r1", Label.regulated)
            with pytest.raises(BoundaryBreach):
                await chat.ainvoke("secret")
        assert len(provider.requests) == 1


async def test_a_run_that_nobody_recorded_is_taken_for_regulated(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            stranger = CONTEXT.__class__(run="nobody-knows")
            with pytest.raises(BoundaryBreach):
                await opened.models.chat("work", stranger).ainvoke("hi")
        assert provider.requests == []


async def test_the_last_look_is_asked_for_every_call_and_its_refusal_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedProvider(Script()) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            # As if the choice before it had let an uncleared call through.
            monkeypatch.setattr("models.boundary.clear", _careless)
            await opened.ledger.runs.raise_label("r1", Label.regulated)
            with pytest.raises(BoundaryBreach):
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
            (row,) = await opened.calls()
        assert provider.requests == []
    assert (row.outcome, row.cost) == ("BoundaryBreach", 0.0)


def _careless(tier, deployments, label, avoid, known):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    from models.boundary import Cleared  # noqa: PLC0415 - the real one is replaced above

    return Cleared(deployments=tuple(deployments), avoided=True)


async def test_the_judge_is_another_deployment_when_there_is_one(tmp_path: Path) -> None:
    with ScriptedProvider(Script(SAID)) as one, ScriptedProvider(Script(SAID)) as two:
        entries = [on(one, "writer"), on(two, "reader", order=2)]
        async with room(tmp_path, entries) as opened:
            chat = opened.models.chat("work", CONTEXT, avoid=frozenset({"writer"}))
            answer = await chat.ainvoke("judge this")
    assert answer.response_metadata["deployment"] == "reader"
    assert "self_judged" not in answer.response_metadata


async def test_the_same_model_behind_another_id_is_the_same(tmp_path: Path) -> None:
    async with room(tmp_path, []) as opened:
        chat = opened.models.chat("judge", CONTEXT, avoid=frozenset({"offline-work"}))
        answer = await chat.ainvoke("judge this")
    assert answer.response_metadata["self_judged"] is True


async def test_parallel_calls_never_pass_the_ceiling(tmp_path: Path) -> None:
    slow = Latency(median=0.2)
    with ScriptedProvider(Script(When(lambda _: True, SAID)), latency=slow) as provider:
        # A call reserves about 0.011 dollars in the worst case and costs 0.0015.
        async with room(tmp_path, [on(provider, "vendor")], ceiling=0.055) as opened:
            chat = opened.models.chat("work", CONTEXT)

            async def one() -> bool:
                try:
                    await chat.ainvoke("hi")
                except BudgetExceeded:
                    return False
                return True

            answered = await asyncio.gather(*(one() for _ in range(20)))
            reserved, spent = await opened.spent()
        assert provider.peak <= 5, "more worst cases at once than fit under the ceiling"
        assert 5 <= len(provider.calls) == sum(answered) < 20
    assert reserved == pytest.approx(0)
    assert spent == pytest.approx(sum(answered) * (50 * 0.000_01 + 50 * 0.000_02))
    assert spent <= 0.055


async def test_without_a_budget_nothing_is_called(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        async with room(tmp_path, [on(provider, "vendor")], ceiling=None) as opened:
            with pytest.raises(BudgetExceeded):
                await opened.models.chat("work", CONTEXT).ainvoke("hi")
        assert provider.requests == []


async def test_a_call_that_is_given_up_settles_what_it_reserved(tmp_path: Path) -> None:
    with ScriptedProvider(Script(SAID), latency=Latency(median=30.0)) as provider:
        async with room(tmp_path, [on(provider, "vendor", timeout=60)]) as opened:
            task = asyncio.create_task(opened.models.chat("work", CONTEXT).ainvoke("hi"))
            await provider.arrived(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            reserved, spent = await opened.spent()
            (row,) = await opened.calls()
    assert reserved == pytest.approx(0)
    assert spent == pytest.approx(row.cost)
    assert row.outcome == "cancelled"
    assert row.cost > 0
