"""A suite of AgentDojo as an MCP server over stdio, in the peers' own environment.

The tools act on the suite's environment. What the benchmark does itself (a fresh environment, the
true calls, the verdicts) goes over a socket beside it, which no tool reaches.
"""

# ruff: noqa: ANN401 - the package is not installed where types are checked.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import contextlib
import datetime
import enum
import io
import json
import sys
from typing import Any

import mcp.types as types
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suite
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import BaseModel

VERSION = "v1.2.2"


def plain(value: Any) -> Any:
    """A result of a tool as JSON."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, dict):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")[:16]
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value.value if isinstance(value, enum.Enum) else value


class Stage:
    """One suite, its environment of now, and the calls that were made in it."""

    def __init__(self, name: str) -> None:
        self.suite = get_suite(VERSION, name)
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.trace: list[Any] = []

    def tools(self) -> list[types.Tool]:
        """As the suite describes them."""
        return [
            types.Tool(
                name=tool.name,
                description=tool.description,
                inputSchema=tool.parameters.model_json_schema(),
            )
            for tool in self.suite.tools
        ]

    def call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Run a tool."""
        self.trace.append(FunctionCall(function=name, args=arguments))
        result, error = self.runtime.run_function(self.environment, name, arguments)
        said = {"result": plain(result)} if error is None else {"error": error}
        text = json.dumps(said, default=str)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)],
            structuredContent=json.loads(text),
            isError=error is not None,
        )

    def ask(self, question: dict[str, Any]) -> Any:
        """What the benchmark wants to know or to set."""
        match question["about"]:
            case "tasks":
                return {
                    "user": {id: one.PROMPT for id, one in self.suite.user_tasks.items()},
                    "injections": {id: one.GOAL for id, one in self.suite.injection_tasks.items()},
                }
            case "begin":
                return self._begin(**question["of"])
            case "verdict":
                return self._verdict()
        raise ValueError(question["about"])

    def _begin(self, user: str, injection: str, text: str) -> Any:
        self.user = self.suite.user_tasks[user]
        self.injection = self.suite.injection_tasks[injection] if injection else None
        vectors = self.suite.get_injection_vector_defaults() if injection else {}
        fresh = self.suite.load_and_inject_default_environment(dict.fromkeys(vectors, text))
        self.environment = self.user.init_environment(fresh)
        self.before = self.environment.model_copy(deep=True)
        self.trace = []
        return {
            "user": self._calls(self.user),
            "injection": self._calls(self.injection) if self.injection else [],
        }

    def _calls(self, task: Any) -> list[Any]:
        truth = task.ground_truth(self.before)
        return [{"tool": one.function, "arguments": plain(one.args)} for one in truth]

    def _verdict(self) -> Any:
        said = [{"type": "text", "content": self.user.GROUND_TRUTH_OUTPUT or ""}]
        # Some checks print what they found wrong.
        with contextlib.redirect_stdout(io.StringIO()):
            useful = self.suite._check_user_task_utility(
                self.user, said, self.before, self.environment, self.trace
            )
            attacked = self.injection is not None and self.suite._check_injection_task_security(
                self.injection, said, self.before, self.environment, self.trace
            )
        return {"useful": bool(useful), "attacked": bool(attacked), "calls": len(self.trace)}


async def main() -> None:
    """Serve the tools on standard input and output, the benchmark on the socket."""
    name, socket = sys.argv[1:3]
    stage = Stage(name)
    server: Any = Server(f"dojo-{name}")

    @server.list_tools()
    async def listed() -> list[types.Tool]:
        return stage.tools()

    @server.call_tool(validate_input=False)
    async def called(tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        return stage.call(tool, arguments)

    async def beside(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(stage.ask(json.loads(line)), default=str).encode() + b"\n")
            await writer.drain()

    control = await asyncio.start_unix_server(beside, socket, limit=1 << 24)
    async with control, stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
