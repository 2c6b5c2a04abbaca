"""Holds one session with each tool server: started side by side, watched, restarted when needed.

The one importer of the MCP adapters. A server's session lives from beginning to end in one task
of its own, as its cancel scopes demand; calls come from any task of the same event loop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
from langchain_mcp_adapters.sessions import StreamableHttpConnection, create_session
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp import ClientSession, McpError

from runtime.canonical import Json
from runtime.errors import ServerUnavailable
from tools.catalogue import Listed
from tools.config import Terms
from tools.http import client_factory, refused, told
from tools.live import CallLost, Ending, Live
from tools.resolve import Address, Program, Start
from tools.results import Answer, answer_of
from tools.stdio import open_child
from tools.target import Origin

_log = logging.getLogger("tools.sessions")

_PATIENCE = 1.0
"""A call waits for a restart that is at most this far away (seconds), and is refused otherwise."""

_LONGEST_PAUSE = 30.0


class Session:
    """One server: its live session, or the reason why there is none."""

    def __init__(self, name: str, start: Start, terms: Terms) -> None:
        self.name = name
        self.listed: list[Listed] = []
        """The tools of the first start."""
        self.reason = ""
        """Why there is no session; empty while there is one."""
        self._start = start
        self._terms = terms
        self._live: Live | None = None
        self._current: Live | None = None
        # The same connection as `_live`, but from the first step of its start on.
        self._wanted = anyio.Event()
        self._attempt: anyio.Event | None = None
        self._failures = 0
        self._not_before = 0.0
        self._closing = False

    async def hold(self) -> None:
        """Keep a session while one is wanted, until `close`. Run it in a task of its own."""
        while not self._closing:
            await self._wanted.wait()
            if self._closing:
                return
            attempt, self._wanted = self._attempt or anyio.Event(), anyio.Event()
            await anyio.sleep(max(0.0, self._not_before - time.monotonic()))
            if not self._closing:
                await self._one(attempt)
            attempt.set()

    def close(self) -> None:
        """End the session; `hold` returns when the server is gone."""
        self._closing = True
        self._wanted.set()
        if self._current is not None:
            self._current.end("closed", "The session was closed.")

    def want(self) -> anyio.Event:
        """Ask for a session. The event is set when the attempt succeeded or failed."""
        if self._attempt is None or self._attempt.is_set():
            self._attempt = anyio.Event()
            self._wanted.set()
        return self._attempt

    async def call(self, tool: str, arguments: dict[str, Json], _origin: Origin, /) -> Answer:
        """Call a tool under the server's deadline, starting the server when it is gone.

        A call that passes its deadline ends the server with everything it started.

        Raises:
            ServerUnavailable: nothing was sent.
            CallRefused: the server answered that it cannot do this.
            CallLost: it was sent, and no usable answer came.
        """
        live = await self.ready()
        result = await live.call(tool, arguments, self._terms.timeout_seconds)
        self._failures = 0
        try:
            return answer_of(result)
        except ValueError as error:
            raise CallLost("invalid", f"The answer is not JSON: {error}.") from error

    async def ready(self) -> Live:
        """The live connection, after a start where one is needed.

        Raises:
            ServerUnavailable: there is none, or not soon enough.
        """
        if self._live is not None and self._live.usable:
            return self._live
        pause = self._not_before - time.monotonic()
        if self._closing or pause > _PATIENCE:
            raise self._unavailable(pause)
        with anyio.move_on_after(self._terms.start_seconds + _PATIENCE + 5.0):
            await self.want().wait()
        if self._live is None or not self._live.usable:
            raise self._unavailable(self._not_before - time.monotonic())
        return self._live

    def _unavailable(self, pause: float) -> ServerUnavailable:
        again = f" It is tried again in {pause:.0f} s." if pause > _PATIENCE else ""
        return ServerUnavailable(
            self.name,
            self.reason or "It is not running.",
            remedy=f"See its entry in config/mcp.json; the other servers keep working.{again}",
        )

    async def _one(self, attempt: anyio.Event) -> None:
        """One connection from its start to its end; every failure becomes a reason."""
        live = self._current = Live()
        try:
            with live.scope:
                async with self._connected(live) as session:
                    await self._greet(session, live)
                    if not live.ended.is_set():
                        live.session = session
                        self._live, self.reason = live, ""
                        attempt.set()
                        await live.ended.wait()
        except Exception as error:  # noqa: BLE001 (the room's edge: servers fail in every way)
            live.end(*_why(error, self._start))
        finally:
            live.end("died", "The connection ended.")
            self._live = self._current = None
            if live.kind != "closed":
                self._note(live)

    def _note(self, live: Live) -> None:
        self.reason = live.reason
        self._failures += 1
        pause = min(_LONGEST_PAUSE, 0.5 * 2 ** (self._failures - 2)) if self._failures > 1 else 0.0
        self._not_before = time.monotonic() + pause
        _log.warning("tool server %s: %s", self.name, live.reason)

    async def _greet(self, session: ClientSession, live: Live) -> None:
        """Shake hands and learn the tools, within the deadline of a start."""
        seconds = self._terms.start_seconds
        with anyio.move_on_after(seconds) as scope:
            await session.initialize()
            tools = await load_mcp_tools(session)
        if scope.cancelled_caught:
            said = live.child.last_words() if live.child is not None else ""
            told = f"It did not answer within {seconds:g} s of its start"
            live.end("died", f"{told}; it wrote: {said}" if said else f"{told}.")
            return
        if not tools:
            live.end("died", "It lists no tools.")
            return
        if not self.listed:
            self.listed = [
                Listed(
                    name=tool.name,
                    description=tool.description,
                    schema=tool.args_schema,
                    read_only=(tool.metadata or {}).get("readOnlyHint") is True,
                )
                for tool in tools
            ]

    @asynccontextmanager
    async def _connected(self, live: Live) -> AsyncIterator[ClientSession]:
        # Text and structured content say the same thing twice, and JSON escapes take room.
        limit = max(1_000_000, 4 * self._terms.max_bytes)
        match self._start:
            case Program():
                async with (
                    open_child(
                        self._start, line_limit=limit, ended=lambda: live.child_ended(limit)
                    ) as live.child,
                    ClientSession(live.child.incoming, live.child.outgoing) as session,
                ):
                    yield session
            case Address():
                async with create_session(self._connection(self._start, live, limit)) as session:
                    yield session

    def _connection(self, start: Address, live: Live, limit: int) -> StreamableHttpConnection:
        return StreamableHttpConnection(
            transport="streamable_http",
            url=start.url,
            headers=start.headers,
            timeout=self._terms.timeout_seconds,
            sse_read_timeout=max(300.0, self._terms.timeout_seconds + 1),
            httpx_client_factory=client_factory(limit, lambda: live.too_large(limit)),
        )


def _why(error: BaseException, start: Start) -> tuple[Ending, str]:
    """What ended a connection, from whatever was raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case httpx.HTTPError() if isinstance(start, Address):
            return ("unsent" if refused(error) else "died"), told(error, start)
        case OSError() if isinstance(start, Program):
            where = error.filename or start.command
            return "unsent", f"It cannot be started: {where}: {error.strerror or error}."
        case McpError():
            return "died", f"It answered its start with an error: {error}."
        case _:
            return "died", f"{type(error).__name__}: {error}."
