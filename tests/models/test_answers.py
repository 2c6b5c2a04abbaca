"""Half an answer is never used: each fault is named, asked about once, and then raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ModelFault
from tests.models.door import CONTEXT, WEATHER, on, room
from tests.models.listener import Listener
from tests.provider.exchange import Reply, ToolCall
from tests.provider.faults import (
    AbsurdUsage,
    DuplicateToolIds,
    EmptyChoices,
    EmptyContent,
    ErrorFrame,
    Fault,
    MissingUsage,
    NoFinish,
    TruncatedToolJson,
    UnknownTool,
)
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

CALL = Reply(tool_calls=(ToolCall(name="weather", arguments={"city": "Oslo"}),))
LENGTH = Reply(tool_calls=CALL.tool_calls, finish="length")
FAULTS = [
    (NoFinish(), {"no_finish"}),
    (EmptyContent(), {"empty"}),
    (EmptyChoices(), {"no_choices", "empty", "no_finish"}),
    (TruncatedToolJson(), {"cut_off_arguments"}),
    (DuplicateToolIds(), {"duplicate_ids"}),
    (UnknownTool(), {"unknown_tool"}),
    (LENGTH, {"cut_off"}),
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("fault", "names"), FAULTS, ids=[str(sorted(names)[0]) for _, names in FAULTS]
)
async def test_an_unusable_answer_is_asked_for_once_more_and_then_raised(
    tmp_path: Path, wire: str, streamed: bool, fault: Fault | Reply, names: set[str]
) -> None:
    script = Script(CALL, CALL) if not isinstance(fault, Reply) else Script(fault, fault)
    faults = {} if isinstance(fault, Reply) else {0: fault, 1: fault}
    with ScriptedProvider(script, faults=faults) as provider:
        async with room(tmp_path, [on(provider, "only", wire)]) as opened:
            chat = opened.models.chat("work", CONTEXT).bind_tools([WEATHER])

            async def ask() -> None:
                if streamed:
                    async for chunk in chat.astream("How is Oslo?"):
                        assert not getattr(chunk, "tool_call_chunks", [])
                else:
                    await chat.ainvoke("How is Oslo?")

            with pytest.raises(ModelFault) as caught:
                await ask()
            outcomes = {outcome for _, outcome in await opened.outcomes()}
            reserved, spent = await opened.spent()
        assert len(provider.calls) == 2
        assert "could not be used" in provider.calls[1].raw.decode()
    assert caught.value.fault in names
    assert outcomes <= names
    assert reserved == pytest.approx(0)
    assert spent > 0


async def test_the_second_answer_is_used_when_it_is_whole(tmp_path: Path) -> None:
    with ScriptedProvider(Script(CALL), faults={0: TruncatedToolJson()}) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            answer = await (
                opened.models.chat("work", CONTEXT).bind_tools([WEATHER]).ainvoke("How is Oslo?")
            )
            outcomes = await opened.outcomes()
    assert answer.tool_calls[0]["args"] == {"city": "Oslo"}
    assert outcomes == [("only", "cut_off_arguments"), ("only", "ok")]


@pytest.mark.parametrize("fault", [MissingUsage(), AbsurdUsage(), AbsurdUsage(tokens=-5)])
async def test_a_count_that_cannot_be_is_estimated_upward(tmp_path: Path, fault: Fault) -> None:
    with ScriptedProvider(Script("Hello there."), faults={0: fault}) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
            (row,) = await opened.calls()
    assert answer.response_metadata["usage_estimated"]
    assert 3 <= row.prompt_tokens <= 1000
    assert 3 <= row.completion_tokens <= 500
    assert 0 < row.cost < 1


async def test_a_heard_invoke_replaces_a_broken_stream_by_another_message(tmp_path: Path) -> None:
    with (
        ScriptedProvider(Script(), faults={0: ErrorFrame(at=0.5)}) as broken,
        ScriptedProvider(Script("All of the words, from another one.")) as sound,
    ):
        entries = [on(broken, "first"), on(sound, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            listener = Listener()
            chat = opened.models.chat("work", CONTEXT)
            answer = await chat.ainvoke("Tell me.", {"callbacks": [listener]})
    assert answer.content == "All of the words, from another one."
    assert answer.response_metadata["deployment"] == "second"
    half, whole = listener.heard
    assert half != whole == answer.id
    assert listener.heard[half]
    assert listener.heard[whole] == answer.content


async def test_no_call_of_a_broken_stream_is_ever_told(tmp_path: Path) -> None:
    with (
        ScriptedProvider(Script(), faults={0: ErrorFrame(at=0.7)}) as broken,
        ScriptedProvider(Script(CALL)) as sound,
    ):
        entries = [on(broken, "first"), on(sound, "second", order=2)]
        async with room(tmp_path, entries) as opened:
            listener = Listener()
            chat = opened.models.chat("work", CONTEXT).bind_tools([WEATHER])
            answer = await chat.ainvoke("How is Oslo?", {"callbacks": [listener]})
        reply = broken.served[0].reply
    assert reply is not None
    assert reply.tool_calls, "the broken stream was one with a call in it"
    assert [id for id, _ in listener.calls] == [answer.id]
    assert answer.tool_calls[0]["args"] == {"city": "Oslo"}
