"""What comes back is read at its place: why it ended, whether it is a refusal, how much it is."""

from __future__ import annotations

import gzip
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from models import wire
from runtime.canonical import Json
from runtime.errors import ModelFault, ModelUnavailable
from tests.models.door import CONTEXT, entry, room
from tests.models.raw import Raw, saying

NOTE = {
    "type": "function",
    "function": {
        "name": "note",
        "description": "Keep a note.",
        "parameters": {"type": "object", "properties": {"refusal": {"type": "string"}}},
    },
}
TRAP = {
    "refusal": "They refused.",
    "finish_reason": None,
    "stop_reason": None,
    "finishReason": None,
}
"""Arguments that have the names of what a wire says of an answer."""
MODELS = {
    "openai": "openai/m",
    "anthropic": "anthropic/claude-m",
    "gemini": "gemini/gemini-3.8-flash",
}
EACH = pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])


def answer(wire: str, end: str | None, *, calls: bool = False, named: bool = True) -> Any:  # noqa: ANN401 - JSON
    """A whole answer that ended for this reason. `named`: the field of it is there."""
    match wire:
        case "openai":
            function = {"name": "note", "arguments": json.dumps(TRAP)}
            call = {"id": "c1", "type": "function", "function": function}
            message: Json = {"role": "assistant", "content": None if calls else "Half an ans"}
            message |= {"tool_calls": [call]} if calls else {}
            choice = {"index": 0, "message": message} | ({"finish_reason": end} if named else {})
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
            return {**head, "choices": [choice], "usage": usage}
        case "anthropic":
            block = {"type": "tool_use", "id": "c1", "name": "note", "input": TRAP}
            content = [block if calls else {"type": "text", "text": "Half an ans"}]
            head = {"id": "m", "type": "message", "role": "assistant", "model": "claude-m"}
            whole = {**head, "content": content, "usage": {"input_tokens": 10, "output_tokens": 5}}
            return whole | ({"stop_reason": end} if named else {})
        case _:
            said = {"functionCall": {"name": "note", "args": TRAP}}
            parts = [said if calls else {"text": "Half an ans"}]
            candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
            candidate |= {"finishReason": end} if named else {}
            counts = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
            return {"candidates": [candidate], "usageMetadata": counts}


