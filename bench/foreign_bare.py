"""What a server says of itself to a client without a gateway: the names of all its tools.

The client offers what ours offers, since a server may list more tools to a client that can ask a
person. Of an API, its own document is counted by hand.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.context import RequestContext
from mcp.types import ElicitRequestParams, ElicitResult, PaginatedRequestParams

from runtime.canonical import Json

_METHODS = ("get", "head", "post", "put", "patch", "delete")


async def own_tools(entry: Json, folder: Path) -> set[str]:
    """The names of a server's tools, asked of the server itself, page by page."""
    if "openapi" in entry:
        return await _operations(entry["openapi"], folder)
    async with _session(entry) as session:
        await session.initialize()
        return await _listed(session)


async def _operations(document: str, folder: Path) -> set[str]:
    if document.startswith("http"):
        async with httpx.AsyncClient(trust_env=False) as client:
            told = (await client.get(document)).json()
    else:
        told = json.loads((folder / document).read_text())
    paths = told["paths"].values()
    return {path[method]["operationId"] for path in paths for method in _METHODS if method in path}


@asynccontextmanager
async def _session(entry: Json) -> AsyncIterator[ClientSession]:
    if "url" in entry:
        async with (
            streamablehttp_client(entry["url"]) as (incoming, outgoing, _),
            ClientSession(incoming, outgoing, elicitation_callback=_declined) as session,
        ):
            yield session
        return
    program = StdioServerParameters(
        command=entry["command"], args=entry["args"], env=os.environ | entry["env"]
    )
    with tempfile.TemporaryFile("w") as silence:
        async with (
            stdio_client(program, silence) as (incoming, outgoing),
            ClientSession(incoming, outgoing, elicitation_callback=_declined) as session,
        ):
            yield session


async def _declined(
    context: RequestContext[ClientSession, Any],  # noqa: ARG001 (the protocol's form)
    params: ElicitRequestParams,  # noqa: ARG001
) -> ElicitResult:
    return ElicitResult(action="decline")


async def _listed(session: ClientSession) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found |= {tool.name for tool in page.tools}
        cursor = page.nextCursor
        if not cursor:
            return found
