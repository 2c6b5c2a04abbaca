"""Every fault through the real litellm: what a client of ours gets to see, in how many requests.
Much of it is that litellm sees nothing wrong, which is why our own checks must."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import httpx
import pytest
import pytest_asyncio
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

from tests.provider import (
    AbsurdUsage,
    BrokenJson,
    DuplicateToolIds,
    EmptyChoices,
    EmptyContent,
    ErrorFrame,
    Exchange,
    Fault,
    Hang,
    Html,
    HugeBody,
    JsonObject,
    MissingUsage,
    NoFinish,
    RepeatedChunks,
    Reply,
    Reset,
    Script,
    ScriptedProvider,
    Stall,
    TruncatedToolJson,
    UnknownTool,
    Wire,
    server_error,
)
from tests.provider.client import (
    WARNINGS,
    WAYS,
    WIRES,
    Way,
    ask,
    ask_either_way,
    ask_streaming,
    close_clients,
    embed,
    exceptions,
    joined,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *(pytest.mark.filterwarnings(each) for each in WARNINGS),
]
each_wire = pytest.mark.parametrize("wire", WIRES)
# The third fails in ways of its own: `test_gemini.py`.
either_wire = pytest.mark.parametrize("wire", WIRES[:2])
each_way = pytest.mark.parametrize("way", WAYS)

QUESTION = "Please look up customer 42 and tell me all that we know about her orders."
SEARCH: JsonObject = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the records",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        },
    },
}
Both: TypeAlias = tuple[type[Exception], type[Exception]]


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _no_open_clients() -> AsyncIterator[None]:
    yield
    await close_clients()


@pytest.fixture(autouse=True)
def _litellm_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room of models, which another test may have loaded, tells repetition in a way of its own
    and calls OpenAI's format by litellm's own handler."""
    monkeypatch.delenv("EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER", raising=False)
    monkeypatch.setattr("litellm.REPEATED_STREAMING_CHUNK_LIMIT", 100)


def named(values: list[Any]) -> list[str]:
    return [f"{type(value[0]).__name__}-{i}" for i, value in enumerate(values)]


ERRORS: list[tuple[Fault, Way, Both]] = [
    (Hang(), "whole", (exceptions.Timeout, exceptions.Timeout)),
    (Hang(), "stream", (exceptions.Timeout, exceptions.Timeout)),
    (Reset(at=0.5), "whole", (exceptions.InternalServerError, exceptions.InternalServerError)),
    (Reset(at=0.5), "stream", (exceptions.MidStreamFallbackError,) * 2),
    (Stall(), "whole", (exceptions.Timeout, exceptions.Timeout)),
    (Stall(), "stream", (exceptions.MidStreamFallbackError,) * 2),
    (ErrorFrame(), "whole", (exceptions.APIError, exceptions.APIConnectionError)),
    (ErrorFrame(), "stream", (exceptions.MidStreamFallbackError,) * 2),
    (BrokenJson(), "whole", (exceptions.InternalServerError, exceptions.APIConnectionError)),
    (Html(), "whole", (exceptions.InternalServerError, exceptions.APIConnectionError)),
    (Html(status=502), "whole", (exceptions.BadGatewayError, exceptions.BadGatewayError)),
    (Html(status=502), "stream", (exceptions.BadGatewayError, exceptions.BadGatewayError)),
    (RepeatedChunks(), "stream", (exceptions.MidStreamFallbackError,) * 2),
]


@either_wire
@pytest.mark.parametrize(("fault", "way", "errors"), ERRORS, ids=named(ERRORS))
async def test_a_fault_of_the_transport_becomes_an_error_after_one_request(
    wire: Wire, fault: Fault, way: Way, errors: Both
) -> None:
    with ScriptedProvider(faults={0: fault}) as provider:
        with pytest.raises(errors[WIRES.index(wire)]):
            await ask_either_way(provider, wire, way, QUESTION, timeout=0.4)
        await provider.ended(1)
        assert [done.fault for done in provider.served] == [fault]
        assert len(provider.requests) == 1


