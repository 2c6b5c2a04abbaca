"""A whole agent on the offline model: real litellm, a real tool, a schema given as a dict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool

from models.offline.prose import DISCLAIMER
from runtime.canonical import Json
from tests.models.door import CONTEXT, on, room
from tests.provider.brain import SeededBrain
from tests.provider.server import ScriptedProvider

BRIEF = """\
## Objective
Look up customer 42 and the status of her last order.

## Inputs
```json
{}
```

## Boundaries
- Use only the tools that are offered.
"""
SCHEMA = {
    "title": "deliver",
    "type": "object",
    "properties": {
        "customer_name": {"type": "string"},
        "order_status": {"type": "string"},
        "evidence": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["customer_name", "order_status", "evidence"],
}


@tool
async def crm_get_customer(customer_id: int) -> str:
    """One customer by number: name and e-mail address."""
    record = {"id": customer_id, "name": "Ada Lovelace", "email": "ada@example.org"}
    return f"evidence: ev-{customer_id}-a\n{json.dumps(record)}"


@tool
async def crm_list_orders(customer_id: int) -> str:
    """The orders of a customer with status and date."""
    orders = [
        {"id": 1, "status": "delivered", "placed_on": "2026-01-02"},
        {"id": 2, "status": "shipped", "placed_on": "2026-03-02"},
    ]
    return f"evidence: ev-{customer_id}-b\n{json.dumps({'orders': orders})}"


TOOLS = [crm_get_customer, crm_list_orders]


async def test_an_agent_calls_tools_and_delivers_what_they_returned(tmp_path: Path) -> None:
    async with room(tmp_path, []) as opened:
        agent = create_agent(
            opened.models.chat("work", CONTEXT),
            TOOLS,
            system_prompt="Work from the brief.",
            response_format=ToolStrategy(SCHEMA),
        )
        state = await agent.ainvoke({"messages": [{"role": "user", "content": BRIEF}]})
        rows = await opened.calls()
    result = state["structured_response"]
    assert result["customer_name"] == "Ada Lovelace"
    assert result["order_status"] == "shipped"
    assert sorted(result["evidence"]) == ["ev-42-a", "ev-42-b"]
    assert [row.outcome for row in rows] == ["ok"] * len(rows)
    assert len(rows) == 3


async def test_the_same_brief_is_worked_in_the_same_way(tmp_path: Path) -> None:
    async def once() -> list[object]:
        async with room(tmp_path, []) as opened:
            agent = create_agent(
                opened.models.chat("work", CONTEXT), TOOLS, response_format=ToolStrategy(SCHEMA)
            )
            state = await agent.ainvoke({"messages": [{"role": "user", "content": BRIEF}]})
        return [
            (message.content, message.tool_calls)
            for message in state["messages"]
            if isinstance(message, AIMessage)
        ]

    assert await once() == await once()


async def test_an_agent_without_a_schema_tells_the_facts_and_what_it_is(tmp_path: Path) -> None:
    async with room(tmp_path, []) as opened:
        agent = create_agent(opened.models.chat("work", CONTEXT), TOOLS)
        asked = "Look up customer 42 and the status of her last order."
        state = await agent.ainvoke({"messages": [{"role": "user", "content": asked}]})
    answer = state["messages"][-1].content
    assert "Ada Lovelace" in answer
    assert "shipped" in answer
    assert "delivered" not in answer, "the last order was asked for"
    assert answer.endswith(DISCLAIMER)


async def test_streamed_tokens_tell_whose_they_are(tmp_path: Path) -> None:
    async with room(tmp_path, []) as opened:
        agent = create_agent(opened.models.chat("work", CONTEXT), TOOLS)
        heard: list[tuple[str, Json]] = []
        question = HumanMessage("Look up customer 42.")
        async for chunk, metadata in agent.astream(
            {"messages": [question]}, stream_mode="messages"
        ):
            if isinstance(chunk, AIMessageChunk) and chunk.content:
                heard.append((str(chunk.content), metadata))
    assert len(heard) > 1, "token by token, not in one piece"
    for _, metadata in heard:
        assert metadata["run"] == "r1"
        assert metadata["task"] == "d1/look"
        assert metadata["tier"] == "work"
        assert "tier:work" in metadata["tags"]


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_an_agent_delivers_over_a_real_wire(tmp_path: Path, wire: str) -> None:
    with ScriptedProvider(SeededBrain(7)) as provider:
        async with room(tmp_path, [on(provider, "first", wire)]) as opened:
            agent = create_agent(
                opened.models.chat("work", CONTEXT), TOOLS, response_format=ToolStrategy(SCHEMA)
            )
            state = await agent.ainvoke({"messages": [{"role": "user", "content": BRIEF}]})
            rows = await opened.calls()
        assert len(rows) == len(provider.calls)
    assert set(SCHEMA["required"]) <= set(state["structured_response"])
    assert {row.outcome for row in rows} == {"ok"}
