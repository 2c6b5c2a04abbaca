"""The body of an Anthropic messages request, and the rules that the real service holds to it.
Unknown fields are let through, since the vendor adds some every month and clients send them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tests.provider.exchange import JsonObject
from tests.provider.refs import anchored
from tests.provider.strictness import schema_complaint
from tests.provider.wire import BadRequestError

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Block(Part):
    """Any content block; which fields count depends on `type`."""

    type: str
    text: str = ""
    id: str | None = None
    name: str | None = None
    input: JsonObject | None = None
    tool_use_id: str | None = None
    content: str | list[Block] | None = None
    is_error: bool | None = None


class Message(Part):
    role: Literal["user", "assistant"]
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        if isinstance(self.content, str):
            return [Block(type="text", text=self.content)]
        return self.content


class OfferedTool(Part):
    name: str
    description: str = ""
    input_schema: Annotated[JsonObject, BeforeValidator(anchored)]


class ToolChoice(Part):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class OutputFormat(Part):
    type: Literal["json_schema"]
    body: JsonObject = Field(alias="schema")


class OutputConfig(Part):
    format: OutputFormat | None = None


class MessagesRequest(Part):
    model: str
    max_tokens: int = Field(ge=1)
    messages: list[Message] = Field(min_length=1)
    system: str | list[Block] | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: ToolChoice | None = None
    temperature: float | None = Field(default=None, ge=0, le=1)
    stream: bool | None = None
    output_format: OutputFormat | None = None
    output_config: OutputConfig | None = None

    @property
    def schema_of_answer(self) -> JsonObject | None:
        form = self.output_format or (self.output_config and self.output_config.format)
        return form.body if form else None


def text_of(content: str | list[Block] | None) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content or [] if block.type == "text" and block.text)


def check(request: MessagesRequest) -> None:
    """Raises: BadRequestError, in the words of the real service where they are known."""
    _check_tools(request)
    if request.schema_of_answer and (wrong := schema_complaint(request.schema_of_answer)):
        raise BadRequestError(f"output_format.schema: {wrong}")
    if request.messages[0].role != "user":
        raise BadRequestError("messages: first message must use the 'user' role")
    for i, message in enumerate(request.messages):
        _check_text(i, message, last=i == len(request.messages) - 1)
    _check_results(request.messages)


def _check_tools(request: MessagesRequest) -> None:
    names = [tool.name for tool in request.tools or []]
    for i, tool in enumerate(request.tools or []):
        if not TOOL_NAME.fullmatch(tool.name):
            raise BadRequestError(
                f"tools.{i}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )
        if tool.input_schema.get("type") != "object":
            raise BadRequestError(f"tools.{i}.custom.input_schema.type: Field required")
        if wrong := schema_complaint(tool.input_schema):
            raise BadRequestError(
                f"tools.{i}.custom.input_schema: JSON schema is invalid. It must match JSON Schema "
                f"draft 2020-12 ({wrong})"
            )
    if len(set(names)) < len(names):
        raise BadRequestError("tools: Tool names must be unique.")
    choice = request.tool_choice
    if choice and choice.type != "none" and not names:
        raise BadRequestError("tool_choice may only be specified while providing tools.")
    if choice and choice.type == "tool" and choice.name not in names:
        raise BadRequestError(f"Tool '{choice.name}' not found in provided tools")


def _check_text(place: int, message: Message, *, last: bool) -> None:
    if any(block.type == "text" and not block.text.strip() for block in message.blocks):
        raise BadRequestError(f"messages.{place}: text content blocks must be non-empty")
    if not message.blocks and not (last and message.role == "assistant"):
        raise BadRequestError(
            f"messages.{place}: all messages must have non-empty content except for the optional "
            "final assistant message"
        )


def _check_results(messages: list[Message]) -> None:
    """Each `tool_use` must be answered in the very next message, and nothing else may be."""
    seen: set[str | None] = set()
    asked: set[str | None] = set()
    for i, message in enumerate(messages):
        uses = [block.id for block in message.blocks if block.type == "tool_use"]
        answered = {block.tool_use_id for block in message.blocks if block.type == "tool_result"}
        if answered - asked:
            raise BadRequestError(
                f"messages.{i}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{_names(answered - asked)}. Each `tool_result` block must have a corresponding "
                "`tool_use` block in the previous message."
            )
        if asked - answered:
            raise _unanswered(asked - answered)
        if len(seen | set(uses)) < len(seen) + len(uses):
            raise BadRequestError(f"messages.{i}: `tool_use` ids must be unique")
        seen, asked = seen | set(uses), set(uses)
    if asked:
        raise _unanswered(asked)


def _unanswered(ids: set[str | None]) -> BadRequestError:
    return BadRequestError(
        f"`tool_use` ids were found without `tool_result` blocks immediately after: {_names(ids)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _names(ids: set[str | None]) -> str:
    return ", ".join(sorted(str(id) for id in ids))
