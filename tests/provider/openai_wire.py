"""OpenAI chat completions: requests into exchanges, answers into completions and chunks.
Field by field as the vendor's reference has it, because clients depend on the details."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from tests.provider.answer import Answer, SentCall, pieces
from tests.provider.exchange import Exchange, JsonObject, Tool, ToolCall, ToolUse, Turn, Usage, Wire
from tests.provider.faults import HttpError
from tests.provider.openai_request import ChatRequest, Message, NamedChoice, arguments, check
from tests.provider.wire import Event, complaint

CREATED = 1_760_000_000  # A fixed second: equal requests give equal bodies.
ARGUMENT_SIZES = (7, 13, 10, 16)
KINDS = {
    401: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class OpenAIWire:
    """`POST /v1/chat/completions`."""

    name: Wire = "openai"

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Exchange:
        try:
            request = ChatRequest.model_validate(body)
        except ValidationError as error:
            raise complaint(error) from error
        check(request)
        form = request.response_format
        return Exchange(
            wire=self.name,
            model=request.model,
            turns=tuple(_turn(message) for message in request.messages),
            tools=_tools(request),
            tool_use=_tool_use(request),
            forced_tool=_forced(request),
            schema=form.json_schema.body if form and form.json_schema else None,
            json_mode=form is not None and form.type == "json_object",
            temperature=request.temperature,
            max_tokens=request.max_completion_tokens or request.max_tokens,
            stream=bool(request.stream),
            include_usage=bool(request.stream_options and request.stream_options.include_usage),
            headers=headers,
            body=body,
        )

    def body(self, exchange: Exchange, answer: Answer) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": answer.text, "refusal": None}
        if answer.refusal:
            message |= {"content": None, "refusal": answer.refusal}
        if answer.calls:
            message["content"] = answer.text or None
            message["tool_calls"] = [_call(call, call.arguments) for call in answer.calls]
        choice: JsonObject = {
            "index": 0,
            "message": message,
            "logprobs": None,
        }
        if answer.named:
            choice["finish_reason"] = _finish(exchange, answer)
        whole = _frame(exchange, answer, "chat.completion")
        whole["choices"] = [] if answer.hollow else [choice]
        if answer.usage:
            whole["usage"] = _usage(answer.usage)
        return whole

    def events(self, exchange: Exchange, answer: Answer) -> Sequence[Event]:
        chunks = [_chunk(exchange, answer, delta) for delta in _deltas(answer)]
        if answer.finish:
            chunks.append(_chunk(exchange, answer, {}, finish=_finish(exchange, answer)))
        if answer.hollow:
            chunks = [{**chunk, "choices": []} for chunk in chunks]
        if exchange.include_usage and answer.usage and answer.finish:
            chunks = [{**chunk, "usage": None} for chunk in chunks]
            last = _frame(exchange, answer, "chat.completion.chunk")
            chunks.append({**last, "choices": [], "usage": _usage(answer.usage)})
        end = [Event("[DONE]")] if answer.finish else []
        return [*(Event(chunk) for chunk in chunks), *end]

    def error(self, fault: HttpError) -> JsonObject:
        kind = fault.kind or KINDS.get(fault.status, "invalid_request_error")
        return {
            "error": {
                "message": fault.message,
                "type": kind,
                "param": fault.param,
                "code": fault.code,
            }
        }

    def error_event(self, message: str) -> Event:
        return Event(self.error(HttpError(status=500, message=message)))


def _turn(message: Message) -> Turn:
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, arguments=arguments(call.function.arguments))
        for call in message.tool_calls or []
    )
    return Turn(
        role="system" if message.role == "developer" else message.role,
        text=message.text,
        tool_calls=calls,
        tool_call_id=message.tool_call_id,
    )


def _tools(request: ChatRequest) -> tuple[Tool, ...]:
    functions = [tool.function for tool in request.tools or []]
    return tuple(
        Tool(name=each.name, description=each.description or "", schema=each.parameters)
        for each in functions
    )


def _tool_use(request: ChatRequest) -> ToolUse:
    if isinstance(request.tool_choice, NamedChoice):
        return "required"
    return request.tool_choice or "auto"


def _forced(request: ChatRequest) -> str | None:
    choice = request.tool_choice
    return choice.function.name if isinstance(choice, NamedChoice) else None


def _frame(exchange: Exchange, answer: Answer, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": CREATED,
        "model": exchange.model,
        "system_fingerprint": "fp_scripted",
    }


def _chunk(
    exchange: Exchange, answer: Answer, delta: JsonObject, *, finish: str | None = None
) -> JsonObject:
    choice: JsonObject = {
        "index": 0,
        "delta": delta,
        "logprobs": None,
        "finish_reason": finish,
    }
    return {**_frame(exchange, answer, "chat.completion.chunk"), "choices": [choice]}


def _deltas(answer: Answer) -> Iterator[JsonObject]:
    yield {"role": "assistant", "content": None if answer.calls and not answer.text else ""}
    for text in answer.chunks:
        yield {"content": text}
    if answer.refusal:
        yield {"refusal": answer.refusal}
    for i, call in enumerate(answer.calls):
        yield {"tool_calls": [{"index": i, **_call(call, "")}]}
        for text in pieces(call.arguments, ARGUMENT_SIZES):
            yield {"tool_calls": [{"index": i, "function": {"arguments": text}}]}


def _call(call: SentCall, arguments: str) -> JsonObject:
    function: JsonObject = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _finish(exchange: Exchange, answer: Answer) -> str | None:
    # The real service says "stop" when the call was forced by name.
    if answer.finish == "tool_calls" and exchange.forced_tool:
        return "stop"
    return answer.finish


def _usage(usage: Usage) -> JsonObject:
    prompt: dict[str, JsonValue] = {"cached_tokens": usage.cached, "audio_tokens": 0}
    completion: dict[str, JsonValue] = {"reasoning_tokens": usage.reasoning, "audio_tokens": 0}
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }
