"""The scripted provider through the real litellm, in both wire formats.
What a client of ours sees of an answer, of an error and of an embedding is asserted here."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio

from tests.provider import (
    AdversarialBrain,
    Exchange,
    Fault,
    JsonObject,
    Latency,
    Mischief,
    Reply,
    Script,
    ScriptedProvider,
    SeededBrain,
    Tool,
    ToolCall,
    Turn,
    Usage,
    When,
    Wire,
    context_length_exceeded,
    model_not_found,
    rate_limited,
    server_error,
    unauthorized,
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
)
from tests.provider.embeddings import embed as embed_text

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *(pytest.mark.filterwarnings(each) for each in WARNINGS),
]
each_wire = pytest.mark.parametrize("wire", WIRES)
each_way = pytest.mark.parametrize("way", WAYS)
KEYS = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}
# Before the first event, all the same.
STREAMED_ON_GEMINI: dict[type[Exception], type[Exception]] = {
    exceptions.RateLimitError: exceptions.MidStreamFallbackError,
    exceptions.InternalServerError: exceptions.MidStreamFallbackError,
    exceptions.ContextWindowExceededError: exceptions.BadRequestError,
}

FIND_CUSTOMER: JsonObject = {
    "type": "object",
    "properties": {"customer_id": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["customer_id"],
}
LIST_ORDERS: JsonObject = {
    "type": "object",
    "properties": {
        "customer": {"type": "integer"},
        "status": {"type": "string", "enum": ["open", "closed"]},
    },
    "required": ["customer", "status"],
}
FINDING: JsonObject = {
    "$defs": {"Tags": {"type": "array", "items": {"type": "string"}, "minItems": 2}},
    "type": "object",
    "properties": {
        "summary": {"type": "string", "minLength": 5},
        "customer_id": {"type": "integer", "minimum": 1},
        "status": {"enum": ["found", "missing"]},
        "tags": {"$ref": "#/$defs/Tags"},
    },
    "required": ["summary", "customer_id", "status", "tags"],
    "additionalProperties": False,
}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _no_open_clients() -> AsyncIterator[None]:
    yield
    await close_clients()


def offered(name: str, description: str, schema: JsonObject) -> JsonObject:
    function: JsonObject = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


TOOLS = [
    offered("find_customer", "Look up a customer by number", FIND_CUSTOMER),
    offered("list_orders", "List the orders of a customer", LIST_ORDERS),
]


def calls_of(answer: Any) -> list[tuple[str, JsonObject]]:  # noqa: ANN401 - litellm's class
    calls = answer.choices[0].message.tool_calls
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


@each_wire
@each_way
async def test_text_finish_and_usage_arrive_as_scripted(wire: Wire, way: Way) -> None:
    reply = Reply(text="Good morning, and welcome.", usage=Usage(prompt=120, completion=7))
    with ScriptedProvider(Script(reply)) as provider:
        answer = await ask_either_way(provider, wire, way, "Hello there")
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == (reply.text, "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (120, 7)
    assert len(provider.requests) == 1


@each_wire
async def test_a_stream_comes_in_pieces_that_differ(wire: Wire) -> None:
    with ScriptedProvider(Script("ha " * 400)) as provider:
        chunks = await ask_streaming(provider, wire, "Laugh")
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    said = [text for text in texts if text]
    assert "".join(said) == "ha " * 400
    assert all(left != right for left, right in itertools.pairwise(said))


@each_wire
@each_way
async def test_several_tool_calls_travel_in_one_message(wire: Wire, way: Way) -> None:
    calls = (
        ToolCall(name="find_customer", arguments={"customer_id": 42, "note": "vip – «yes»"}),
        ToolCall(name="list_orders", arguments={"customer": 42, "status": "open"}),
        ToolCall(name="list_orders", arguments={"customer": 42, "status": "closed"}),
    )
    with ScriptedProvider(Script(Reply(text="Let me see.", tool_calls=calls))) as provider:
        answer = await ask_either_way(provider, wire, way, "Orders of 42?", tools=TOOLS)
    assert calls_of(answer) == [(call.name, call.arguments) for call in calls]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content == "Let me see."
    assert len({call.id for call in answer.choices[0].message.tool_calls}) == 3


@each_wire
async def test_results_of_tools_come_back_as_turns_that_name_their_calls(wire: Wire) -> None:
    seen: list[Exchange] = []

    def remember(exchange: Exchange) -> Reply:
        seen.append(exchange)
        return Reply(text="Two orders.")

    call = ToolCall(name="find_customer", arguments={"customer_id": 42})
    with ScriptedProvider(Script(Reply(tool_calls=(call, call)), remember)) as provider:
        messages: list[JsonObject] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who is 42?"},
        ]
        first = await ask(provider, wire, messages, tools=TOOLS)
        message = first.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for made in message.tool_calls:
            messages.append({"role": "tool", "tool_call_id": made.id, "content": f"got {made.id}"})
        await ask(provider, wire, messages, tools=TOOLS)
    exchange = seen[0]
    assert [turn.role for turn in exchange.turns] == ["system", "user", "assistant", "tool", "tool"]
    assert [turn.text for turn in exchange.turns if turn.role == "tool"] == [
        f"got {made.id}" for made in message.tool_calls
    ]
    # On one wire litellm keeps the thought behind a call in its id, and sends it as what it is.
    ids = [made.id.partition("__thought__")[0] for made in message.tool_calls]
    assert [made.id for made in exchange.turns[2].tool_calls] == ids
    assert exchange.turns[-1] == Turn(
        role="tool", text=f"got {message.tool_calls[1].id}", tool_call_id=ids[1]
    )
    assert exchange.tools[0] == Tool(
        name="find_customer", description="Look up a customer by number", schema=FIND_CUSTOMER
    )
    assert [request.wire for request in provider.requests] == [wire, wire]


@each_wire
@each_way
async def test_a_demanded_schema_gets_a_valid_instance(wire: Wire, way: Way) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "finding", "schema": FINDING}}
    with ScriptedProvider(SeededBrain(3)) as provider:
        answer = await ask_either_way(
            provider, wire, way, "What do we know of customer 42?", response_format=form
        )
    found = json.loads(answer.choices[0].message.content)
    jsonschema.validate(found, FINDING)
    assert found["customer_id"] == 42


@each_wire
@each_way
async def test_a_forced_tool_is_called_with_valid_arguments(wire: Wire, way: Way) -> None:
    choice = {"type": "function", "function": {"name": "list_orders"}}
    with ScriptedProvider(SeededBrain(3)) as provider:
        answer = await ask_either_way(
            provider, wire, way, "Open orders of 42?", tools=TOOLS, tool_choice=choice
        )
    assert calls_of(answer) == [("list_orders", {"customer": 42, "status": "open"})]


async def test_json_mode_gets_an_object() -> None:
    with ScriptedProvider() as provider:
        answer = await ask(
            provider, "openai", "Answer in JSON", response_format={"type": "json_object"}
        )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


@each_wire
async def test_the_seeded_brain_calls_a_tool_and_then_answers_from_its_result(wire: Wire) -> None:
    messages: list[JsonObject] = [{"role": "user", "content": "Please look up customer 42."}]
    with ScriptedProvider(SeededBrain(1)) as provider:
        first = (await ask(provider, wire, messages, tools=TOOLS)).choices[0].message
        assert first.tool_calls[0].function.name == "find_customer"
        messages.append(first.model_dump(exclude_none=True))
        result: JsonObject = {"role": "tool", "content": "Ada Lovelace, Turin"}
        messages.append({**result, "tool_call_id": first.tool_calls[0].id})
        second = (await ask(provider, wire, messages, tools=TOOLS)).choices[0].message
    assert not second.tool_calls
    assert "Ada Lovelace, Turin" in second.content


async def test_cached_and_reasoning_tokens_are_reported() -> None:
    usage = Usage(prompt=900, completion=80, cached=500, reasoning=60)
    with ScriptedProvider(Script(*[Reply(text="yes", usage=usage)] * 3)) as provider:
        used = {wire: (await ask(provider, wire, "Really?")).usage for wire in WIRES}
    for one in used.values():
        assert (one.prompt_tokens, one.completion_tokens) == (900, 80)
        assert one.prompt_tokens_details.cached_tokens == 500
    for wire in ("openai", "gemini"):
        assert used[wire].completion_tokens_details.reasoning_tokens == 60


@each_wire
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (rate_limited(retry_after=7), exceptions.RateLimitError),
        (server_error(), exceptions.InternalServerError),
        (unauthorized(), exceptions.AuthenticationError),
        (model_not_found(), exceptions.NotFoundError),
        (context_length_exceeded(), exceptions.ContextWindowExceededError),
    ],
    ids=["429", "500", "401", "404", "context"],
)
@each_way
async def test_an_error_status_becomes_the_exception_of_its_kind(
    wire: Wire, way: Way, fault: Fault, error: type[Exception]
) -> None:
    with ScriptedProvider(Script("fine"), faults={0: fault}) as provider:
        if (wire, way) == ("gemini", "stream"):
            error = STREAMED_ON_GEMINI.get(error, error)
        with pytest.raises(error) as caught:
            await ask_either_way(provider, wire, way, "Hello")
        assert type(caught.value) is error
        assert len(provider.requests) == 1
        after = await ask_either_way(provider, wire, way, "Hello")
    # The fault did not use up the script.
    assert after.choices[0].message.content == "fine"


async def test_retry_after_reaches_the_client() -> None:
    with (
        ScriptedProvider(faults={0: rate_limited(retry_after=7)}) as provider,
        pytest.raises(exceptions.RateLimitError) as caught,
    ):
        await ask(provider, "openai", "Hello")
    assert vars(caught.value)["litellm_response_headers"]["retry-after"] == "7"


async def test_embeddings_are_the_same_each_time_and_close_for_like_texts() -> None:
    texts = ["the licence of a package", "the licence of this package", "fresh bread in Turin"]
    with ScriptedProvider(dimensions=96) as provider:
        vectors = await embed(provider, texts)
        assert await embed(provider, texts[:1]) == vectors[:1]
        assert [len(vector) for vector in await embed(provider, texts, dimensions=8)] == [8, 8, 8]
        asked = provider.requests
    assert [len(vector) for vector in vectors] == [96, 96, 96]

    # Known by heart, so that other processes and versions of Python are held to it as well.
    assert embed_text("rye", 0, 4) == pytest.approx((0.8712, -0.2491, 0.3237, 0.2724), abs=1e-4)

    def likeness(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert likeness(vectors[0], vectors[1]) > 0.5 > likeness(vectors[0], vectors[2])
    assert [request.path for request in asked] == ["/v1/embeddings"] * 3
    assert provider.calls == []


@each_wire
async def test_requests_are_recorded_with_path_headers_and_body(wire: Wire) -> None:
    with ScriptedProvider(Script("one", "two")) as provider:
        await ask(provider, wire, "first", temperature=0.25)
        await ask(provider, wire, "second", max_tokens=77)
        await provider.ended(2)
    one, two = provider.requests
    paths = {
        "openai": "/v1/chat/completions",
        "anthropic": "/v1/messages",
        "gemini": "/v1beta/models/gemini-3.8-flash:generateContent",
    }
    assert (one.wire, one.method, one.path) == (wire, "POST", paths[wire])
    assert (one.index, one.call, two.index, two.call) == (0, 0, 1, 1)
    settings: list[Any] = [seen.body.get("generationConfig", seen.body) for seen in (one, two)]
    assert settings[0]["temperature"] == 0.25
    limit = "max_output_tokens" if wire == "gemini" else "max_tokens"
    assert settings[1][limit] == 77
    assert "first" in one.raw.decode()
    assert "test" in one.headers[KEYS[wire]]
    assert 0 <= one.at <= two.at
    assert [done.ending for done in provider.served] == ["complete", "complete"]


@each_wire
async def test_mischief_travels_like_any_answer_and_is_named_in_the_record(wire: Wire) -> None:
    brain = AdversarialBrain(11, mischief={Mischief.INVENTED_TOOL})
    with ScriptedProvider(brain) as provider:
        answer = await ask(provider, wire, "Who is customer 42?", tools=TOOLS)
        await provider.ended(1)
    ((name, _),) = calls_of(answer)
    assert name not in ("find_customer", "list_orders")
    assert [done.note for done in provider.served] == ["invented tool"]


@each_wire
async def test_a_script_that_ran_out_refuses_and_remembers(wire: Wire) -> None:
    script = Script("only line")
    with ScriptedProvider(script) as provider:
        await ask(provider, wire, "one")
        with pytest.raises(exceptions.BadRequestError, match="the script has 1 lines and 0 rules"):
            await ask(provider, wire, "two")
    assert [exchange.last.text for exchange in script.unanswered] == ["two"]
    assert not script.finished
    assert len(provider.requests) == 2


async def test_a_rule_goes_before_the_lines_as_often_as_it_may() -> None:
    script = Script(
        "plain",
        When(r"(?i)refund", "Of course.", times=1),
        When(lambda exchange: "cake" in exchange.last.text, lambda exchange: exchange.model),
    )
    with ScriptedProvider(script) as provider:
        said = [
            (await ask(provider, "openai", text)).choices[0].message.content
            for text in ("A REFUND please", "a refund again", "cake", "more cake")
        ]
    assert said == ["Of course.", "plain", "scripted", "scripted"]
    assert script.finished


async def test_latency_of_one_request_does_not_hold_up_another() -> None:
    latency = Latency(median=0.3, sigma=0.1, seed=4, longest=0.5)
    with ScriptedProvider(latency=latency) as provider:
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(ask(provider, "openai", f"question {number}"))
        passed = time.monotonic() - start
        await provider.ended(8)
    assert provider.peak == 8
    assert 0.2 < passed < 1.6
    waits = [done.at - done.request.at for done in provider.served]
    assert len({round(wait, 2) for wait in waits}) > 1


async def test_another_key_than_the_set_one_is_refused() -> None:
    with ScriptedProvider(api_key="secret") as provider:
        for wire in WIRES:
            with pytest.raises(exceptions.AuthenticationError):
                await ask(provider, wire, "Hello")
            await ask(provider, wire, "Hello", api_key="secret")


async def test_a_brain_that_fails_is_told_on_leaving() -> None:
    def broken(exchange: Exchange) -> Reply:
        raise KeyError("no such thing")

    async def use() -> None:
        with (
            ScriptedProvider(Script(broken)) as provider,
            pytest.raises(exceptions.InternalServerError, match="no such thing"),
        ):
            await ask(provider, "openai", "Hello")

    with pytest.raises(KeyError, match="no such thing"):
        await use()


async def test_leaving_closes_the_port_and_ends_the_thread() -> None:
    before = threading.active_count()
    with ScriptedProvider() as provider:
        await ask(provider, "openai", "Hello")
        port = provider.url
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{port}/v1/models")
    assert not [t for t in threading.enumerate() if t.name.startswith("scripted-provider")]
    assert threading.active_count() <= before + 4
