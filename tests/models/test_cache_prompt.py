"""A worker's turns begin with the same bytes, the vendor is told so, and what it takes from its
cache is booked at the price of that."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import StructuredTool

from agents.bounds import Hands
from agents.loop import DELIVER, Listing, loop_of
from harness.limits import Limits
from models.caching import marked, wants_markers
from models.config import load_models
from runtime.canonical import Json
from runtime.settings import ROOT
from tests.models.door import CONTEXT, WEATHER, Room, configured, on, room
from tests.provider.exchange import Reply, ToolCall, Usage
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

MARK = {"type": "ephemeral"}
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
PRICES = """\
      cache_read_input_token_cost: 0.000001
      cache_creation_input_token_cost: 0.0000125
"""


def priced(entry: str) -> str:
    """With prices for cached tokens: a tenth of the plain one, and a quarter more."""
    return entry.replace("      order: ", PRICES + "      order: ")


async def _page(page: int) -> str:
    return f"what page {page} says"


def _tool(name: str) -> StructuredTool:
    schema = {"type": "object", "properties": {"page": {"type": "integer"}}, "required": ["page"]}
    return StructuredTool(name=name, description=f"A {name}.", args_schema=schema, coroutine=_page)


async def _work(opened: Room, brief: str = "Find it.") -> None:
    tools = [_tool("book"), _tool("letter")]
    listings = tuple(Listing.of(tool) for tool in tools)
    agent = loop_of("reader", "Read with care.", json.dumps(SCHEMA), listings, LIMITS, True)
    hands = Hands(
        model=opened.models.chat("work", CONTEXT), tools={tool.name: tool for tool in tools}
    )
    await agent.ainvoke({"messages": [HumanMessage(brief)]}, context=hands)


def _say(name: str, usage: Usage, **arguments: object) -> Reply:
    return Reply(tool_calls=(ToolCall(name=name, arguments=dict(arguments)),), usage=usage)  # type: ignore[arg-type]


FIRST = Usage(prompt=1000, completion=10)
SECOND = Usage(prompt=1200, completion=10, cached=1000)
THIRD = Usage(prompt=1400, completion=10, cached=1200)


def three_turns() -> Script:
    return Script(
        _say("book", FIRST, page=1),
        _say("letter", SECOND, page=2),
        _say(DELIVER, THIRD, found="it"),
    )


async def bodies(folder: Path, wire: str, *, prices: bool = True) -> list[dict[str, Json]]:
    """The requests of a worker's three turns."""
    with ScriptedProvider(three_turns()) as provider:
        entry = on(provider, "only", wire)
        async with room(folder, [priced(entry) if prices else entry]) as opened:
            await _work(opened)
        return [dict(call.body) for call in provider.calls]


def marks(value: Json) -> int:
    """How many markers stand in a request."""
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(marks(one) for one in value.values())
    return sum(marks(one) for one in value) if isinstance(value, list) else 0


