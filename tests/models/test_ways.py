"""However a chat is called, its question passes the door; where that cannot be, nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import HumanMessage
from langchain_core.prompt_values import StringPromptValue

from models.guard import KEY
from runtime.errors import AsyncOnly, BoundaryBreach
from runtime.labels import Label
from tests.models.door import CONTEXT, WEATHER, on, room
from tests.provider.exchange import Reply, Usage
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

pytestmark = [
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
    pytest.mark.filterwarnings("ignore:.*is in beta"),
]
SAID = Reply(text="Something was said.", usage=Usage(prompt=20, completion=6))
SCHEMA = {"title": "Verdict", "type": "object", "properties": {"ok": {"type": "boolean"}}}
ASKED = [HumanMessage("secret")]
Way = Callable[[Any], Any]

BLOCKING: dict[str, Way] = {
    "invoke": lambda chat: chat.invoke("secret"),
    "stream": lambda chat: list(chat.stream("secret")),
    "batch": lambda chat: chat.batch(["secret", "secret"]),
    "batch as completed": lambda chat: list(chat.batch_as_completed(["secret"])),
    "generate": lambda chat: chat.generate([ASKED]),
    "generate prompt": lambda chat: chat.generate_prompt([StringPromptValue(text="secret")]),
    "transform": lambda chat: list(chat.transform(iter(["secret"]))),
    "stream events": lambda chat: list(chat.stream_events("secret", version="v3")),
    "with tools": lambda chat: chat.bind_tools([WEATHER]).invoke("secret"),
    "structured": lambda chat: chat.with_structured_output(SCHEMA).invoke("secret"),
    "by function calling": lambda chat: chat.with_structured_output(
        SCHEMA, method="function_calling"
    ).invoke("secret"),
    "with fallbacks": lambda chat: chat.with_fallbacks([chat]).invoke("secret"),
    "as a step": lambda chat: (chat | (lambda said: said)).invoke("secret"),
    "the base class's": lambda chat: chat.completion_with_retry(messages=[], model="work/vendor"),
}


async def _all(pieces: Any) -> list[Any]:  # noqa: ANN401 - LangChain's own
    return [piece async for piece in pieces]


async def _events(chat: Any) -> list[Any]:  # noqa: ANN401 - LangChain's own
    return await _all(await chat.astream_events("secret", version="v3"))


WAITING: dict[str, Way] = {
    "invoke": lambda chat: chat.ainvoke("secret"),
    "stream": lambda chat: _all(chat.astream("secret")),
    "batch": lambda chat: chat.abatch(["secret", "secret"]),
    "generate": lambda chat: chat.agenerate([ASKED]),
    "transform": lambda chat: _all(chat.atransform(_letters())),
    "log": lambda chat: _all(chat.astream_log("secret")),
    "events": lambda chat: _all(chat.astream_events("secret", version="v2")),
    "newer events": _events,
    "structured": lambda chat: chat.with_structured_output(SCHEMA).ainvoke("secret"),
}


async def _letters() -> Any:  # noqa: ANN401 - an async generator
    yield "secret"


PARTS: dict[str, Way] = {
    "a whole answer": lambda chat: chat.received(ASKED, None, {}),
    "a stream": lambda chat: _all(chat.pieces(ASKED, None, {})),
    "the base class's": lambda chat: chat.acompletion_with_retry(
        messages=[{"role": "user", "content": "secret"}], model="work/vendor"
    ),
    "under a made-up name": lambda chat: chat.received(ASKED, None, {"metadata": {KEY: "c1"}}),
}


@pytest.mark.parametrize("way", list(BLOCKING))
async def test_a_call_that_does_not_wait_is_refused_and_sends_nothing(
    tmp_path: Path, way: str
) -> None:
    with ScriptedProvider(Script(When(lambda _: True, SAID))) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            with pytest.raises(AsyncOnly, match="ainvoke"):
                await asyncio.to_thread(BLOCKING[way], chat)
        assert provider.requests == []


@pytest.mark.parametrize("way", list(WAITING))
async def test_a_call_that_waits_passes_the_boundary(tmp_path: Path, way: str) -> None:
    with ScriptedProvider(Script(When(lambda _: True, SAID))) as provider:
        entries = [on(provider, "vendor", cleared="public")]
        async with room(tmp_path, entries, label=Label.regulated, ceiling=0.0) as opened:
            chat = opened.models.chat("work", CONTEXT)
            with pytest.raises(BoundaryBreach):
                await WAITING[way](chat)
        assert provider.requests == []


@pytest.mark.parametrize("way", list(PARTS))
async def test_a_part_of_a_call_sends_nothing_without_the_rest_of_it(
    tmp_path: Path, way: str
) -> None:
    with ScriptedProvider(Script(When(lambda _: True, SAID))) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            with pytest.raises(BoundaryBreach, match="ainvoke"):
                await PARTS[way](opened.models.chat("work", CONTEXT))
        assert provider.requests == []


async def test_what_a_chat_holds_in_the_place_of_a_router_cannot_send(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            chat: Any = opened.models.chat("work", CONTEXT)
            assert not hasattr(chat.router, "completion")
            assert not hasattr(chat.router, "acompletion")
            assert "test-key" not in repr(chat), "a chat is shown in traces"


async def test_an_answer_never_comes_from_a_cache_of_langchain(tmp_path: Path) -> None:
    with ScriptedProvider(Script(When(lambda _: True, SAID))) as provider, _cached():
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            for _ in range(2):
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
            assert len(await opened.calls()) == 2
        assert len(provider.calls) == 2


@contextmanager
def _cached() -> Iterator[None]:
    set_llm_cache(InMemoryCache())
    try:
        yield
    finally:
        set_llm_cache(None)
