"""A well-behaved server on the protocol's own library, over stdio or over streamable HTTP.

Over HTTP it writes the port it listens on, on loopback, as its first line. With a second argument
it wants that text as a bearer token; behind an `@` stands the file that holds it. A third one is
the address of the metadata that it tells to whoever has no token.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import anyio
import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.session import ServerSession
from mcp.types import ToolAnnotations
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

server = FastMCP("plain", host="127.0.0.1")
READ = ToolAnnotations(readOnlyHint=True)


class Sum(BaseModel):
    sum: int


@server.tool(annotations=READ)
async def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(sum=a + b)


@server.tool(annotations=READ)
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello {name}"


@server.tool(annotations=READ)
async def much(size: int) -> str:
    """A long text."""
    return "x" * size


busy: list[int] = []


@server.tool(annotations=READ)
async def together() -> str:
    """How many calls of it were under way when it ended."""
    busy.append(1)
    most = len(busy)
    for _ in range(10):
        await asyncio.sleep(0.02)
        most = max(most, len(busy))
    busy.pop()
    return str(most)


@server.tool(annotations=READ)
async def drip(context: Context[ServerSession, None]) -> str:
    """Says something all the time, and never comes to an end."""
    for step in range(10_000):
        await context.report_progress(step)
        await asyncio.sleep(0.02)
    return "at last"


@server.tool(annotations=READ)
async def wish(context: Context[ServerSession, None]) -> str:
    """Asks the other side, and says how that ended."""
    return (await context.elicit("How many?", Sum)).action


@server.tool()
async def note(text: str) -> str:
    """Keep a note."""
    return f"kept: {text}"


async def guard(request: Request, go_on: RequestResponseEndpoint) -> Response:
    # A file holds the token that is valid now, so that one can expire.
    given = sys.argv[2]
    token = await anyio.Path(given[1:]).read_text() if given.startswith("@") else given
    if request.headers.get("authorization") != f"Bearer {token}":
        leads = "".join(f' resource_metadata="{place}"' for place in sys.argv[3:4])
        return Response(status_code=401, headers={"WWW-Authenticate": f"Bearer{leads}"})
    return await go_on(request)


def serve() -> None:
    app = server.streamable_http_app()
    if len(sys.argv) > 2:
        app.user_middleware.append(Middleware(BaseHTTPMiddleware, dispatch=guard))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        serve()
    else:
        server.run("stdio")
