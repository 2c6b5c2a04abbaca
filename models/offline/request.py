"""A provider's request in our terms: conversation, tools, and the schema that is demanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.offline import conversation
from models.offline.conversation import DELIVER, Conversation, Tool
from models.offline.schema import Schema
from runtime.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    conversation: Conversation
    tools: tuple[Tool, ...]
    """For work; the one that delivers is not among them."""
    deliver: Tool | None
    """The tool whose call is the final answer."""
    forced: bool
    """The final answer is demanded now, whatever work could still be done."""
    schema: Schema | None
    """Of a structured answer that is given as text."""


def read(messages: Sequence[Mapping[str, Json]], options: Mapping[str, Json]) -> Request:
    """Read the messages and the OpenAI options `tools`, `tool_choice` and `response_format`."""
    offered = [_tool(entry["function"]) for entry in options.get("tools") or ()]
    choice = options.get("tool_choice")
    if choice == "none":
        offered = []
    named = _named(choice)
    single = choice == "required" and len(offered) == 1
    final = named or (offered[0].name if single else DELIVER)
    return Request(
        conversation=conversation.read(messages),
        tools=tuple(tool for tool in offered if tool.name != final),
        deliver=next((tool for tool in offered if tool.name == final), None),
        forced=named is not None or single,
        schema=_schema(options.get("response_format")),
    )


def _tool(function: Mapping[str, Json]) -> Tool:
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        schema=function.get("parameters") or {},
    )


def _named(choice: Json) -> str | None:
    if isinstance(choice, Mapping):
        function = choice.get("function") or {}
        name = function.get("name") or choice.get("name")
        return str(name) if name else None
    return None


def _schema(form: Json) -> Schema | None:
    if not isinstance(form, Mapping):
        return None
    if form.get("type") == "json_schema":
        inner = form.get("json_schema") or {}
        found = inner.get("schema")
        return found if isinstance(found, Mapping) else {}
    return {} if form.get("type") == "json_object" else None