@pytest.fixture
def litellm_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room of models takes the second request out; another test may have loaded it."""
    name = "single_connection_post_request"
    spec = importlib.util.find_spec(AsyncHTTPHandler.__module__)
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    monkeypatch.setattr(AsyncHTTPHandler, name, getattr(fresh.AsyncHTTPHandler, name))


@pytest.mark.usefixtures("litellm_as_it_comes")
async def test_a_reset_before_the_answer_is_retried_by_litellm_itself_on_one_wire() -> None:
    with ScriptedProvider(Script("after all"), faults={0: Reset()}) as provider:
        with pytest.raises(exceptions.InternalServerError):
            await ask(provider, "openai", QUESTION)
        assert len(provider.requests) == 1
    with ScriptedProvider(Script("after all"), faults={0: Reset()}) as provider:
        answer = await ask(provider, "anthropic", QUESTION)
        assert answer.choices[0].message.content == "after all"
        await provider.ended(2)
        assert [done.ending for done in provider.served] == ["cut", "complete"]


@each_wire
@each_way
async def test_an_answer_without_a_finish_reason_gets_an_invented_one(wire: Wire, way: Way) -> None:
    with ScriptedProvider(faults={0: NoFinish()}) as provider:
        answer = await ask_either_way(provider, wire, way, QUESTION)
    assert answer.choices[0].finish_reason == "stop"
    assert "customer 42" in answer.choices[0].message.content


@each_wire
@each_way
async def test_no_choices_and_no_content_are_passed_on(wire: Wire, way: Way) -> None:
    faults: dict[int, Fault] = {0: EmptyChoices(), 1: EmptyContent()}
    with ScriptedProvider(faults=faults) as provider:
        hollow = await ask_either_way(provider, wire, way, QUESTION)
        silent = await ask_either_way(provider, wire, way, QUESTION)
    assert [choice.message.content for choice in hollow.choices if choice.message.content] == []
    assert not silent.choices[0].message.content
    assert not silent.choices[0].message.tool_calls


@either_wire
@each_way
async def test_truncated_tool_arguments_are_passed_on_as_no_object(wire: Wire, way: Way) -> None:
    with ScriptedProvider(faults={0: TruncatedToolJson()}) as provider:
        answer = await ask_either_way(provider, wire, way, QUESTION, tools=[SEARCH])
    text = answer.choices[0].message.tool_calls[0].function.arguments
    try:
        # Outside of a stream the Anthropic wire can only carry the fragment as a JSON string.
        assert isinstance(json.loads(text), str)
        assert (wire, way) == ("anthropic", "whole")
    except ValueError:
        assert text.startswith('{"query":')


@each_wire
@each_way
async def test_calls_may_share_an_id_or_name_what_nobody_offered(wire: Wire, way: Way) -> None:
    faults: dict[int, Fault] = {0: DuplicateToolIds(), 1: UnknownTool(name="sudo")}
    with ScriptedProvider(faults=faults) as provider:
        twins = await ask_either_way(provider, wire, way, QUESTION, tools=[SEARCH])
        unknown = await ask_either_way(provider, wire, way, QUESTION, tools=[SEARCH])
    calls = twins.choices[0].message.tool_calls
    ids = [call.id.partition("__thought__")[0] for call in calls]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert [call.function.name for call in unknown.choices[0].message.tool_calls] == ["sudo"]


@each_wire
@each_way
async def test_absurd_token_counts_are_passed_on(wire: Wire, way: Way) -> None:
    with ScriptedProvider(faults={0: AbsurdUsage(tokens=10**12)}) as provider:
        answer = await ask_either_way(provider, wire, way, QUESTION)
    assert answer.usage.completion_tokens == 10**12


async def test_missing_token_counts_are_zero_or_an_error() -> None:
    with ScriptedProvider(faults=dict.fromkeys(range(4), MissingUsage())) as provider:
        whole = await ask(provider, "openai", QUESTION)
        chunks = await ask_streaming(provider, "openai", QUESTION)
        with pytest.raises(exceptions.APIConnectionError, match="usage"):
            await ask(provider, "anthropic", QUESTION)
        await ask_streaming(provider, "anthropic", QUESTION)
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (0, 0)
    assert "customer 42" in joined(chunks).choices[0].message.content


@each_wire
@each_way
async def test_megabytes_of_text_are_accepted(wire: Wire, way: Way) -> None:
    with ScriptedProvider(faults={0: HugeBody(megabytes=2)}) as provider:
        answer = await ask_either_way(provider, wire, way, QUESTION)
    assert 2_000_000 <= len(answer.choices[0].message.content) < 2_100_000


@each_wire
async def test_a_page_of_html_in_the_place_of_a_stream_looks_like_an_empty_answer(
    wire: Wire,
) -> None:
    with ScriptedProvider(faults={0: Html()}) as provider:
        answer = await ask_either_way(provider, wire, "stream", QUESTION)
    assert not answer.choices[0].message.content


async def test_a_brain_may_answer_with_a_fault() -> None:
    def moody(exchange: Exchange) -> Reply | Fault:
        return server_error() if "please" not in exchange.last.text else Reply(text="gladly")

    with ScriptedProvider(Script(moody, moody)) as provider:
        with pytest.raises(exceptions.InternalServerError):
            await ask(provider, "anthropic", "Do it")
        answer = await ask(provider, "anthropic", "Do it, please")
    assert answer.choices[0].message.content == "gladly"


async def test_litellm_retries_embeddings_twice_even_when_told_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The room of models takes this out; another test may have loaded it.
    monkeypatch.setattr("litellm.DEFAULT_MAX_RETRIES", 2)
    with ScriptedProvider(embedding_faults=dict.fromkeys(range(3), server_error())) as provider:
        with pytest.raises(exceptions.InternalServerError):
            await embed(provider, ["a text"], max_retries=0, num_retries=0)
        assert len(provider.requests) == 3
        assert len(await embed(provider, ["a text"])) == 1


async def test_leaving_the_block_frees_who_still_waits() -> None:
    async with httpx.AsyncClient(timeout=5) as client:
        with ScriptedProvider(faults={0: Hang()}) as provider:
            body = {"model": "scripted", "messages": [{"role": "user", "content": "Hello"}]}
            url = f"{provider.openai_base}/chat/completions"
            sending = client.build_request("POST", url, json=body)
            waiting = asyncio.ensure_future(client.send(sending))
            await provider.arrived(1)
        with pytest.raises(httpx.RemoteProtocolError):
            await waiting
    assert [done.ending for done in provider.served] == ["server closed"]