def unmarked(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: unmarked(one) for key, one in value.items() if key != "cache_control"}
    return [unmarked(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_each_turn_of_a_worker_begins_with_the_bytes_of_the_one_before(
    tmp_path: Path, wire: str
) -> None:
    turns = [unmarked(body) for body in await bodies(tmp_path, wire)]
    assert len(turns) == 3
    for before, after in pairwise(turns):
        # In the order in which vendors read them: tools, instructions, messages.
        for part in ("tools", "system"):
            assert json.dumps(before.get(part)) == json.dumps(after.get(part))
        told, more = before["messages"], after["messages"]
        assert json.dumps(more[: len(told)]) == json.dumps(told)
        assert len(more) > len(told)


async def test_two_workers_of_a_specialist_share_tools_and_instructions(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with ScriptedProvider(
        Script(_say(DELIVER, FIRST, found="x"), _say(DELIVER, FIRST, found="y"))
    ) as provider:
        async with room(tmp_path, [priced(on(provider, "only", "anthropic"))]) as opened:
            await _work(opened, "Find it.")
            await _work(opened, "Find the other.")
        one, two = (call.body for call in provider.calls)
    assert json.dumps([one["tools"], one["system"]]) == json.dumps([two["tools"], two["system"]])
    assert one["messages"] != two["messages"]


async def test_the_vendor_is_told_where_the_shared_prefix_ends(tmp_path: Path) -> None:
    first, second, third = await bodies(tmp_path, "anthropic")
    for body in (first, second, third):
        assert [tool.get("cache_control") for tool in body["tools"]][-1] == MARK
        assert marks(body["tools"]) == 1
        assert marks(body["system"]) == 1
        assert marks(body) <= 4, "the vendor takes no more"
    # Behind the last message of this turn, and behind what was last in the turn before.
    assert [marks(message) for message in first["messages"]] == [1]
    assert [marks(message) for message in second["messages"]] == [1, 0, 1]
    assert [marks(message) for message in third["messages"]] == [0, 0, 1, 0, 1]


async def test_what_the_vendor_took_from_its_cache_is_booked_at_that_price(tmp_path: Path) -> None:
    with ScriptedProvider(three_turns()) as provider:
        async with room(tmp_path, [priced(on(provider, "only", "anthropic"))]) as opened:
            await _work(opened)
            rows = await opened.calls()
            _, spent = await opened.spent()
    first, second, third = (row.cost for row in rows)
    assert [row.cache_read for row in rows] == [0, 1000, 1200]
    assert first == pytest.approx(1000 * 0.000_01 + 10 * 0.000_02)
    assert second == pytest.approx(200 * 0.000_01 + 1000 * 0.000_001 + 10 * 0.000_02)
    assert third == pytest.approx(200 * 0.000_01 + 1200 * 0.000_001 + 10 * 0.000_02)
    assert spent == pytest.approx(first + second + third)


async def test_without_a_price_for_writing_nothing_is_marked(tmp_path: Path) -> None:
    assert [marks(body) for body in await bodies(tmp_path, "anthropic", prices=False)] == [0, 0, 0]


async def test_a_vendor_that_finds_out_by_itself_gets_no_markers(tmp_path: Path) -> None:
    assert [marks(body) for body in await bodies(tmp_path, "openai")] == [0, 0, 0]


async def test_a_single_question_is_not_written_to_the_cache(tmp_path: Path) -> None:
    said = Reply(text="So it is.", usage=FIRST)
    with ScriptedProvider(Script(said)) as provider:
        async with room(tmp_path, [priced(on(provider, "only", "anthropic"))]) as opened:
            asked = [SystemMessage("Judge."), HumanMessage("This?")]
            await opened.models.chat("work", CONTEXT).ainvoke(asked)
        (call,) = provider.calls
    assert marks(call.body["system"]) == 1
    assert marks(call.body["messages"]) == 0


def test_what_is_marked_is_a_copy() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    blocks = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
    before = json.dumps([messages, blocks, WEATHER])
    assert marks(marked(messages, [WEATHER])) == 3
    assert marks(marked(blocks, [WEATHER])) == 2
    assert json.dumps([messages, blocks, WEATHER]) == before


def test_an_empty_message_carries_no_marker() -> None:
    assert marks(marked([{"role": "user", "content": ""}], [WEATHER])) == 1


def test_the_shipped_profiles_say_what_a_write_costs() -> None:
    config = load_models(ROOT / "config" / "models.yaml", {}, keys=False)
    for profile in ("anthropic", "bedrock"):
        for one in config.profiles[profile]:
            if "claude" in one.model:
                assert wants_markers(one), one.id
                assert one.cache_creation_input_token_cost is not None
                assert one.cache_creation_input_token_cost > one.input_cost_per_token


def test_markers_are_for_claude_alone(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        (openai, *_) = configured(tmp_path, [priced(on(provider, "x"))]).tier("work")
    assert not wants_markers(openai)
    assert wants_markers(
        openai.model_copy(update={"params": {"model": "bedrock/us.anthropic.claude-haiku"}})
    )
    assert not wants_markers(openai.model_copy(update={"params": {"model": "bedrock/amazon.nova"}}))
