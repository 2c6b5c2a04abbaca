"""The body of an OpenAI chat-completions request, and the rules that the real service holds to it.
Unknown fields are let through, since the vendor adds some every month and clients send them."""

from __future__ import annotations

import json
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tests.provider.exchange import JsonObject
from tests.provider.strictness import schema_complaint, strict_complaint
from tests.provider.wire import BadRequestError

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ContentPart(Part):
    type: str
    text: str = ""


class CalledFunction(Part):
    name: str
    arguments: str


class AssistantCall(Part):
    id: str
    type: Literal["function"]
    function: CalledFunction


class Message(Part):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[AssistantCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or [] if part.text)


class OfferedFunction(Part):
    name: str
    description: str | None = None
    parameters: JsonObject = Field(default_factory=lambda: dict(NO_ARGUMENTS))
    strict: bool | None = None


class OfferedTool(Part):
    type: Literal["function"]
    function: OfferedFunction


class FunctionName(Part):
    name: str


class NamedChoice(Part):
    type: Literal["function"]
    function: FunctionName


class NamedSchema(Part):
    name: str
    body: JsonObject = Field(alias="schema", default_factory=dict)
    strict: bool | None = None


class ResponseFormat(Part):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class StreamOptions(Part):
    include_usage: bool = False


class ChatRequest(Part):
    model: str
    messages: list[Message] = Field(min_length=1)
    tools: list[OfferedTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    response_format: ResponseFormat | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None


def check(request: ChatRequest) -> None:
    """Raises: BadRequestError, in the words of the real service where they are known."""
    _check_tools(request)
    _check_answers(request.messages)
    _check_format(request)


def _check_tools(request: ChatRequest) -> None:
    names = [tool.function.name for tool in request.tools or []]
    for i, tool in enumerate(request.tools or []):
        function, at = tool.function, f"tools[{i}].function"
        if not TOOL_NAME.fullmatch(function.name):
            raise BadRequestError(
                f"Invalid '{at}.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
                param=f"{at}.name",
            )
        wrong = _complaint(function.parameters, strict=function.strict)
        if wrong or function.parameters.get("type") != "object":
            wrong = wrong or "schema must be a JSON Schema of 'type: \"object\"'"
            raise BadRequestError(
                f"Invalid schema for function '{function.name}': {wrong}", param=f"{at}.parameters"
            )
    if len(set(names)) < len(names):
        raise BadRequestError(f"Tool names must be unique, but got {names}.", param="tools")
    choice = request.tool_choice
    if choice and choice != "none" and not names:
        raise BadRequestError("'tool_choice' is only allowed when 'tools' are specified.")
    if isinstance(choice, NamedChoice) and choice.function.name not in names:
        raise BadRequestError(
            f"Tool choice '{choice.function.name}' not found in 'tools' parameter.",
            param="tool_choice",
        )


def _check_answers(messages: list[Message]) -> None:
    """Each call of an assistant must be answered at once, and nothing else may be."""
    open_ids: set[str] = set()
    for i, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in open_ids:
                raise BadRequestError(
                    "messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=f"messages.[{i}].role",
                )
            open_ids.discard(message.tool_call_id)
        elif open_ids:
            break
        else:
            calls = message.tool_calls or []
            open_ids = {call.id for call in calls}
            if len(open_ids) < len(calls):
                raise BadRequestError("Duplicate value for 'tool_call_id'.", param="messages")
    if open_ids:
        raise BadRequestError(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(sorted(open_ids)),
            param="messages",
        )


def _check_format(request: ChatRequest) -> None:
    form = request.response_format
    if form is None or form.type == "text":
        return
    if form.type == "json_object":
        if not any("json" in message.text.lower() for message in request.messages):
            raise BadRequestError(
                "'messages' must contain the word 'json' in some form, to use 'response_format' "
                "of type 'json_object'.",
                param="messages",
            )
        return
    if form.json_schema is None:
        raise BadRequestError(
            "Missing required parameter: 'response_format.json_schema'.",
            param="response_format.json_schema",
        )
    wrong = _complaint(form.json_schema.body, strict=form.json_schema.strict)
    if wrong:
        raise BadRequestError(
            f"Invalid schema for response_format '{form.json_schema.name}': {wrong}",
            param="response_format",
        )


def _complaint(schema: JsonObject, *, strict: bool | None) -> str | None:
    return schema_complaint(schema) or (strict_complaint(schema) if strict else None)


def arguments(text: str) -> JsonObject | str:
    """The arguments of an earlier call; what is not a JSON object stays as it is."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
