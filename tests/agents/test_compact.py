"""A conversation that outgrows its window goes on with less of what is old, or ends clearly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool

from agents.bounds import READ_ON, Hands
from agents.compact import compacted
from agents.loop import DELIVER, Listing, loop_of
from harness.limits import Limits
from runtime.errors import ModelFault
from tests.models.door import CONTEXT, Room, on, room
from tests.provider.exchange import Reply, ToolCall
from tests.provider.faults import context_length_exceeded
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

HANDLE = f"[The whole is the file results/c1.txt. Read on with {READ_ON}, start_line 9.]"
LIMITS = Limits(
    tasks=1,
    width=1,
    attempts=1,
    escalations=0,
    model_calls=9,
    tool_calls=9,
    repeated_calls=2,
    task_seconds=30,
)
SCHEMA = {
    "type": "object",
    "properties": {"found": {"type": "string"}},
    "required": ["found"],
}


async def _page(page: int) -> str:
    return f"page {page} begins\n" + "\n".join(f"line {i} of page {page}" for i in range(450))


LOOK = StructuredTool(
    name="look",
    description="One page of the book.",
    args_schema={
        "type": "object",
        "properties": {"page": {"type": "integer"}},
        "required": ["page"],
    },
    coroutine=_page,
)


def _turn(id: str, text: str) -> list[AnyMessage]:
    call = {"id": id, "name": "look", "args": {}, "type": "tool_call"}
    return [AIMessage("", tool_calls=[call]), ToolMessage(text, tool_call_id=id)]


def test_the_oldest_results_give_way_and_the_newest_stays() -> None:
    talk = [HumanMessage("Find it."), *_turn("c1", "a" * 5000), *_turn("c2", "b" * 5000)]
    made = compacted(talk, READ_ON)
    assert made is not None
    assert [type(one) for one in made] == [type(one) for one in talk]
    assert str(made[2].content).startswith("a" * 300 + "\n[4,700 characters")
    assert len(str(made[2].content)) < 400
    assert made[4].content == "b" * 5000
    assert talk[2].content == "a" * 5000, "the transcript itself is left alone"
    assert compacted(made, READ_ON) is None, "what gave way does not give way again"


def test_the_way_to_the_rest_of_a_filed_result_stays() -> None:
    talk = [*_turn("c1", "a" * 5000 + "\n" + HANDLE), *_turn("c2", "b")]
    made = compacted(talk, READ_ON)
    assert made is not None
    assert str(made[1].content).endswith(HANDLE)


def test_no_more_gives_way_than_has_to() -> None:
    talk = [message for i in range(4) for message in _turn(f"c{i}", str(i) * 4000)]
    made = compacted(talk, READ_ON)
    assert made is not None
    sizes = [len(str(one.content)) for one in made if isinstance(one, ToolMessage)]
    assert [size > 3000 for size in sizes] == [False, False, False, True]


async def _work(opened: Room) -> str:
    agent = loop_of("reader", "Read.", json.dumps(SCHEMA), (Listing.of(LOOK),), LIMITS, True)
    hands = Hands(model=opened.models.chat("work", CONTEXT), tools={"look": LOOK})
    state = await agent.ainvoke({"messages": [HumanMessage("Find it.")]}, context=hands)
    return str(state["structured_response"]["found"])


def _say(name: str, **arguments: object) -> Reply:
    return Reply(tool_calls=(ToolCall(name=name, arguments=dict(arguments)),))  # type: ignore[arg-type]


async def test_a_worker_goes_on_with_less_when_its_window_is_full(tmp_path: Path) -> None:
    script = Script(_say("look", page=1), _say("look", page=2), _say(DELIVER, found="it"))
    with ScriptedProvider(script) as provider:
        async with room(tmp_path, [on(provider, "only", window=3500)]) as opened:
            assert await _work(opened) == "it"
            outcomes = await opened.outcomes()
        sent = provider.calls[2].raw.decode()
        assert len(provider.calls) == 3
    assert "page 1 begins" in sent
    assert "left out to make room" in sent
    assert "line 449 of page 1" not in sent
    assert "line 449 of page 2" in sent
    assert outcomes == [("only", "ok")] * 3, "what cannot fit is never sent to learn that"


async def test_a_provider_that_has_less_room_than_we_think_is_asked_again_with_less(
    tmp_path: Path,
) -> None:
    script = Script(
        _say("look", page=1),
        _say("look", page=2),
        context_length_exceeded(),
        _say(DELIVER, found="it"),
    )
    with ScriptedProvider(script) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            assert await _work(opened) == "it"
        assert len(provider.calls) == 4
        assert "left out to make room" in provider.calls[3].raw.decode()


async def test_what_cannot_be_made_smaller_ends_clearly(tmp_path: Path) -> None:
    with ScriptedProvider(Script(context_length_exceeded())) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            with pytest.raises(ModelFault, match="has to be compacted"):
                await _work(opened)
        assert len(provider.calls) == 1
