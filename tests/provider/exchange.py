"""What a model is asked and what it answers, free of any vendor's wire format.
All wires translate into these types, so a brain or a test is written once for all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from pydantic import JsonValue

from tests.provider.faults import Fault

JsonObject: TypeAlias = dict[str, JsonValue]
Wire: TypeAlias = Literal["openai", "anthropic", "gemini"]
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Finish: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "error"]
ToolUse: TypeAlias = Literal["auto", "required", "none"]


def canonical(value: JsonValue) -> str:
    """JSON text that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the model asks for. Arguments given as text go onto the wire verbatim, so that
    a brain can send what is not JSON; without an `id` the server gives a unique one."""

    name: str
    arguments: JsonObject | str = field(default_factory=dict)
    id: str | None = None

    @property
    def arguments_text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else canonical(self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of the conversation. A tool's result is a turn of its own on every wire."""

    role: Role
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """On a turn of role `tool`: the call that it answers."""
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, as every wire carries it. System prompts are turns."""

    wire: Wire
    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_use: ToolUse = "auto"
    forced_tool: str | None = None
    """The tool that `tool_choice` names."""
    schema: JsonObject | None = None
    """The schema of a structured answer, when the request asks for one outside of tools."""
    json_mode: bool = False
    """Any JSON object is asked for, without a schema."""
    temperature: float | None = None
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict)
    """The request as it came."""

    @property
    def last(self) -> Turn:
        return self.turns[-1]

    @property
    def demanded_tool(self) -> Tool | None:
        """The one tool that the answer must call: named, or the only one where one is required."""
        if self.forced_tool is not None:
            return next(tool for tool in self.tools if tool.name == self.forced_tool)
        return self.tools[0] if self.tool_use == "required" and len(self.tools) == 1 else None

    @property
    def demanded_schema(self) -> JsonObject | None:
        """The schema that the answer must satisfy, be it as text or as arguments of a tool."""
        tool = self.demanded_tool
        return tool.schema if tool else self.schema

    @property
    def digest(self) -> str:
        """Identity of what was asked, in hexadecimal digits. Call ids, headers, the wire and
        streaming do not count: the same question has the same digest however it travels."""
        content: JsonValue = {
            "turns": [_turn_content(turn) for turn in self.turns],
            "tools": [[tool.name, tool.description, tool.schema] for tool in self.tools],
            "use": [self.tool_use, self.forced_tool, self.json_mode],
            "schema": self.schema,
        }
        return hashlib.sha256(canonical(content).encode()).hexdigest()


def _turn_content(turn: Turn) -> JsonValue:
    calls: list[JsonValue] = [[call.name, call.arguments] for call in turn.tool_calls]
    return [turn.role, turn.text, calls, turn.is_error]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens. The cached ones are a part of the prompt, the reasoning ones of the completion."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model answers. Without `finish` it follows from the tool calls, without `usage`
    it is estimated from the length of the texts."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish | None = None
    usage: Usage | None = None
    note: str | None = None
    """For the record of the server, for example the mischief that was committed. Never sent."""


class Brain(Protocol):
    """Whatever decides on the answers. Called in the server's own thread, one request at a time."""

    def reply(self, exchange: Exchange) -> Reply | Fault: ...
