"""What is Gemini's own: its bytes, what it refuses, and what litellm makes of its failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.provider import (
    BrokenJson,
    ErrorFrame,
    Fault,
    Hang,
    Html,
    JsonObject,
    Reply,
    Reset,
    Script,
    ScriptedProvider,
    SeededBrain,
    Stall,
    ToolCall,
    TruncatedToolJson,
    Usage,
    rate_limited,
)
from tests.provider.client import (
    WARNINGS,
    WAYS,
    Way,
    ask,
    ask_either_way,
    close_clients,
    embed,
    exceptions,
)
from tests.provider.embeddings import embed as embed_text
from tests.provider.gemini_wire import signature

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *(pytest.mark.filterwarnings(each) for each in WARNINGS),
]
MODEL = "gemini-3.8-flash"
HELLO: list[JsonObject] = [{"role": "user", "parts": [{"text": "Hello"}]}]
CALL = ToolCall(name="search", arguments={"query": "rye"}, id="call_1")
REPLY = Reply(text="Well, hello!", tool_calls=(CALL,), usage=Usage(prompt=9, completion=5))
PARAMETERS: JsonObject = {"type": "object", "properties": {"query": {"type": "string"}}}
SEARCH: dict[str, Any] = {"name": "search", "description": "Search", "parameters": PARAMETERS}
TOOLS: dict[str, Any] = {"tools": [{"functionDeclarations": [SEARCH]}]}
OPENAI_TOOL: JsonObject = {"type": "function", "function": SEARCH}
OK: JsonObject = {"finishReason": "STOP"}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _no_open_clients() -> AsyncIterator[None]:
    yield
    await close_clients()


async def post(
    provider: ScriptedProvider,
    method: str,
    *,
    model: str = MODEL,
    **body: Any,  # noqa: ANN401
) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5, headers={"x-goog-api-key": "test"}) as client:
        url = f"{provider.gemini_base}/models/{model}:{method}"
        whole = {"contents": HELLO, **body} if method.endswith(("Content", "sse")) else body
        return await client.post(url, json=whole)


def content(*parts: JsonObject) -> JsonObject:
    return {"parts": list(parts), "role": "model"}


async def test_a_whole_answer_has_one_candidate_with_parts_and_its_usage() -> None:
    with ScriptedProvider(Script(REPLY)) as provider:
        body = (await post(provider, "generateContent", **TOOLS)).json()
    call: JsonObject = {
        "functionCall": {"name": "search", "args": {"query": "rye"}, "id": "call_1"},
        "thoughtSignature": signature("call_1"),
    }
    said = content({"text": "Well, hello!"}, call)
    assert body["candidates"] == [{"content": said, "index": 0, **OK}]
    assert body["usageMetadata"] == {
        "promptTokenCount": 9,
        "candidatesTokenCount": 5,
        "totalTokenCount": 14,
    }
    assert body["modelVersion"] == MODEL


async def test_a_stream_is_a_row_of_such_answers_and_the_last_one_ends_it() -> None:
    with ScriptedProvider(Script(REPLY)) as provider:
        response = await post(provider, "streamGenerateContent?alt=sse", **TOOLS)
    assert response.headers["content-type"] == "text/event-stream"
    lines = response.text.removesuffix("\n\n").split("\n\n")
    frames = [json.loads(line.removeprefix("data: ")) for line in lines]
    candidates = [frame["candidates"][0] for frame in frames]
    assert [one["content"]["parts"][0].get("text") for one in candidates] == [
        "Well, hel",
        "lo!",
        None,
        "",
    ]
    assert [one.get("finishReason") for one in candidates] == [None, None, None, "STOP"]
    assert frames[-1]["usageMetadata"]["totalTokenCount"] == 14


NOT_CLOSED: JsonObject = {**PARAMETERS, "additionalProperties": False}
NUMBERS: JsonObject = {"type": "object", "properties": {"n": {"type": "integer", "enum": [1]}}}
USE: JsonObject = {"functionCall": {"name": "search", "args": {}}, "thoughtSignature": "c2ln"}
GOT: JsonObject = {"functionResponse": {"name": "search", "response": {"content": "?"}}}
USED: JsonObject = {"role": "model", "parts": [USE]}
JSON: JsonObject = {"responseMimeType": "application/json"}


def declared(parameters: JsonObject, name: str = "f") -> JsonObject:
    return {"tools": [{"functionDeclarations": [{"name": name, "parameters": parameters}]}]}


REFUSALS: list[tuple[JsonObject, str]] = [
    ({"contents": []}, "contents"),
    ({"messages": []}, 'Unknown name "messages": Cannot find field'),
    ({"contents": [{"role": "assistant", "parts": [{"text": "hi"}]}]}, "contents.0.role"),
    ({"contents": [{"role": "user", "parts": []}]}, "parts is required"),
    ({"contents": [{"role": "user", "parts": [{}]}]}, "required oneof field 'data'"),
    ({"contents": [*HELLO, USED]}, "end with a user role"),
    ({"contents": [*HELLO, USED, *HELLO]}, "number of function response parts is equal"),
    ({"contents": [{"role": "user", "parts": [GOT]}]}, "number of function response parts"),
    (declared(NOT_CLOSED), 'Unknown name "additionalProperties"'),
    (declared({"$ref": "#/x"}), 'Unknown name "$ref"'),
    (declared(NUMBERS), "only allowed for STRING type"),
    (declared({**PARAMETERS, "required": ["q"]}), "property is not defined"),
    (declared({"type": "object", "properties": {"a": {"type": "array"}}}), "items: missing field"),
    (declared(PARAMETERS, name="not valid"), "Invalid function name"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
    (
        TOOLS | {"toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["search"]}}},
        "only when function calling mode is ANY",
    ),
    ({"generationConfig": {"responseSchema": PARAMETERS}}, "mime type: 'application/json'"),
    ({"generationConfig": JSON | {"responseSchema": NOT_CLOSED}}, "Cannot find field"),
    ({"generationConfig": {"temperature": 3}}, "temperature"),
]


@pytest.mark.parametrize(("body", "message"), REFUSALS, ids=[str(i) for i in range(len(REFUSALS))])
async def test_it_refuses_what_the_real_service_refuses(body: dict[str, Any], message: str) -> None:
    with ScriptedProvider() as provider:
        response = await post(provider, "generateContent", **body)
    assert response.status_code == 400
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert message in response.json()["error"]["message"]


async def test_a_thinking_model_wants_its_thoughts_back_and_others_do_not() -> None:
    unsigned: JsonObject = {"role": "model", "parts": [{"functionCall": {"name": "search"}}]}
    turns = [*HELLO, unsigned, {"role": "user", "parts": [GOT]}]
    with ScriptedProvider() as provider:
        now = await post(provider, "generateContent", contents=turns, **TOOLS)
        before = await post(
            provider, "generateContent", model="gemini-2.5-flash", contents=turns, **TOOLS
        )
    assert "missing a thought_signature" in now.json()["error"]["message"]
    assert before.status_code == 200


async def test_without_a_key_or_a_known_method_nothing_is_answered() -> None:
    with ScriptedProvider() as provider:
        async with httpx.AsyncClient(timeout=5) as client:
            url = f"{provider.gemini_base}/models/{MODEL}"
            nobody = await client.post(f"{url}:generateContent", json={"contents": HELLO})
            array = await client.post(f"{url}:streamGenerateContent", json={"contents": HELLO})
            other = await client.post(f"{url}:predict", json={})
    assert "unregistered callers" in nobody.json()["error"]["message"]
    assert (array.status_code, other.status_code) == (404, 404)


async def test_errors_have_its_own_shape() -> None:
    fault = rate_limited(retry_after=3)
    with ScriptedProvider(faults={0: fault}) as provider:
        response = await post(provider, "generateContent")
    assert response.headers["retry-after"] == "3"
    assert response.json()["error"] == {
        "code": 429,
        "message": fault.message,
        "status": "RESOURCE_EXHAUSTED",
    }


async def test_embeddings_are_those_of_the_other_wire() -> None:
    texts = ["the licence of a package", "fresh bread in Turin"]
    with ScriptedProvider(dimensions=8) as provider:
        base = {"api_base": provider.gemini_base, "model": "gemini/gemini-embedding-2"}
        vectors = await embed(provider, texts, **base)
        one: dict[str, Any] = {"content": {"parts": [{"text": texts[0]}]}}
        alone = await post(provider, "embedContent", model="gemini-embedding-2", contents=[], **one)
        (path,) = {request.path for request in provider.requests[:1]}
    assert vectors == [pytest.approx(embed_text(text, 0, 8)) for text in texts]
    assert path == "/v1beta/models/gemini-embedding-2:batchEmbedContents"
    assert alone.status_code == 400  # an embedding has one content, and no contents


async def test_the_thought_behind_a_call_comes_back_with_its_result() -> None:
    question: JsonObject = {"role": "user", "content": "Look for rye"}
    with ScriptedProvider(SeededBrain(1)) as provider:
        first = (await ask(provider, "gemini", [question], tools=[OPENAI_TOOL])).choices[0].message
        (call,) = first.tool_calls
        result: JsonObject = {"role": "tool", "tool_call_id": call.id, "content": "bread"}
        turns = [question, first.model_dump(exclude_none=True), result]
        await ask(provider, "gemini", turns, tools=[OPENAI_TOOL])
        said: Any = provider.calls[1].body["contents"]
    id, _, thought = call.id.partition("__thought__")
    assert thought == signature(id)
    assert said[1]["parts"][-1]["thoughtSignature"] == signature(id)
    assert said[2]["parts"][0]["function_response"]["id"] == id


ERRORS: list[tuple[Fault, Way, type[Exception]]] = [
    (Hang(), "whole", exceptions.Timeout),
    (Reset(at=0.5), "whole", exceptions.APIConnectionError),
    (Reset(at=0.5), "stream", exceptions.MidStreamFallbackError),
    (Stall(), "whole", exceptions.Timeout),
    (ErrorFrame(), "whole", exceptions.BadRequestError),
    (ErrorFrame(), "stream", exceptions.MidStreamFallbackError),
    (BrokenJson(), "whole", exceptions.BadRequestError),
    (Html(), "whole", exceptions.BadRequestError),
    (Html(status=502), "whole", exceptions.APIConnectionError),
    (Html(status=502), "stream", exceptions.MidStreamFallbackError),
]


@pytest.mark.parametrize(
    ("fault", "way", "error"), ERRORS, ids=[f"{type(f).__name__}-{w}" for f, w, _ in ERRORS]
)
async def test_what_litellm_makes_of_a_fault(
    fault: Fault, way: Way, error: type[Exception]
) -> None:
    with ScriptedProvider(faults={0: fault}) as provider:
        with pytest.raises(error):
            await ask_either_way(provider, "gemini", way, "Hello", timeout=0.4)
        await provider.ended(1)
        assert len(provider.requests) == 1


@pytest.mark.parametrize("fault", [Hang(), Stall()], ids=["hang", "stall"])
async def test_litellm_holds_no_stream_of_this_vendor_to_a_time_limit(fault: Fault) -> None:
    with ScriptedProvider(faults={0: fault}) as provider, pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await ask_either_way(provider, "gemini", "stream", "Hello", timeout=0.2)


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_that_the_service_could_not_read_never_arrives(way: Way) -> None:
    with ScriptedProvider(faults={0: TruncatedToolJson()}) as provider:
        answer = await ask_either_way(provider, "gemini", way, "Hello", tools=[OPENAI_TOOL])
    assert not answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "stop"
