"""Real litellm, real HTTP: what a caller gets on every wire, whole and streamed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from tests.models.door import CONTEXT, WEATHER, on, room
from tests.provider.exchange import Reply, ToolCall, Usage
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

EACH = pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])
CALL = Reply(
    text="Let me look.",
    tool_calls=(ToolCall(name="weather", arguments={"city": "Oslo"}, id="call_1"),),
    usage=Usage(prompt=40, completion=10),
)
HELLO = Reply(text="Hello there, dear reader.", usage=Usage(prompt=20, completion=6))


@EACH
async def test_an_answer_says_who_gave_it_and_what_it_cost(tmp_path: Path, wire: str) -> None:
    with ScriptedProvider(Script(HELLO)) as provider:
        async with room(tmp_path, [on(provider, "first", wire)]) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("hi")
            (row,) = await opened.calls()
    assert answer.content == "Hello there, dear reader."
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (
        20,
        6,
    )
    told = answer.response_metadata
    assert (told["tier"], told["deployment"], told["finish_reason"]) == ("work", "first", "stop")
    assert told["model"].startswith(wire)
    assert told["cost"] == pytest.approx(20 * 0.000_01 + 6 * 0.000_02)
    assert (row.prompt_tokens, row.completion_tokens, row.outcome) == (20, 6, "ok")
    assert row.cost == pytest.approx(told["cost"])
    assert (row.run, row.task, row.specialist) == ("r1", "d1/look", "clerk")


@EACH
async def test_a_stream_gives_text_as_it_comes_and_the_books_last(
    tmp_path: Path, wire: str
) -> None:
    with ScriptedProvider(Script(HELLO)) as provider:
        async with room(tmp_path, [on(provider, "first", wire)]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            chunks = [chunk async for chunk in chat.astream("hi")]
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    assert len([chunk for chunk in chunks if chunk.content]) > 1
    whole = chunks[0] + chunks[1:]
    assert whole.content == "Hello there, dear reader."
    assert whole.response_metadata["deployment"] == "first"
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["total_tokens"] == 26


@EACH
@pytest.mark.parametrize("streamed", [False, True])
async def test_tool_calls_arrive_whole(tmp_path: Path, wire: str, streamed: bool) -> None:
    with ScriptedProvider(Script(CALL)) as provider:
        async with room(tmp_path, [on(provider, "first", wire)]) as opened:
            chat = opened.models.chat("work", CONTEXT).bind_tools([WEATHER])
            if streamed:
                chunks = [chunk async for chunk in chat.astream("How is Oslo?")]
                answer: AIMessage = sum(chunks[1:], chunks[0])
            else:
                answer = await chat.ainvoke("How is Oslo?")
        (seen,) = provider.calls
    assert answer.content == "Let me look."
    (call,) = answer.tool_calls
    # litellm keeps the thought behind a call of Gemini's in its id.
    id = str(call["id"]).partition("__thought__")[0]
    assert (call["name"], call["args"], id) == ("weather", {"city": "Oslo"}, "call_1")
    assert (bool(seen.body.get("stream")) or "stream" in seen.path) is streamed
    assert len(seen.body["tools"]) == 1  # type: ignore[arg-type]


@EACH
async def test_a_structured_answer_follows_a_schema_given_as_a_dict(
    tmp_path: Path, wire: str
) -> None:
    schema = {
        "title": "Verdict",
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
    }
    said = Reply(tool_calls=(ToolCall(name="Verdict", arguments={"ok": True}),))
    with ScriptedProvider(Script(said)) as provider:
        async with room(tmp_path, [on(provider, "first", wire)]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            judged = await chat.with_structured_output(schema, method="function_calling").ainvoke(
                "Is it?"
            )
    assert judged == {"ok": True}


@EACH
async def test_cached_tokens_are_on_record_as_a_part_of_the_prompt(
    tmp_path: Path, wire: str
) -> None:
    said = Reply(text="As before.", usage=Usage(prompt=400, completion=10, cached=300))
    with ScriptedProvider(Script(said)) as provider:
        async with room(tmp_path, [on(provider, "first", wire)]) as opened:
            await opened.models.chat("work", CONTEXT).ainvoke("hi there " * 200)
            (row,) = await opened.calls()
            (found,) = await opened.ledger.spend.sums(("tenant", "tier", "label"))
    assert (row.prompt_tokens, row.cache_read, row.completion_tokens) == (400, 300, 10)
    assert found.key == ("acme", "work", "internal")
    assert (found.prompt_tokens, found.cache_read, found.longest_prompt) == (400, 300, 400)


async def test_what_is_sent_carries_a_limit_and_no_labels_of_ours(tmp_path: Path) -> None:
    with ScriptedProvider(Script(HELLO)) as provider:
        async with room(tmp_path, [on(provider, "first", max_tokens=77)]) as opened:
            await opened.models.chat("work", CONTEXT).ainvoke("hi")
        (seen,) = provider.calls
    assert 77 in (seen.body.get("max_tokens"), seen.body.get("max_completion_tokens"))
    assert b"acme" not in seen.raw
    assert b"switchyard" not in seen.raw


async def test_the_exchange_is_kept_for_a_replay(tmp_path: Path) -> None:
    with ScriptedProvider(Script(CALL)) as provider:
        async with room(tmp_path, [on(provider, "first")]) as opened:
            await opened.models.chat("work", CONTEXT).bind_tools([WEATHER]).ainvoke("How is Oslo?")
            (kept,) = await opened.ledger.exchanges.of_run("r1")
            request = await opened.ledger.exchanges.content(kept.request)
            response = await opened.ledger.exchanges.content(kept.response)
    assert kept.task == "d1/look"
    assert request is not None
    assert b"How is Oslo?" in request
    assert b'"name":"weather"' in request
    assert b'"deployment":"first"' in request
    assert response is not None
    assert b'{\\"city\\":\\"Oslo\\"}' in response


async def test_embeddings_come_from_their_tier(tmp_path: Path) -> None:
    async with room(tmp_path, []) as opened:
        texts = ["a red apple", "red apples", "tax law"]
        one, two, three = await opened.models.embed(texts, CONTEXT)
        (row,) = await opened.calls()
    assert sum(a * b for a, b in zip(one, two, strict=True)) > 0.9
    assert abs(sum(a * b for a, b in zip(one, three, strict=True))) < 0.3
    assert (row.tier, row.deployment, row.outcome) == ("embed", "offline-embed", "ok")


FORECAST: dict[str, object] = {
    "type": "function",
    "function": {
        "name": "forecast",
        "description": "The weather to come.",
        "parameters": {
            "type": "object",
            "properties": {
                "when": {"enum": ["today", "tomorrow"]},
                "kind": {"const": "short"},
                "days": {"enum": [1, 7]},
            },
            "required": ["when"],
            "additionalProperties": False,
        },
    },
}


async def test_a_vendor_with_a_dialect_of_its_own_changes_nothing_for_anybody_else(
    tmp_path: Path,
) -> None:
    asked = Reply(tool_calls=(ToolCall(name="forecast", arguments={"when": "today"}),))
    before = copy.deepcopy(FORECAST)
    with ScriptedProvider(Script(asked)) as provider:
        async with room(tmp_path, [on(provider, "first", "gemini")]) as opened:
            chat = opened.models.chat("work", CONTEXT).bind_tools([FORECAST])
            await chat.ainvoke("And then?")
        seen: Any = provider.calls[0].body
    assert before == FORECAST
    (sent,) = seen["tools"][0]["function_declarations"]
    assert sent["parameters"] == {
        "type": "object",
        "properties": {
            "when": {"type": "string", "enum": ["today", "tomorrow"]},
            "kind": {"type": "string", "enum": ["short"]},
            "days": {"type": "integer"},
        },
        "required": ["when"],
    }
