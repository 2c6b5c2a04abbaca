"""The tool server that the conformance suite wants behind what it tests, as its own text describes
it: `python -m bench.conformance.tools`, over standard input and output.

The facade offers these tools under the names that the suite calls.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)
from pydantic import AnyUrl

from runtime.canonical import Json

_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGA"
    "hKmMIQAAAABJRU5ErkJggg=="
)
_SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQAAAAA="
_PAUSE = 0.25
"""Seconds between two signs of life: the gateway passes on five of them in a second."""

_OBJECT: Json = {"type": "object", "properties": {}}
_TITLED: Json = [{"const": f"value{one}", "title": f"Option {one}"} for one in (1, 2, 3)]
_PLAIN = ["option1", "option2", "option3"]

FORMS: dict[str, Json] = {
    "test_elicitation": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "test_elicitation_sep1034_defaults": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
    "test_elicitation_sep1330_enums": {
        "untitledSingle": {"type": "string", "enum": _PLAIN},
        "titledSingle": {"type": "string", "oneOf": _TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _PLAIN}},
        "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    },
}
"""What the tools ask the user for, by tool."""

SCHEMAS: dict[str, Json] = {
    "test_simple_text": _OBJECT,
    "test_image_content": _OBJECT,
    "test_audio_content": _OBJECT,
    "test_embedded_resource": _OBJECT,
    "test_multiple_content_types": _OBJECT,
    "test_tool_with_logging": _OBJECT,
    "test_tool_with_progress": _OBJECT,
    "test_error_handling": _OBJECT,
    "test_reconnection": _OBJECT,
    "test_sampling": {
        "type": "object",
        "properties": {"prompt": {"type": "string"}},
        "required": ["prompt"],
    },
    "test_elicitation": {
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    },
    "test_elicitation_sep1034_defaults": _OBJECT,
    "test_elicitation_sep1330_enums": _OBJECT,
    "json_schema_2020_12_tool": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
}
"""The arguments of each tool."""

server: Server[dict[str, Any], Any] = Server("conformance-tools")


def _text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def _resource(uri: str, kind: str, words: str) -> EmbeddedResource:
    held: TextResourceContents | BlobResourceContents = TextResourceContents(
        uri=AnyUrl(uri), mimeType=kind, text=words
    )
    return EmbeddedResource(type="resource", resource=held)


_IMAGE = ImageContent(type="image", data=_PIXEL, mimeType="image/png")
_FIXED: dict[str, list[ContentBlock]] = {
    "test_simple_text": [_text("This is a simple text response for testing.")],
    "test_image_content": [_IMAGE],
    "test_audio_content": [AudioContent(type="audio", data=_SILENCE, mimeType="audio/wav")],
    "test_embedded_resource": [
        _resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        _text("Multiple content types test:"),
        _IMAGE,
        _resource("test://mixed-content-resource", "application/json", '{"test":"data"}'),
    ],
    "test_reconnection": [_text("Reconnection test completed.")],
    "json_schema_2020_12_tool": [_text("The arguments fit.")],
}


@server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
async def tools() -> list[Tool]:
    """All of them only read, so that nobody is asked."""
    notes = ToolAnnotations(readOnlyHint=True)
    return [
        Tool(name=name, description=f"{name} of the suite.", inputSchema=schema, annotations=notes)
        for name, schema in SCHEMAS.items()
    ]


@server.call_tool()  # type: ignore[untyped-decorator]
async def call(name: str, arguments: dict[str, Json]) -> list[ContentBlock] | CallToolResult:
    """What the suite expects of the tool."""
    if name in _FIXED:
        return _FIXED[name]
    if name in FORMS:
        return [_text(await _asked(name, arguments))]
    match name:
        case "test_tool_with_logging":
            await _logged()
        case "test_tool_with_progress":
            await _progressed()
        case "test_sampling":
            return [_text(await _sampled(str(arguments["prompt"])))]
        case _:
            told = "This tool intentionally returns an error for testing"
            return CallToolResult(content=[_text(told)], isError=True)
    return [_text(f"{name} is done.")]


async def _logged() -> None:
    context = server.request_context
    for words in ("started", "processing data", "completed"):
        await context.session.send_log_message("info", f"Tool execution {words}")
        await asyncio.sleep(_PAUSE)


async def _progressed() -> None:
    context = server.request_context
    token = context.meta.progressToken if context.meta is not None else None
    for done in (0, 50, 100):
        if token is not None:
            await context.session.send_progress_notification(token, done, 100)
        await asyncio.sleep(_PAUSE)


async def _sampled(prompt: str) -> str:
    message = SamplingMessage(role="user", content=_text(prompt))
    answer = await server.request_context.session.create_message([message], max_tokens=100)
    said = answer.content.text if isinstance(answer.content, TextContent) else ""
    return f"LLM response: {said}"


async def _asked(name: str, arguments: dict[str, Json]) -> str:
    fields = FORMS[name]
    needed = list(fields) if name == "test_elicitation" else []
    form = {"type": "object", "properties": fields, "required": needed}
    message = str(arguments.get("message", "Please fill this in."))
    said = await server.request_context.session.elicit_form(message, form)
    return f"Elicitation completed: action={said.action}, content={said.content}"


async def main() -> None:
    """Serve until standard input ends."""
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
