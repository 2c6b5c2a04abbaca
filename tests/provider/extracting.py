"""The thinking of the offline model behind a vendor's wire format: a model that does real jobs
over HTTP, so that a test can tell a vendor's format from the work that is done through it."""

from __future__ import annotations

from models.offline.turns import answer
from runtime.canonical import Json
from tests.provider.exchange import Exchange, Reply, Tool, ToolCall, Turn


class ExtractingBrain:
    """Deterministic; answers by extraction from what the request carries."""

    def reply(self, exchange: Exchange) -> Reply:
        said = answer([_message(turn) for turn in exchange.turns], _options(exchange))
        return Reply(
            text=said.text,
            tool_calls=tuple(
                ToolCall(name=call.name, arguments=call.arguments) for call in said.calls
            ),
        )


def _message(turn: Turn) -> dict[str, Json]:
    message: dict[str, Json] = {"role": turn.role, "content": turn.text}
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_text},
            }
            for call in turn.tool_calls
        ]
    if turn.tool_call_id:
        message["tool_call_id"] = turn.tool_call_id
    return message


def _options(exchange: Exchange) -> dict[str, Json]:
    options: dict[str, Json] = {"tools": [_function(tool) for tool in exchange.tools]}
    if exchange.forced_tool:
        options["tool_choice"] = {"type": "function", "function": {"name": exchange.forced_tool}}
    else:
        options["tool_choice"] = exchange.tool_use
    if exchange.schema is not None:
        options["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": exchange.schema},
        }
    return options


def _function(tool: Tool) -> dict[str, Json]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.schema,
        },
    }
