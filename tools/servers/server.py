"""The FastMCP server that all bundled servers are built on.

It adds what the protocol leaves open: unknown arguments are refused, errors say what to do, and
the text of a result is the same JSON as its structured content.
"""

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError

from tools.servers.errors import ServerError, invalid_arguments, shown

READ = ToolAnnotations(
    readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False
)
"""Reads only what lies behind the server."""

ADD = ToolAnnotations(
    readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=False
)
"""Adds to what lies behind the server; a second call adds again, unless it carries the same key."""

SEND = ToolAnnotations(
    readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True
)
"""Reaches people or systems outside and cannot be taken back."""

_log = logging.getLogger("tools.servers")


class Record(BaseModel):
    """Base of everything that a tool returns."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def answer(value: BaseModel, *, failed: bool) -> CallToolResult:
    """`value` as the result of a tool that can fail and still has something to report."""
    return _result(value.model_dump(mode="json"), failed=failed)


class ToolServer(FastMCP[Any]):
    """FastMCP with strict arguments, readable errors and identical text and structured content."""

    def offer(
        self, function: Callable[..., Awaitable[object]], annotations: ToolAnnotations
    ) -> None:
        """Register an async function as a tool; its docstring is the tool's description.

        Raises:
            mcp.server.fastmcp.exceptions.InvalidSignature: the return type has no schema.
        """
        name = getattr(function, "__name__", "")
        description = " ".join((inspect.getdoc(function) or "").split())
        self.add_tool(
            function, description=description, annotations=annotations, structured_output=True
        )
        tool = self._tool_manager.get_tool(name)
        if tool is not None:
            tool.parameters["additionalProperties"] = False

    async def call_tool(
        self, name: str, arguments: dict[str, Any]
    ) -> Sequence[ContentBlock] | dict[str, Any]:
        """Run a tool; every failure leaves as a ToolError whose text tells what to do."""
        self._refuse_unknown_arguments(name, arguments)
        try:
            result: object = await super().call_tool(name, arguments)
        except ToolError as error:
            raise ToolError(self._explain(name, error)) from error
        if isinstance(result, tuple):
            # A finished result: handing back the pair would have the low-level server compile and
            # check the output schema once more, at ten times the cost of the call.
            result = _result(result[1], failed=False)
        return result  # type: ignore[return-value]

    def _refuse_unknown_arguments(self, name: str, arguments: dict[str, Any]) -> None:
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            known = ", ".join(sorted(each.name for each in self._tool_manager.list_tools()))
            raise ToolError(f"tool = {shown(name)}: this server has no such tool. Use: {known}.")
        accepted = tool.parameters.get("properties", {})
        for argument, value in arguments.items():
            if argument not in accepted:
                known = ", ".join(accepted) or "none"
                raise ToolError(
                    f"{argument} = {shown(value)}: {name} has no such argument. It takes: {known}."
                )

    def _explain(self, name: str, error: ToolError) -> str:
        cause = error.__cause__
        if isinstance(cause, ServerError):
            return str(cause)
        tool = self._tool_manager.get_tool(name)
        if isinstance(cause, ValidationError) and tool is not None:
            properties = tool.parameters.get("properties", {})
            meanings = {key: str(value.get("description", "")) for key, value in properties.items()}
            return invalid_arguments(cause, meanings)
        _log.error("tool %s failed", name, exc_info=error)
        return (
            f"{name} failed inside the server ({type(cause or error).__name__}). "
            "The arguments were accepted; the server's log on standard error has the details."
        )


def _result(structured: dict[str, Any], *, failed: bool) -> CallToolResult:
    text = TextContent(type="text", text=json.dumps(structured, ensure_ascii=False))
    return CallToolResult(content=[text], structuredContent=structured, isError=failed)
