"""Gemini's generateContent: requests into exchanges, answers into candidates and their stream.
Field by field as the vendor's reference has it, because clients depend on the details."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from tests.provider.answer import Answer, SentCall
from tests.provider.exchange import (
    Exchange,
    JsonObject,
    Role,
    Tool,
    ToolCall,
    ToolUse,
    Turn,
    Usage,
    Wire,
    canonical,
)
from tests.provider.faults import HttpError
from tests.provider.gemini_request import Content, GenerateRequest, check
from tests.provider.wire import BadRequestError, Event

FINISH_REASONS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "error": "MALFORMED_RESPONSE",
}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TOOL_USE: dict[str, ToolUse] = {
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}


@dataclass(slots=True)
class GeminiWire:
    """`POST /v1beta/models/MODEL:generateContent`, and `:streamGenerateContent?alt=sse`.

    Model and way stand in the path, so there is a wire for each request.
    """

    model: str = ""
    stream: bool = False
    name: Wire = "gemini"

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Exchange:
        if "x-goog-api-key" not in headers:
            raise BadRequestError("Method doesn't allow unregistered callers. Use an API key.")
        try:
            request = GenerateRequest.model_validate(body)
        except ValidationError as error:
            raise _complaint(error) from error
        check(request, signed=_thinks(self.model))
        calling = request.calling
        allowed = calling.allowed or []
        return Exchange(
            wire=self.name,
            model=self.model,
            turns=tuple(_turns(request)),
            tools=tuple(
                Tool(name=one.name, description=one.description, schema=one.form)
                for one in request.declarations
            ),
            tool_use=TOOL_USE[calling.mode],
            forced_tool=allowed[0] if calling.mode == "ANY" and len(allowed) == 1 else None,
            schema=request.config.schema_of_answer,
            json_mode=request.config.mime == "application/json"
            and request.config.schema_of_answer is None,
            temperature=request.config.temperature,
            max_tokens=request.config.max_output_tokens,
            stream=self.stream,
            include_usage=True,
            headers=headers,
            body=body,
        )

    def body(self, exchange: Exchange, answer: Answer) -> JsonObject:
        parts: list[JsonValue] = [{"text": answer.text}] if answer.text else []
        parts += _calls(exchange, answer)
        return self._frame(answer, parts, last=True)

    def events(self, exchange: Exchange, answer: Answer) -> Sequence[Event]:
        pieces: list[list[JsonValue]] = [[{"text": text}] for text in answer.chunks]
        pieces += [[call] for call in _calls(exchange, answer)]
        frames = [self._frame(answer, parts, last=False) for parts in pieces]
        if answer.finish or not frames:
            frames.append(self._frame(answer, [{"text": ""}], last=True))
        return [Event(frame) for frame in frames]

    def error(self, fault: HttpError) -> JsonObject:
        status = fault.kind or STATUSES.get(fault.status, "UNKNOWN")
        return {"error": {"code": fault.status, "message": fault.message, "status": status}}

    def error_event(self, message: str) -> Event:
        return Event(self.error(HttpError(status=503, message=message)))

    def _frame(self, answer: Answer, parts: list[JsonValue], *, last: bool) -> JsonObject:
        candidate: JsonObject = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if last and answer.finish:
            candidate |= _ending(answer)
        frame: JsonObject = {"modelVersion": self.model, "responseId": answer.id}
        if not answer.hollow:
            frame["candidates"] = [candidate]
        if answer.usage:
            frame["usageMetadata"] = _usage(answer.usage, said=last)
        return frame


def signature(id: str) -> str:
    """What a thinking model wants to see again beside its call."""
    return base64.b64encode(f"thought of {id}".encode()).decode()


def _thinks(model: str) -> bool:
    return model.startswith(("gemini-3", "gemini-4"))


def _complaint(error: ValidationError) -> BadRequestError:
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"][:-1])
    if first["type"] == "extra_forbidden":
        at = f" at '{place}'" if place else ""
        return BadRequestError(
            f'Invalid JSON payload received. Unknown name "{first["loc"][-1]}"{at}: Cannot find'
            " field."
        )
    whole = ".".join(str(step) for step in first["loc"])
    return BadRequestError(f"Invalid value at '{whole}': {first['msg']}")


def _turns(request: GenerateRequest) -> Iterator[Turn]:
    if request.system and request.system.text:
        yield Turn(role="system", text=request.system.text)
    for content in request.contents:
        yield from _results(content)
        calls = tuple(
            ToolCall(id=call.id, name=call.name, arguments=call.args) for call in content.calls
        )
        if content.text or calls or not content.responses:
            role: Role = "assistant" if content.role == "model" else "user"
            yield Turn(role=role, text=content.text, tool_calls=calls)


def _results(content: Content) -> Iterator[Turn]:
    for one in content.responses:
        plain = one.response.get("content") if set(one.response) == {"content"} else None
        text = plain if isinstance(plain, str) else canonical(one.response)
        yield Turn(role="tool", text=text, tool_call_id=one.id)


def _calls(exchange: Exchange, answer: Answer) -> list[JsonValue]:
    parts: list[JsonValue] = []
    for call in answer.calls if not _malformed(answer) else ():
        part: JsonObject = {
            "functionCall": {"name": call.name, "args": _object(call), "id": call.id}
        }
        if _thinks(exchange.model) and not parts:
            part["thoughtSignature"] = signature(call.id)
        parts.append(part)
    return parts


def _object(call: SentCall) -> JsonObject | None:
    try:
        value: JsonValue = json.loads(call.arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _malformed(answer: Answer) -> bool:
    # On this wire arguments are no text: where a model writes broken ones, the service keeps them.
    return any(_object(call) is None for call in answer.calls)


def _ending(answer: Answer) -> JsonObject:
    if _malformed(answer):
        told = "Malformed function call: " + answer.calls[0].arguments[:80]
        return {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": told}
    return {"finishReason": FINISH_REASONS[answer.finish or "stop"]}


def _usage(usage: Usage, *, said: bool) -> JsonObject:
    spoken = usage.completion - usage.reasoning if said else 0
    counts: JsonObject = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": spoken,
        "totalTokenCount": usage.prompt + (usage.completion if said else 0),
    }
    if usage.cached:
        counts["cachedContentTokenCount"] = usage.cached
    if usage.reasoning and said:
        counts["thoughtsTokenCount"] = usage.reasoning
    return counts