def stream(wire: str, end: str | None) -> bytes:
    """The same as a stream, which ends in an orderly way."""
    whole = answer(wire, end)
    if wire == "openai":
        choice = whole["choices"][0]
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        said = {"index": 0, "delta": choice["message"], "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": end}
        events = [{**head, "choices": [one]} for one in (said, last)]
    elif wire == "anthropic":
        text = {"type": "text_delta", "text": "Half an ans"}
        events = [
            {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            {"type": "content_block_delta", "index": 0, "delta": text},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": end}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
    else:
        events = [whole]
    done = "data: [DONE]\n\n" if wire == "openai" else ""
    return ("".join(f"data: {json.dumps(event)}\n\n" for event in events) + done).encode()


def deployment(raw: Raw, wire: str, **options: Any) -> str:  # noqa: ANN401 - of `entry`
    base = raw.url if wire in ("anthropic", "gemini") else f"{raw.url}/v1"
    return entry("only", model=MODELS[wire], base=base, **options)


async def ask(folder: Path, raw: Raw, wire: str, *, streamed: bool = False) -> AIMessage:
    async with room(folder, [deployment(raw, wire)], patience="{pause_seconds: 0.01}") as opened:
        chat = opened.models.chat("work", CONTEXT).bind_tools([NOTE])
        if not streamed:
            return await chat.ainvoke("hi")
        pieces = [piece async for piece in chat.astream("hi")]
        whole: AIMessage = sum(pieces[1:], pieces[0])
        return whole


@EACH
@pytest.mark.parametrize("named", [True, False])
async def test_an_answer_that_says_no_reason_for_its_end_is_not_used(
    tmp_path: Path, wire: str, named: bool
) -> None:
    said = json.dumps(answer(wire, None, named=named)).encode()
    async with saying(said) as raw:
        with pytest.raises((ModelFault, ModelUnavailable)) as caught:
            await ask(tmp_path, raw, wire)
        assert len(raw.requests) == 2, "it is asked for once more"
    # litellm itself cannot do without the field on this wire.
    told = "broken_answer" if wire == "anthropic" and not named else "without a finish reason"
    assert told in str(caught.value)


REASONS = [
    ("openai", "error"),
    ("openai", "network_error"),
    ("openai", "insufficient_system_resource"),
    ("anthropic", "pause_turn"),
    ("gemini", "MALFORMED_FUNCTION_CALL"),
    ("gemini", "FINISH_REASON_UNSPECIFIED"),
]


@pytest.mark.parametrize(("wire", "end"), REASONS)
async def test_an_end_that_is_no_good_one_is_none_whatever_litellm_makes_of_it(
    tmp_path: Path, wire: str, end: str
) -> None:
    async with saying(json.dumps(answer(wire, end)).encode()) as raw:
        with pytest.raises(ModelFault, match=f"for the reason '{end}'") as caught:
            await ask(tmp_path, raw, wire)
    assert caught.value.fault == "no_finish"


@pytest.mark.parametrize(
    ("wire", "end"),
    [("openai", None), ("openai", "error"), ("anthropic", "pause_turn"), ("gemini", None)],
)
async def test_the_end_of_a_stream_is_looked_at_as_well(
    tmp_path: Path, wire: str, end: str | None
) -> None:
    async with saying(stream(wire, end), kind="text/event-stream; charset=utf-8") as raw:
        with pytest.raises(ModelFault) as caught:
            await ask(tmp_path, raw, wire, streamed=True)
    assert caught.value.fault == "no_finish"


@pytest.mark.parametrize(("wire", "end"), [("openai", "stop"), ("anthropic", "end_turn")])
async def test_a_stream_whose_last_line_has_no_end_is_read_to_its_end(
    tmp_path: Path, wire: str, end: str
) -> None:
    said = stream(wire, end).removesuffix(b"data: [DONE]\n\n").rstrip(b"\n")
    async with saying(said, kind="text/event-stream") as raw:
        answered = await ask(tmp_path, raw, wire, streamed=True)
    assert answered.text == "Half an ans"


async def test_a_call_that_had_no_room_for_its_rest_is_not_made(tmp_path: Path) -> None:
    said = json.dumps(answer("gemini", "MAX_TOKENS", calls=True)).encode()
    async with saying(said) as raw:
        with pytest.raises(ModelFault) as caught:
            await ask(tmp_path, raw, "gemini")
    assert caught.value.fault == "cut_off"


ENDS = {"openai": "tool_calls", "anthropic": "tool_use", "gemini": "STOP"}


@EACH
async def test_the_arguments_of_a_tool_say_nothing_of_the_answer(tmp_path: Path, wire: str) -> None:
    said = json.dumps(answer(wire, ENDS[wire], calls=True)).encode()
    async with saying(said) as raw:
        answered = await ask(tmp_path, raw, wire)
    assert [call["args"] for call in answered.tool_calls] == [TRAP]


WORDS = "I will not help with that."


def refusing(*, streamed: bool) -> bytes:
    if not streamed:
        whole = answer("openai", "stop")
        whole["choices"][0]["message"] |= {"content": None, "refusal": WORDS}
        return json.dumps(whole).encode()
    said = stream("openai", "stop").decode().split("\n\n")
    event = json.loads(said[0].removeprefix("data: "))
    halves = []
    for half in (WORDS[:9], WORDS[9:]):
        event["choices"][0]["delta"] = {"role": "assistant", "refusal": half}
        halves.append(f"data: {json.dumps(event)}")
    return "\n\n".join([*halves, *said[1:]]).encode()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_refusal_is_seen_however_it_comes_over_the_wire(
    tmp_path: Path, streamed: bool, packed: bool
) -> None:
    said = refusing(streamed=streamed)
    headers = {"content-encoding": "gzip"} if packed else {}
    body = gzip.compress(said) if packed else said
    cut = len(body) // 2 if packed else body.index(b"refusal") + 15
    kind = "text/event-stream" if streamed else "application/json"
    async with saying(body[:cut], body[cut:], kind=kind, headers=headers) as raw:
        with pytest.raises(ModelFault, match=WORDS) as caught:
            await ask(tmp_path, raw, "openai", streamed=streamed)
        assert len(raw.requests) == 1, "it is not asked again"
    assert caught.value.fault == "refused"


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read(tmp_path: Path) -> None:
    whole = answer("openai", "stop")
    whole["choices"][0]["message"]["content"] = "word " * 600_000
    packed = gzip.compress(json.dumps(whole).encode())
    async with saying(packed, headers={"content-encoding": "gzip"}) as raw:
        with pytest.raises(ModelUnavailable) as caught:
            await ask(tmp_path, raw, "openai")
    assert len(packed) < 100_000
    assert caught.value.tried == (("only", "too_long"),)


HANDLER = "litellm.llms.custom_httpx.http_handler"


async def test_the_environment_does_not_take_the_transport_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISABLE_AIOHTTP_TRANSPORT", "True")
    monkeypatch.setattr("litellm.disable_aiohttp_transport", True)
    import_module("models.library")
    transport = import_module(HANDLER).AsyncHTTPHandler.create_async_transport()
    assert type(transport).__name__ == "LiteLLMAiohttpTransport"


RESPONSE = {"object": "response", "output": []}
HELP = {"type": "refusal", "refusal": "No."}
CASES: list[tuple[Json, str | None]] = [
    ({"choices": [{"finish_reason": "stop"}, {"finish_reason": "tool_calls"}]}, "stop"),
    ({"choices": [{"finish_reason": "stop"}, {}]}, ""),
    ({"choices": [{"finish_reason": 7}]}, ""),
    ({"choices": [None]}, ""),
    ({"choices": []}, None),
    ({"candidates": [{"finishReason": "STOP"}]}, "STOP"),
    ({"promptFeedback": {"blockReason": "SAFETY"}}, None),
    ({"type": "message_start", "message": {"stop_reason": None}}, ""),
    ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, "end_turn"),
    ({"type": "content_block_delta", "delta": {"partial_json": '{"stop_reason": "x"}'}}, None),
    ({"output": {"message": {}}, "stopReason": "max_tokens"}, "max_tokens"),
    ({"output": {"message": {}}}, ""),
    (RESPONSE | {"status": "completed"}, "completed"),
    (RESPONSE | {"status": "in_progress"}, ""),
    (RESPONSE, ""),
    ({"type": "response.completed", "response": RESPONSE | {"status": "completed"}}, "completed"),
    ({"message": {}, "done": True, "done_reason": "length"}, "length"),
    ({"message": {}, "done": True}, "stop"),
    ({"message": {}, "done": False}, ""),
    ({"message": {}, "finish_reason": "COMPLETE"}, "COMPLETE"),
    ({"access_token": "t"}, None),
    (["choices"], None),
    (None, None),
]


@pytest.mark.parametrize(("said", "end"), CASES)
def test_each_wire_has_its_place_for_the_reason(said: Json, end: str | None) -> None:
    assert wire.end(said) == end


REFUSALS: list[tuple[Json, str]] = [
    ({"choices": [{"message": {"refusal": "No."}}]}, "No."),
    ({"choices": [{"message": {"refusal": None}}, {"delta": {"refusal": "No."}}]}, "No."),
    ({"type": "response.refusal.delta", "delta": "No."}, "No."),
    (RESPONSE | {"output": [{"content": [HELP]}, {"content": None}]}, "No."),
    ({"choices": [{"message": {"tool_calls": [{"refusal": "No."}]}}]}, ""),
    ({"refusal": "No."}, ""),
    (["refusal"], ""),
]


@pytest.mark.parametrize(("said", "words"), REFUSALS)
def test_a_refusal_stands_in_its_place_alone(said: Json, words: str) -> None:
    assert wire.refusal(said) == words
