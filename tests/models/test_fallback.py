"""One retry authority: which calls are made, and how many, when deployments fail."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from ledger.spend import ModelCall
from runtime.errors import ModelFault, ModelUnavailable
from runtime.labels import Label
from tests.models.door import CONTEXT, entry, on, room
from tests.models.listener import Listener
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
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

GOOD = "All is well, and nothing is missing here."
QUICK = "{pause_seconds: 0}"


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
        (HttpError(status=403), "forbidden"),
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
            await opened.models.warm()
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
    with ScriptedProvider(Script(server_error(), server_error(), GOOD)) as provider:
        async with room(tmp_path, [on(provider, "only")], patience=QUICK) as opened:
            chat = opened.models.chat("work", CONTEXT)
            with pytest.raises(ModelUnavailable) as caught:
                await chat.ainvoke("hi")
            answer = await chat.ainvoke("hi")
        assert len(provider.calls) == 3
    assert caught.value.tried == (("only", "server_error"),) * 2
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


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_a_retry_after_may_be_a_date(tmp_path: Path, wire: str) -> None:
    then = format_datetime(datetime.now(tz=UTC) + timedelta(seconds=600), usegmt=True)
    limited = HttpError(status=429, headers=(("retry-after", then),))
    with ScriptedProvider(Script(limited)) as provider:
        async with room(tmp_path, [on(provider, "only", wire)]) as opened:
            with pytest.raises(ModelUnavailable) as caught:
                await opened.models.chat("work", CONTEXT).ainvoke("hi")
        assert len(provider.calls) == 1
    assert caught.value.retry_after == pytest.approx(600, abs=60)


async def test_a_silent_deployment_is_given_up_at_its_deadline(tmp_path: Path) -> None:
    with ScriptedProvider(Script(Hang())) as broken, ScriptedProvider(Script(GOOD)) as sound:
        entries = [on(broken, "first", timeout=0.5), on(sound, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
            first, second = await opened.calls()
    assert answer.content == GOOD
    assert (first.outcome, second.outcome) == ("timeout", "ok")
    assert first.cost > 0, "it may have been answering, so the worst case is booked"


async def test_a_prompt_that_is_too_long_goes_to_no_window_of_the_same_size(tmp_path: Path) -> None:
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
    assert "has to be compacted" in str(caught.value)


async def test_a_prompt_that_is_too_long_goes_past_smaller_windows_to_a_larger_one(
    tmp_path: Path,
) -> None:
    with (
        ScriptedProvider(Script(context_length_exceeded())) as one,
        ScriptedProvider(Script(GOOD)) as smaller,
        ScriptedProvider(Script(GOOD)) as larger,
    ):
        entries = [
            on(one, "first", window=8192),
            on(smaller, "second", order=2, window=4096),
            on(larger, "third", order=3, window=100_000),
        ]
        async with room(tmp_path, entries) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
        assert (len(one.calls), len(smaller.calls), len(larger.calls)) == (1, 0, 1)
    assert answer.response_metadata["deployment"] == "third"


async def test_a_larger_window_that_is_not_cleared_stays_out_of_reach(tmp_path: Path) -> None:
    with (
        ScriptedProvider(Script(context_length_exceeded())) as own,
        ScriptedProvider(Script(GOOD)) as vendor,
    ):
        entries = [
            on(own, "own", cleared="regulated", window=8192),
            on(vendor, "vendor", order=2, window=1_000_000),
        ]
        async with room(tmp_path, entries, label=Label.regulated) as opened:
            with pytest.raises(ModelFault, match="has to be compacted"):
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
        assert vendor.requests == []


async def test_a_deployment_that_keeps_failing_is_passed_over_until_its_rest_is_over(
    tmp_path: Path,
) -> None:
    with (
        ScriptedProvider(Script(server_error(), server_error(), GOOD)) as sick,
        ScriptedProvider(Script(*[GOOD] * 3)) as sound,
    ):
        entries = [on(sick, "first"), on(sound, "second", order=2)]
        patience = "{failures: 2, rest_seconds: 1.5}"
        async with room(tmp_path, entries, patience=patience) as opened:
            chat = opened.models.chat("work", CONTEXT)
            for _ in range(3):
                await chat.ainvoke("hi")
            assert (len(sick.calls), len(sound.calls)) == (2, 3), "the third call passed it over"
            await asyncio.sleep(1.5)
            answer = await chat.ainvoke("hi")
        assert (len(sick.calls), len(sound.calls)) == (3, 3)
    assert answer.response_metadata["deployment"] == "first"


async def test_a_lone_deployment_is_never_refused_for_its_past(tmp_path: Path) -> None:
    with ScriptedProvider(Script(*[server_error()] * 3, GOOD)) as provider:
        patience = "{failures: 2, rest_seconds: 600, pause_seconds: 0}"
        async with room(tmp_path, [on(provider, "only")], patience=patience) as opened:
            chat = opened.models.chat("work", CONTEXT)
            for calls in (2, 3):
                with pytest.raises(ModelUnavailable):
                    await chat.ainvoke("hi")
                assert len(provider.calls) == calls, "in its rest it is tried, but once only"
            answer = await chat.ainvoke("hi")
    assert answer.content == GOOD


async def test_what_was_asked_to_be_left_alone_for_long_is_left_alone_by_later_calls(
    tmp_path: Path,
) -> None:
    with (
        ScriptedProvider(Script(rate_limited(retry_after=600))) as limited,
        ScriptedProvider(Script(GOOD, GOOD)) as sound,
    ):
        entries = [on(limited, "first"), on(sound, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            chat = opened.models.chat("work", CONTEXT)
            await chat.ainvoke("hi")
            await chat.ainvoke("hi")
        assert (len(limited.calls), len(sound.calls)) == (1, 2)


async def test_what_one_caller_is_not_allowed_closes_a_deployment_to_nobody(tmp_path: Path) -> None:
    faults = [
        HttpError(status=403, message="your account has no such file"),
        HttpError(status=404, message="no such file"),
    ]
    with (
        ScriptedProvider(Script(*faults, GOOD)) as first,
        ScriptedProvider(Script(GOOD, GOOD)) as second,
    ):
        entries = [on(first, "first"), on(second, "second", order=2)]
        async with room(tmp_path, entries, patience="{failures: 1}") as opened:
            chat = opened.models.chat("work", CONTEXT)
            for _ in faults:
                await chat.ainvoke("hi")
            answer = await chat.ainvoke("hi")
    assert answer.response_metadata["deployment"] == "first"


async def test_a_lone_embedder_takes_its_turn_in_the_same_way(tmp_path: Path) -> None:
    failing = {0: server_error()}
    with ScriptedProvider(embedding_faults=failing) as one, ScriptedProvider() as two:
        entries = [
            entry("offline-work", model="offline/extract", price=0.0, cleared="regulated"),
            entry("one", tier="embed", model="openai/e", base=one.openai_base, order=0),
            entry("two", tier="embed", model="openai/e", base=two.openai_base, order=0),
        ]
        async with room(tmp_path, entries) as opened:
            vectors = await opened.models.embed(["a text"], CONTEXT)
            outcomes = await opened.outcomes()
        assert (len(one.requests), len(two.requests)) == (1, 1)
    assert len(vectors) == 1
    assert outcomes == [("one", "server_error"), ("two", "ok")]


@pytest.mark.parametrize("status", [408, 500, 502, 504, 524])
async def test_an_error_that_may_come_after_the_work_is_booked_at_its_worst(
    tmp_path: Path, status: int
) -> None:
    row = await _failed(tmp_path, HttpError(status=status))
    assert row.completion_tokens == 500
    assert row.cost > 500 * 0.000_02


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 503, 529])
async def test_an_error_by_which_nothing_was_begun_costs_nothing(
    tmp_path: Path, status: int
) -> None:
    row = await _failed(tmp_path, HttpError(status=status))
    assert (row.prompt_tokens, row.completion_tokens, row.cost) == (0, 0, 0.0)


async def _failed(folder: Path, fault: Fault) -> ModelCall:
    """How a call is booked that ends in this fault."""
    with ScriptedProvider(Script(fault, fault)) as provider:
        async with room(folder, [on(provider, "only")], patience=QUICK) as opened:
            with pytest.raises((ModelUnavailable, ModelFault)):
                await opened.models.chat("work", CONTEXT).ainvoke("hi")
            return (await opened.calls())[0]


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


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_no_text_with_a_hole_in_it_is_handed_on(tmp_path: Path, wire: str) -> None:
    long = Script(When(lambda _: True, Reply(text=" ".join(f"word{i}" for i in range(60)))))
    with (
        ScriptedProvider(faults={0: BrokenJson()}, carrier=long) as broken,
        ScriptedProvider(Script(GOOD)) as sound,
    ):
        entries = [on(broken, "first", wire), on(sound, "second", wire, order=2)]
        async with room(tmp_path, entries) as opened:
            chat = opened.models.chat("work", CONTEXT)
            answer = await chat.ainvoke("hi", {"callbacks": [Listener()]})
            outcomes = await opened.outcomes()
    assert answer.content == GOOD
    assert outcomes == [("first", "broken_stream"), ("second", "ok")]
