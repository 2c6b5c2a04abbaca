"""A client of a bundled server: starts the real process and holds one session to it.

The session lives in a task of its own, since the library's scopes must be left by the task that
entered them, and fixtures are set up and torn down by different tasks.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent

REPO = Path(__file__).resolve().parents[2]
PATIENCE_S = 30


class Client:
    """Calls tools and hands back what a caller gets to see."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Structured content of a call that must succeed."""
        result = await self.raw(tool, **arguments)
        assert not result.isError, text_of(result)
        return content_of(result)

    async def refused(self, tool: str, **arguments: object) -> str:
        """Text of a call that must be refused."""
        result = await self.raw(tool, **arguments)
        assert result.isError, text_of(result)
        return text_of(result)

    async def raw(self, tool: str, **arguments: object) -> CallToolResult:
        wait = timedelta(seconds=PATIENCE_S)
        return await self.session.call_tool(tool, arguments, read_timeout_seconds=wait)


def text_of(result: CallToolResult) -> str:
    assert len(result.content) == 1
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def content_of(result: CallToolResult) -> dict[str, Any]:
    """The structured content, after checking that the text is the same JSON."""
    assert result.structuredContent is not None
    assert json.loads(text_of(result)) == result.structuredContent
    return result.structuredContent


@asynccontextmanager
async def stdio_session(server: str, environment: Mapping[str, str]) -> AsyncIterator[Client]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", f"tools.servers.{server}"],
        env=dict(environment),
        cwd=REPO,
    )
    with TemporaryFile("w+", encoding="utf-8") as log:
        try:
            async with (
                stdio_client(parameters, errlog=log) as (read, write),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                yield Client(session)
        except BaseException as error:
            log.seek(0)
            error.add_note(f"The server wrote: {log.read() or 'nothing'}")
            raise


@asynccontextmanager
async def held(opened: AbstractAsyncContextManager[Client]) -> AsyncIterator[Client]:
    """Keep a session open in its own task until this context is left."""
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def live() -> None:
        try:
            async with opened as client:
                ready.set_result(client)
                await leave.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    task = asyncio.create_task(live())
    try:
        async with asyncio.timeout(PATIENCE_S):
            client = await ready
        yield client
    finally:
        leave.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


async def check_declarations(client: Client, writing: set[str]) -> None:
    """What every server promises about its tools, whatever they do."""
    listed = await client.session.list_tools()
    assert listed.tools
    for tool in listed.tools:
        assert tool.description, tool.name
        assert tool.outputSchema is not None, tool.name
        assert tool.outputSchema["type"] == "object", tool.name
        assert tool.inputSchema["additionalProperties"] is False, tool.name
        for name, schema in tool.inputSchema["properties"].items():
            assert schema.get("description"), f"{tool.name}.{name}"
        hints = tool.annotations
        assert hints is not None, tool.name
        assert hints.readOnlyHint is (tool.name not in writing), tool.name
        assert hints.destructiveHint is False, tool.name
        assert hints.idempotentHint is (tool.name not in writing), tool.name
        assert hints.openWorldHint is (tool.name in {"send_email", "post_webhook"}), tool.name
