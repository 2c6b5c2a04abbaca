"""The bytes themselves, by plain httpx: event sequences, bodies, and what is refused.
litellm forgives a lot; another client would not, so the formats are held to the letter here."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import httpx
import pytest

from tests.provider import (
    BrokenJson,
    ErrorFrame,
    Fault,
    Html,
    JsonObject,
    Latency,
    NoFinish,
    Reply,
    Reset,
    Script,
    ScriptedProvider,
    SeededBrain,
    Stall,
    ToolCall,
    Usage,
    rate_limited,
)

ANTHROPIC = {"anthropic-version": "2023-06-01", "x-api-key": "test"}
HELLO: list[JsonObject] = [{"role": "user", "content": "Hello"}]
CALL = ToolCall(name="search", arguments={"query": "rye"}, id="call_1")
REPLY = Reply(text="Well, hello!", tool_calls=(CALL,), usage=Usage(prompt=9, completion=5))
PARAMETERS: JsonObject = {"type": "object", "properties": {"query": {"type": "string"}}}
OPENAI_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "search", "parameters": PARAMETERS},
}
ANTHROPIC_TOOL: JsonObject = {"name": "search", "input_schema": PARAMETERS}


async def openai(provider: ScriptedProvider, **body: Any) -> httpx.Response:  # noqa: ANN401
    async with httpx.AsyncClient(timeout=5) as client:
        whole = {"model": "scripted", "messages": HELLO, **body}
        return await client.post(f"{provider.openai_base}/chat/completions", json=whole)


async def anthropic(provider: ScriptedProvider, **body: Any) -> httpx.Response:  # noqa: ANN401
    async with httpx.AsyncClient(timeout=5, headers=ANTHROPIC) as client:
        whole = {"model": "claude-scripted", "max_tokens": 100, "messages": HELLO, **body}
        return await client.post(f"{provider.anthropic_base}/v1/messages", json=whole)


def events(response: httpx.Response) -> list[tuple[str | None, Any]]:
    """Name and data of each event; data that is not JSON stays text."""
    assert response.headers["content-type"] == "text/event-stream"
    found: list[tuple[str | None, Any]] = []
    for block in response.text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields["data"]
        found.append((fields.get("event"), json.loads(data) if data[0] == "{" else data))
    return found


async def test_openai_streams_role_text_calls_finish_usage_and_done() -> None:
    with ScriptedProvider(Script(REPLY)) as provider:
        response = await openai(provider, stream=True, stream_options={"include_usage": True})
    *chunks, (_, done) = events(response)
    assert done == "[DONE]"
    assert {chunk["object"] for _, chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for _, chunk in chunks}) == 1
    *spoken, (_, usage) = chunks
    assert [chunk["usage"] for _, chunk in spoken] == [None] * len(spoken)
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 14
    choices = [chunk["choices"][0] for _, chunk in spoken]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"content": "Well, hel"},
        {"content": "lo!"},
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "search", "arguments": ""},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"query'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '":"rye"}'}}]},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None] * 6 + ["tool_calls"]


async def test_openai_sends_usage_in_a_stream_only_when_asked() -> None:
    with ScriptedProvider(Script("Hi")) as provider:
        found = events(await openai(provider, stream=True))
    assert all("usage" not in data for _, data in found if data != "[DONE]")


async def test_anthropic_streams_typed_events_in_their_order() -> None:
    with ScriptedProvider(Script(REPLY)) as provider:
        found = events(await anthropic(provider, stream=True))
    assert all(name == data["type"] for name, data in found)
    start = found[0][1]["message"]
    assert (start["role"], start["content"], start["stop_reason"]) == ("assistant", [], None)
    assert (start["usage"]["input_tokens"], start["usage"]["output_tokens"]) == (9, 1)
    tool: JsonObject = {"type": "tool_use", "id": "call_1", "name": "search", "input": {}}
    texts = [{"type": "text_delta", "text": text} for text in ("Well, hel", "lo!")]
    parts = [
        {"type": "input_json_delta", "partial_json": part} for part in ("", '{"query"', ':"rye"}')
    ]
    first: JsonObject = {"type": "text", "text": ""}
    assert [data for _, data in found[1:]] == [
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": first},
        *({"type": "content_block_delta", "index": 0, "delta": text} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        *({"type": "content_block_delta", "index": 1, "delta": part} for part in parts),
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]


async def test_whole_answers_have_the_shape_of_their_vendor() -> None:
    with ScriptedProvider(Script(REPLY, REPLY)) as provider:
        completion = (await openai(provider)).json()
        message = (await anthropic(provider)).json()
    assert completion["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Well, hello!",
        "refusal": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "search", "arguments": '{"query":"rye"}'},
            }
        ],
    }
    assert completion["choices"][0]["finish_reason"] == "tool_calls"
    assert message["content"] == [
        {"type": "text", "text": "Well, hello!"},
        {"type": "tool_use", "id": "call_1", "name": "search", "input": {"query": "rye"}},
    ]
    assert message["stop_reason"] == "tool_use"
    assert message["usage"]["output_tokens"] == 5


async def test_errors_have_the_shape_of_their_vendor() -> None:
    fault = rate_limited(retry_after=3)
    with ScriptedProvider(faults={0: fault, 1: fault}) as provider:
        ours, theirs = await openai(provider), await anthropic(provider)
    assert ours.headers["retry-after"] == theirs.headers["retry-after"] == "3"
    assert ours.json()["error"] == {
        "message": fault.message,
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert theirs.json()["type"] == "error"
    assert theirs.json()["error"] == {"type": "rate_limit_error", "message": fault.message}


async def test_an_error_frame_takes_the_place_of_the_rest() -> None:
    fault = ErrorFrame(at=0.5, message="overloaded")
    with ScriptedProvider(faults={0: fault, 1: fault}) as provider:
        ours = events(await openai(provider, stream=True))
        theirs = events(await anthropic(provider, stream=True))
    assert ours[-1][1]["error"]["message"] == "overloaded"
    assert theirs[-1] == ("error", theirs[-1][1])
    assert theirs[-1][1]["error"] == {"type": "overloaded_error", "message": "overloaded"}
    assert "message_stop" not in [name for name, _ in theirs]


async def test_a_stream_without_finish_has_no_end_marker_either() -> None:
    with ScriptedProvider(faults={0: NoFinish(), 1: NoFinish()}) as provider:
        ours = events(await openai(provider, stream=True))
        theirs = events(await anthropic(provider, stream=True))
    assert all(data["choices"][0]["finish_reason"] is None for _, data in ours)
    assert theirs[-1][0] == "content_block_stop"


async def received(provider: ScriptedProvider) -> tuple[bytes, Exception | None]:
    """What of a stream arrives within 0.4 s between two pieces, and how it ends."""
    url, body = f"{provider.openai_base}/chat/completions", {"messages": HELLO, "stream": True}
    data = b""
    async with (
        httpx.AsyncClient(timeout=0.4) as client,
        client.stream("POST", url, json={"model": "scripted", **body}) as response,
    ):
        try:
            async for piece in response.aiter_bytes():
                data += piece
        except httpx.TransportError as error:
            return data, error
    return data, None


@pytest.mark.parametrize(
    ("fault", "error", "ending"),
    [
        (Reset(at=0.5), httpx.ReadError, "cut"),
        (Stall(at=0.5), httpx.ReadTimeout, "client left"),
    ],
    ids=["reset", "stall"],
)
async def test_a_stream_is_cut_after_the_wanted_part(
    fault: Fault, error: type[Exception], ending: str
) -> None:
    with ScriptedProvider(faults={1: fault}) as provider:
        whole, no_error = await received(provider)
        part, cut_by = await received(provider)
        await provider.ended(2)
    assert no_error is None
    assert type(cut_by) is error
    count = math.ceil(whole.count(b"data: ") / 2)
    assert part.count(b"data: ") == count
    assert [done.ending for done in provider.served] == ["complete", ending]


async def test_the_events_of_a_stream_come_as_far_apart_as_set() -> None:
    latency = Latency(median=0.05, between_events=0.02)
    with ScriptedProvider(Script("one two three four five"), latency=latency) as provider:
        count = len(events(await openai(provider, stream=True)))
        await provider.ended(1)
    (done,) = provider.served
    assert done.at - done.request.at >= 0.05 + (count - 1) * 0.02


async def test_a_kept_connection_answers_without_delay() -> None:
    with ScriptedProvider() as provider:
        async with httpx.AsyncClient(timeout=5) as client:
            url, body = f"{provider.openai_base}/chat/completions", {"model": "m"}
            start = time.monotonic()
            for _ in range(20):
                await client.post(url, json={**body, "messages": HELLO})
            passed = time.monotonic() - start
    # With Nagle's algorithm at work each takes 40 ms at least.
    assert passed < 20 * 0.04


async def test_a_reset_at_zero_comes_before_the_status() -> None:
    with ScriptedProvider(faults={0: Reset()}) as provider:
        with pytest.raises(httpx.ReadError):
            await openai(provider)
        assert len(provider.requests) == 1


async def test_bodies_can_be_broken_or_no_json_at_all() -> None:
    faults: dict[int, Fault] = {0: BrokenJson(), 1: Html(status=502)}
    with ScriptedProvider(faults=faults, embedding_faults=faults) as provider:
        bodies = [await openai(provider), await openai(provider)]
        async with httpx.AsyncClient(timeout=5) as client:
            url, body = f"{provider.openai_base}/embeddings", {"model": "m", "input": "hello"}
            bodies += [await client.post(url, json=body), await client.post(url, json=body)]
    assert [response.status_code for response in bodies] == [200, 502, 200, 502]
    for broken in bodies[0], bodies[2]:
        with pytest.raises(json.JSONDecodeError):
            broken.json()
    assert all(page.headers["content-type"] == "text/html" for page in (bodies[1], bodies[3]))


NO_SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "text"}}}
DANGLING: JsonObject = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}}
RESULT: JsonObject = {"role": "tool", "tool_call_id": "nobody", "content": "?"}
ASKED: JsonObject = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    ],
}
OPEN_SCHEMA: JsonObject = {"name": "x", "strict": True, "schema": {"type": "object"}}
OPENAI_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages.0.role"),
    ({"messages": [*HELLO, RESULT]}, "must be a response to a preceeding message"),
    ({"messages": [*HELLO, ASKED, *HELLO]}, "did not have response messages: a"),
    ({"tools": [OPENAI_TOOL, OPENAI_TOOL]}, "unique"),
    ({"tool_choice": "required"}, "only allowed when 'tools' are specified"),
    (
        {
            "tools": [OPENAI_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "other"}},
        },
        "'other' not found",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": NO_SCHEMA}}]},
        "Invalid schema for function 'f': $.properties.a.type",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": DANGLING}}]},
        "reference '#/$defs/x' points to nothing",
    ),
    ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    ({"response_format": {"type": "json_schema"}}, "Missing required parameter"),
    (
        {"response_format": {"type": "json_schema", "json_schema": OPEN_SCHEMA}},
        "'additionalProperties' is required",
    ),
]


@pytest.mark.parametrize(("body", "message"), OPENAI_REFUSALS, ids=[m for _, m in OPENAI_REFUSALS])
async def test_openai_refuses_what_the_real_service_refuses(
    body: dict[str, Any], message: str
) -> None:
    with ScriptedProvider() as provider:
        response = await openai(provider, **body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert message in response.json()["error"]["message"]


USE: JsonObject = {"type": "tool_use", "id": "a", "name": "search", "input": {}}
USED: JsonObject = {"role": "assistant", "content": [USE]}
TWICE: JsonObject = {"role": "assistant", "content": [USE, USE]}
GOT: JsonObject = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}
ANTHROPIC_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens"),
    ({"messages": [{"role": "system", "content": "hi"}]}, "messages.0.role"),
    ({"messages": [USED, GOT]}, "first message must use the 'user' role"),
    ({"messages": [{"role": "user", "content": " "}]}, "text content blocks must be non-empty"),
    ({"messages": [*HELLO, USED, *HELLO]}, "ids were found without `tool_result` blocks"),
    ({"messages": [*HELLO, USED]}, "ids were found without `tool_result` blocks"),
    ({"messages": [*HELLO, GOT]}, "unexpected `tool_use_id` found in `tool_result` blocks: a"),
    ({"messages": [*HELLO, TWICE, GOT]}, "`tool_use` ids must be unique"),
    ({"tools": [{**ANTHROPIC_TOOL, "name": "not valid"}]}, "String should match pattern"),
    ({"tools": [{"name": "f", "input_schema": NO_SCHEMA}]}, "JSON schema is invalid"),
    ({"output_format": {"type": "json_schema", "schema": NO_SCHEMA}}, "$.properties.a.type"),
    ({"tools": [ANTHROPIC_TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "'x' not found"),
]


@pytest.mark.parametrize(
    ("body", "message"), ANTHROPIC_REFUSALS, ids=[str(i) for i in range(len(ANTHROPIC_REFUSALS))]
)
async def test_anthropic_refuses_what_the_real_service_refuses(
    body: dict[str, Any], message: str
) -> None:
    with ScriptedProvider() as provider:
        response = await anthropic(provider, **body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert message in response.json()["error"]["message"]


async def test_the_same_question_gets_the_same_answer_on_both_wires() -> None:
    with ScriptedProvider(SeededBrain(5)) as provider:
        ours = (await openai(provider, tools=[OPENAI_TOOL])).json()
        theirs = (await anthropic(provider, tools=[ANTHROPIC_TOOL])).json()
        again = (await openai(provider, tools=[OPENAI_TOOL])).json()
    (call,) = ours["choices"][0]["message"]["tool_calls"]
    (block,) = theirs["content"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == (
        block["name"],
        block["input"],
    )
    (repeated,) = again["choices"][0]["message"]["tool_calls"]
    assert repeated["function"] == call["function"]
    assert len({call["id"], block["id"], repeated["id"]}) == 3


async def test_structured_output_of_the_anthropic_wire_is_understood() -> None:
    form: JsonObject = {"type": "json_schema", "schema": PARAMETERS}
    with ScriptedProvider() as provider:
        for body in ({"output_format": form}, {"output_config": {"format": form}}):
            text = (await anthropic(provider, **body)).json()["content"][0]["text"]
            assert set(json.loads(text)) == {"query"}


async def test_models_are_listed_and_other_paths_are_not_found_but_recorded() -> None:
    with ScriptedProvider(models=("one", "two")) as provider:
        async with httpx.AsyncClient(timeout=5, base_url=provider.url) as client:
            listed = await client.get("/v1/models")
            stray = await client.post("/v1/responses", content=b"no json at all")
    assert [row["id"] for row in listed.json()["data"]] == ["one", "two"]
    assert (stray.status_code, stray.json()["error"]["code"]) == (404, "unknown_url")
    assert [(seen.method, seen.path) for seen in provider.requests] == [
        ("GET", "/v1/models"),
        ("POST", "/v1/responses"),
    ]
    assert provider.requests[1].raw == b"no json at all"
    assert provider.calls == []
