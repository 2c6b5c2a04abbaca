"""A model that says the same again and again is heard, and one that merely has patterns is not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.loops import Ear, repeated
from runtime.errors import ModelFault
from tests.models.door import CONTEXT, on, room
from tests.models.listener import Listener
from tests.provider.exchange import Reply
from tests.provider.faults import RepeatedChunks
from tests.provider.latency import Latency
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

SENTENCE = "I will now look into it once more, and then I will tell you what I have found. "


@pytest.mark.parametrize(
    ("unit", "times"), [("no ", 800), (SENTENCE, 30), (" ", 2500), ("xy" * 40 + SENTENCE, 20)]
)
def test_the_end_of_a_text_that_repeats_itself_is_found(unit: str, times: int) -> None:
    found = repeated("This is a beginning of its own. " + unit * times)
    assert found is not None
    assert found in unit * 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-" * 1900,
        "".join(f"| {i} | 0 | 0 |\n" for i in range(500)),
        SENTENCE * 7,
        SENTENCE * 60 + "And that was it.",
        " ".join(str(random.Random(i).random()) for i in range(900)),
    ],
)
def test_what_is_merely_regular_is_left_alone(text: str) -> None:
    assert repeated(text) is None


@settings(max_examples=50, deadline=None)
@given(unit=st.text(min_size=1, max_size=300), cut=st.integers(min_value=0, max_value=299))
def test_every_loop_is_heard_before_it_is_twice_as_long_as_it_has_to_be(
    unit: str, cut: int
) -> None:
    text = unit * (6_000 // len(unit) + 1) + unit[: cut % len(unit)]
    ear = Ear()
    pieces = [text[i : i + 37] for i in range(0, len(text), 37)]
    assert any(ear.hears(piece) is not None for piece in pieces)


async def test_a_stream_that_repeats_itself_is_left_before_its_end(tmp_path: Path) -> None:
    loop = RepeatedChunks(count=800, text="over and over ")
    with ScriptedProvider(
        Script(Reply(text="Now I have it.")),
        faults={0: loop},
        latency=Latency(between_events=0.002),
    ) as provider:
        async with room(tmp_path, [on(provider, "only", max_tokens=2000)]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            answer = await chat.ainvoke("hi", {"callbacks": [Listener()]})
            first, _ = await opened.calls()
        await provider.ended(2)
        assert provider.served[0].ending == "client left"
        assert "the same again and again" in provider.calls[1].raw.decode()
    assert answer.content == "Now I have it."
    assert (first.outcome, first.completion_tokens) == ("repeating", 2000), "the worst is booked"


async def test_a_loop_that_was_heard_for_good_is_an_error(tmp_path: Path) -> None:
    loop = RepeatedChunks(count=400, text="over and over ")
    with ScriptedProvider(faults={0: loop}) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            with pytest.raises(ModelFault) as caught:
                async for _ in chat.astream("hi"):
                    pass
        assert len(provider.calls) == 1
    assert caught.value.fault == "repeating"
