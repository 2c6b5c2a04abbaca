"""The short way through litellm: what it must still do, and what it must not do any more."""

from __future__ import annotations

import asyncio
import json
import resource
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import litellm
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from litellm.integrations.custom_logger import CustomLogger
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

from models import direct
from tests.models.door import CONTEXT, WEATHER, entry, on, room
from tests.provider.exchange import Reply, ToolCall, Usage
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

HELLO = Reply(text="Hello there.", usage=Usage(prompt=20, completion=6))


class Spy(CustomLogger):
    """A callback as an observability service registers one, for the whole process."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def log_pre_api_call(self, *given: object) -> None:
        self.told.append(given)

    def log_success_event(self, *given: object) -> None:
        self.told.append(given)

    async def async_log_success_event(self, *given: object) -> None:
        self.told.append(given)

    async def async_log_failure_event(self, *given: object) -> None:
        self.told.append(given)


async def test_no_callback_of_litellm_is_told_of_a_prompt_or_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy()
    for name in ("callbacks", "success_callback", "_async_success_callback", "input_callback"):
        monkeypatch.setattr(litellm, name, [spy])
    with ScriptedProvider(Script(HELLO, HELLO)) as provider:
        async with room(tmp_path, [on(provider, "first")]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            assert (await chat.ainvoke("hi")).text == "Hello there."
            assert [one async for one in chat.astream("hi")]
    # What litellm does after a call, it does in tasks of its own.
    await asyncio.sleep(0)
    assert spy.told == []


async def test_to_warm_up_sends_nothing_and_leaves_little_for_the_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []
    complete = direct._complete

    def counting(**call: Any) -> Any:  # noqa: ANN401 - theirs
        prepared.append(f"{call['model']} in {threading.current_thread().name}")
        return complete(**call)

    monkeypatch.setattr(direct, "_complete", counting)
    with ScriptedProvider(Script(HELLO)) as provider:
        async with room(
            tmp_path, [on(provider, "first"), on(provider, "b", "anthropic")]
        ) as opened:
            await opened.models.warm()
            assert provider.requests == []
    chats = ["openai/scripted", "anthropic/claude-scripted", *["offline/extract"] * 3]
    assert [one.partition(" in ")[0] for one in prepared] == chats
    assert "MainThread" not in str(prepared)


async def test_the_thoughts_that_one_vendor_hides_in_ids_are_not_shown_to_another(
    tmp_path: Path,
) -> None:
    id = "call_1__thought__c2VjcmV0"
    history = [
        HumanMessage("What is the weather?"),
        AIMessage("", tool_calls=[{"id": id, "name": "weather", "args": {"city": "Oslo"}}]),
        ToolMessage("rain", tool_call_id=id),
    ]
    with ScriptedProvider(Script(HELLO)) as provider:
        async with room(tmp_path, [on(provider, "first")]) as opened:
            chat = opened.models.chat("work", CONTEXT).bind(tools=[WEATHER])
            await chat.ainvoke(history)
        sent = json.dumps(provider.calls[0].body)
    assert '"call_1"' in sent
    assert "thought" not in sent


async def test_a_vendor_whose_preparation_may_wait_is_prepared_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    complete = direct._complete

    def noting(**call: Any) -> Any:  # noqa: ANN401 - theirs
        threads.append(threading.current_thread().name)
        return complete(**call)

    called = Reply(tool_calls=(ToolCall(name="weather", arguments={"city": "Oslo"}),))
    with ScriptedProvider(Script(called)) as provider:
        entries = [entry("first", model="mistral/scripted", base=provider.openai_base)]
        async with room(tmp_path, entries) as opened:
            chat = opened.models.chat("work", CONTEXT).bind(tools=[WEATHER])
            monkeypatch.setattr(direct, "_complete", noting)
            answer = await chat.ainvoke("What is the weather?")
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Oslo"}]
    assert len(threads) == 1
    assert threads != ["MainThread"]


@asynccontextmanager
async def _saying(body: str) -> AsyncIterator[str]:
    """A server that streams these bytes whatever it is asked; its address."""
    text = body.encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
        await reader.readexactly(int(size.split(b":")[1]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(text) + text)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def _event(delta: dict[str, object], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    return f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"


async def test_the_last_line_of_a_stream_is_no_reason_for_its_end(tmp_path: Path) -> None:
    async with _saying(_event({"content": "Half an ans"}) + "data: [DONE]\n\n") as address:
        entries = [entry("first", model="openai/scripted", base=address)]
        async with room(tmp_path, entries) as opened:
            with pytest.raises(Exception, match="without a finish reason"):
                [one async for one in opened.models.chat("work", CONTEXT).astream("hi")]


async def test_comments_and_other_fields_of_a_stream_are_passed_over(tmp_path: Path) -> None:
    lines = ": keep-alive\n\nevent: message\nid: 7\nretry: 10\n"
    said = lines + _event({"content": "Hello "}) + ": ping\n\n" + _event({"content": "there."})
    async with _saying(said + _event({}, "stop") + "data: [DONE]\n\n") as address:
        entries = [entry("first", model="openai/scripted", base=address)]
        async with room(tmp_path, entries) as opened:
            pieces = [one async for one in opened.models.chat("work", CONTEXT).astream("hi")]
    assert "".join(one.text for one in pieces) == "Hello there."


async def test_whoever_does_not_listen_gets_the_answer_in_one_piece(tmp_path: Path) -> None:
    with ScriptedProvider(Script(HELLO)) as provider:
        async with room(tmp_path, [on(provider, "first")]) as opened:
            await opened.models.chat("work", CONTEXT).ainvoke("hi")
        body: Any = provider.calls[0].body
    assert not body.get("stream")


async def test_a_thousand_calls_find_a_connection_each() -> None:
    transport = AsyncHTTPHandler._create_aiohttp_transport()
    session = transport._get_valid_client_session()
    try:
        assert session.connector is not None
        assert session.connector.limit >= 2_000
        assert session.connector.limit_per_host >= 2_000
    finally:
        await session.close()
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert now >= min(4_096, most)
