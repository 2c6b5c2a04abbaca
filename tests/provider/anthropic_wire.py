"""Anthropic messages: requests into exchanges, answers into messages and typed events.
Field by field as the vendor's reference has it, because clients depend on the details."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from tests.provider.answer import Answer, SentCall, pieces
from tests.provider.anthropic_request import Message, MessagesRequest, check, text_of
from tests.provider.exchange import Exchange, JsonObject, Tool, ToolCall, ToolUse, Turn, Wire
from tests.provider.faults import HttpError
from tests.provider.wire import BadRequestError, Event, complaint

ARGUMENT_SIZES = (8, 15, 11, 18)
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "pause_turn",
}
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
TOOL_USE: dict[str, ToolUse] = {
    "auto": "auto",
    "any": "required",
    "tool": "required",
    "none": "none",
}


class AnthropicWire:
    """`POST /v1/messages`."""

    name: Wire = "anthropic"

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Exchange:
        if "anthropic-version" not in headers:
            raise BadRequestError("anthropic-version: header is required")
        try:
            request = MessagesRequest.model_validate(body)
        except ValidationError as error:
            raise complaint(error) from error
        check(request)
        choice = request.tool_choice
        return Exchange(
            wire=self.name,
            model=request.model,
            turns=tuple(_turns(request)),
            tools=tuple(
                Tool(name=tool.name, description=tool.description, schema=tool.input_schema)
                for tool in request.tools or []
            ),
            tool_use=TOOL_USE[choice.type] if choice else "auto",
            forced_tool=choice.name if choice and choice.type == "tool" else None,
            schema=request.schema_of_answer,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            stream=bool(request.stream),
            include_usage=True,
            headers=headers,
            body=body,
        )

    def body(self, exchange: Exchange, answer: Answer) -> JsonObject:
        blocks: list[JsonValue] = []
        if answer.text or not answer.calls:
            blocks.append({"type": "text", "text": answer.text})
        blocks.extend(_tool_use(call, _input(call.arguments)) for call in answer.calls)
        whole = _message(exchange, answer)
        whole["content"] = [] if answer.hollow else blocks
        whole["stop_reason"] = _stop_reason(answer)
        if answer.usage:
            whole["usage"] = _usage(answer, answer.usage.completion)
        return whole

    def events(self, exchange: Exchange, answer: Answer) -> Sequence[Event]:
        start = _message(exchange, answer)
        if answer.usage:
            start["usage"] = _usage(answer, 1)
        bodies: list[JsonObject] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        if not answer.hollow:
            bodies.extend(_blocks(answer))
        if answer.finish:
            delta: JsonObject = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
            last: JsonObject = {"type": "message_delta", "delta": delta}
            if answer.usage:
                last["usage"] = {"output_tokens": answer.usage.completion}
            bodies += [last, {"type": "message_stop"}]
        return [Event(body, name=str(body["type"])) for body in bodies]

    def error(self, fault: HttpError) -> JsonObject:
        kind = fault.kind or KINDS.get(fault.status, "api_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": fault.message},
            "request_id": "req_scripted",
        }

    def error_event(self, message: str) -> Event:
        return Event(self.error(HttpError(status=529, message=message)), name="error")


def _turns(request: MessagesRequest) -> Iterator[Turn]:
    system = text_of(request.system)
    if system:
        yield Turn(role="system", text=system)
    for message in request.messages:
        yield from _results(message)
        text = text_of(message.blocks)
        calls = tuple(
            ToolCall(id=block.id, name=block.name or "", arguments=block.input or {})
            for block in message.blocks
            if block.type == "tool_use"
        )
        only_results = {block.type for block in message.blocks} == {"tool_result"}
        if text or calls or not only_results:
            yield Turn(role=message.role, text=text, tool_calls=calls)


def _results(message: Message) -> Iterator[Turn]:
    for block in message.blocks:
        if block.type == "tool_result":
            yield Turn(
                role="tool",
                text=text_of(block.content),
                tool_call_id=block.tool_use_id,
                is_error=bool(block.is_error),
            )


def _message(exchange: Exchange, answer: Answer) -> JsonObject:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(answer: Answer) -> str | None:
    return STOP_REASONS[answer.finish] if answer.finish else None


def _tool_use(call: SentCall, input: JsonValue) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": input}


def _input(arguments: str) -> JsonValue:
    # Outside of a stream arguments travel as JSON; broken ones can only be shown as a string.
    try:
        value: JsonValue = json.loads(arguments)
    except ValueError:
        return arguments
    return value


def _blocks(answer: Answer) -> Iterator[JsonObject]:
    index = 0
    if answer.chunks or not answer.calls:
        deltas = ({"type": "text_delta", "text": text} for text in answer.chunks)
        yield from _block(index, {"type": "text", "text": ""}, deltas)
        index += 1
    for call in answer.calls:
        texts = ("", *pieces(call.arguments, ARGUMENT_SIZES))
        parts = ({"type": "input_json_delta", "partial_json": text} for text in texts)
        yield from _block(index, _tool_use(call, {}), parts)
        index += 1


def _block(index: int, start: JsonObject, deltas: Iterator[dict[str, str]]) -> Iterator[JsonObject]:
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": {**delta}}
    yield {"type": "content_block_stop", "index": index}


def _usage(answer: Answer, output: int) -> JsonObject:
    prompt, cached = (answer.usage.prompt, answer.usage.cached) if answer.usage else (0, 0)
    return {
        # On this wire cached tokens are counted beside the input, not inside it.
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
    }
