"""One retry authority: which calls are made, and how many, when deployments fail."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runtime.errors import ModelFault, ModelUnavailable
from tests.models.door import CONTEXT, on, room
from tests.provider.exchange import Reply
from tests.provider.faults import (
    BrokenJson,
    ErrorFrame,
    Fault,
    Hang,
    Html,
    HttpError,
    Reset,
    Stall,
    context_length_exceeded,
    model_not_found,
    rate_limited,
    server_error,
    unauthorized,
)
from tests.provider.latency import Latency
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

GOOD = "All is well, and nothing is missing here."


def _named(fault: Fault) -> str:
    return f"{type(fault).__name__}{getattr(fault, 'status', '')}"


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (server_error(), "server_error"),
        (rate_limited(retry_after=600), "rate_limited"),
        (unauthorized(), "unauthorised"),
        (model_not_found(), "not_found"),
        (Reset(), "broken_answer"),
        (BrokenJson(), "broken_answer"),
        (Html(), "broken_answer"),
        (Html(status=502), "server_error"),
        (HttpError(status=402), "payment_required"),
        (HttpError(status=403), "unauthorised"),
        (HttpError(status=529), "server_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else _named(value),
)
async def test_a_failing_deployment_is_passed_over_at_once(
    tmp_path: Path, wire: str, fault: Fault, name: str
) -> None:
    with (
        ScriptedProvider(Script(fault)) as broken,
        ScriptedProvider(Script(GOOD)) as sound,
    ):
        entries = [on(broken, "first", wire), on(sound, "second", wire, order=2)]
        async with room(tmp_path, entries) as opened:
            began = time.monotonic()
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
            took = time.monotonic() - began
            outcomes = await opened.outcomes()
        assert (len(broken.calls), len(sound.calls)) == (1, 1)
    assert answer.content == GOOD
    assert answer.response_metadata["deployment"] == "second"
    assert outcomes == [("first", name), ("second", "ok")]
    assert took < 5


async def test_the_order_in_the_file_decides_who_is_asked_first(tmp_path: Path) -> None:
    with ScriptedProvider(Script(GOOD)) as one, ScriptedProvider(Script(GOOD)) as two:
        entries = [on(one, "later", order=2), on(two, "sooner", order=1)]
        async with room(tmp_path, entries) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
        assert (len(one.calls), len(two.calls)) == (0, 1)
    assert answer.response_metadata["deployment"] == "sooner"


async def test_a_deployment_that_failed_is_tried_again_by_the_next_call(tmp_path: Path) -> None:
    with ScriptedProvider(Script(server_error(), GOOD)) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            with pytest.raises(ModelUnavailable) as caught:
                await chat.ainvoke("hi")
            answer = await chat.ainvoke("hi")
        assert len(provider.calls) == 2
    assert caught.value.tried == (("only", "server_error"),)
    assert answer.content == GOOD


async def test_a_lone_deployment_is_waited_for_when_it_says_how_long(tmp_path: Path) -> None:
    with ScriptedProvider(Script(rate_limited(retry_after=1), GOOD)) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
            outcomes = await opened.outcomes()
        first, second = provider.calls
    assert second.at - first.at >= 1
    assert answer.content == GOOD
    assert outcomes == [("only", "rate_limited"), ("only", "ok")]


async def test_a_lone_deployment_is_not_waited_for_too_long(tmp_path: Path) -> None:
    with ScriptedProvider(Script(rate_limited(retry_after=600))) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            with pytest.raises(ModelUnavailable):
                await opened.models.chat("work", CONTEXT).ainvoke("hi")
        assert len(provider.calls) == 1


async def test_a_silent_deployment_is_given_up_at_its_deadline(tmp_path: Path) -> None:
    with ScriptedProvider(Script(Hang())) as broken, ScriptedProvider(Script(GOOD)) as sound:
        entries = [on(broken, "first", timeout=0.5), on(sound, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
            first, second = await opened.calls()
    assert answer.content == GOOD
    assert (first.outcome, second.outcome) == ("timeout", "ok")
    assert first.cost > 0, "it may have been answering, so the worst case is booked"


async def test_a_request_that_is_too_long_is_not_shopped_around(tmp_path: Path) -> None:
    with (
        ScriptedProvider(Script(context_length_exceeded())) as one,
        ScriptedProvider(Script(GOOD)) as two,
    ):
        entries = [on(one, "first"), on(two, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            with pytest.raises(ModelFault) as caught:
                await opened.models.chat("work", CONTEXT).ainvoke("hi")
        assert (len(one.calls), len(two.calls)) == (1, 0)
    assert caught.value.fault == "context_overflow"


async def test_nobody_listening_on_the_address_costs_nothing(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as gone:
        entries = [on(gone, "gone")]
    with ScriptedProvider(Script(GOOD)) as sound:
        async with room(tmp_path, [*entries, on(sound, "second", order=2)]) as opened:
            await opened.models.chat("work", CONTEXT).ainvoke("hi")
            first, _ = await opened.calls()
    assert (first.outcome, first.cost) == ("unreachable", 0.0)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "fault",
    [Reset(at=0.6), ErrorFrame(at=0.6), Stall(at=0.6)],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_stream_that_breaks_after_it_was_heard_raises(
    tmp_path: Path, wire: str, fault: Fault
) -> None:
    with (
        ScriptedProvider(
            Script(Reply(text=GOOD)), faults={0: fault}, latency=Latency(between_events=0.02)
        ) as broken,
        ScriptedProvider(Script(GOOD)) as sound,
    ):
        entries = [on(broken, "first", wire, timeout=1.0), on(sound, "second", wire, order=2)]
        async with room(tmp_path, entries) as opened:
            heard: list[str] = []

            async def listen() -> None:
                async for chunk in opened.models.chat("work", CONTEXT).astream("hi"):
                    heard.append(str(chunk.content))

            with pytest.raises(ModelFault) as caught:
                await listen()
            (row,) = await opened.calls()
        assert len(sound.calls) == 0
    assert heard
    assert caught.value.fault == row.outcome == "broken_stream"
    assert row.cost > 0


async def test_a_stream_that_fails_before_a_word_goes_to_the_next(tmp_path: Path) -> None:
    with (
        ScriptedProvider(Script(server_error())) as broken,
        ScriptedProvider(Script(GOOD)) as sound,
    ):
        entries = [on(broken, "first"), on(sound, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            chat = opened.models.chat("work", CONTEXT)
            heard = "".join([str(chunk.content) async for chunk in chat.astream("hi")])
        assert (len(broken.calls), len(sound.calls)) == (1, 1)
    assert heard == GOOD
