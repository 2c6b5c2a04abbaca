"""One connection to a tool server, from its start to its end, and the calls under way on it.

Whatever ends the connection ends those calls at once, each with a reason.
"""

from __future__ import annotations

from typing import Literal

import anyio
from mcp import ClientSession, McpError
from mcp.types import CONNECTION_CLOSED, CallToolResult
from pydantic import ValidationError

from runtime.canonical import Json
from tools.stdio import Child

Ending = Literal["closed", "died", "invalid", "timeout", "too_large", "unsent"]
"""How a call or a connection came to its end without a usable answer. `unsent`: the server never
took it in, so that it may be sent again."""

_SESSION_UNKNOWN = 32600
"""The protocol client's code for an HTTP server that does not know the session (any more)."""


class CallLost(Exception):
    """A call was sent, and no usable answer came."""

    def __init__(self, kind: Ending, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        super().__init__(reason)


class CallRefused(Exception):
    """The server answered with a protocol error: it did not run the tool to its end."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class Live:
    """A connection. It is usable from the end of the handshake until `end`."""

    def __init__(self) -> None:
        self.session: ClientSession | None = None
        self.child: Child | None = None
        self.scope = anyio.CancelScope()
        """Around everything that belongs to the connection."""
        self.ended = anyio.Event()
        self.kind: Ending = "died"
        self.reason = ""
        self._calls: set[anyio.CancelScope] = set()
        self._alone = False

    @property
    def usable(self) -> bool:
        return self.session is not None and not self.ended.is_set()

    def end(self, kind: Ending, reason: str) -> None:
        """End the connection and all calls on it. The first reason stays."""
        if self.ended.is_set():
            return
        self.kind, self.reason = kind, reason
        self._alone = len(self._calls) == 1
        self.ended.set()
        for scope in self._calls:
            scope.cancel()
        if kind == "closed":
            self.scope.deadline = anyio.current_time() + 3.0
        elif self.child is not None:
            self.child.kill()
        else:
            self.scope.cancel()

    def too_large(self, limit: int) -> None:
        self.end("too_large", f"The answer is larger than {limit:,} bytes.")

    def child_ended(self, limit: int) -> None:
        """The child's output came to its end, or was cut off."""
        assert self.child is not None, "only a child calls this"
        if self.child.too_long:
            self.too_large(limit)
        else:
            self.end("died", f"The server ended: {self.child.last_words() or 'it said nothing'}.")

    async def call(self, tool: str, arguments: dict[str, Json], seconds: float) -> CallToolResult:
        """Call a tool. Past the deadline the connection is ended, a child with its whole group.

        Raises:
            CallRefused: the server answered that it cannot do this.
            CallLost: no usable answer came.
        """
        assert self.session is not None, "only a usable connection is called"
        with anyio.move_on_after(seconds) as scope:
            self._calls.add(scope)
            try:
                return await self.session.call_tool(tool, arguments)
            except McpError as error:
                await self._closed(error)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                self.end("died", "The connection closed.")
            except (RuntimeError, ValidationError) as error:
                raise CallLost("invalid", f"The answer does not fit: {error}") from error
            finally:
                self._calls.discard(scope)
        if not self.ended.is_set():
            self.end("timeout", f"No answer came within {seconds:g} s.")
            raise CallLost("timeout", self.reason)
        raise CallLost(*self._for_bystander())

    async def _closed(self, error: McpError) -> None:
        """Tell the end of the connection from a protocol error that is an answer."""
        if error.error.code == _SESSION_UNKNOWN:
            self.end("unsent", "The server does not know the session any more.")
        elif error.error.code != CONNECTION_CLOSED:
            raise CallRefused(error.error.code, error.error.message) from error
        with anyio.move_on_after(1.0):
            # The reason is known a moment after the streams are closed.
            await self.ended.wait()
        self.end("died", "The connection closed.")

    def _for_bystander(self) -> tuple[Ending, str]:
        """What a call is told that did not itself pass its deadline."""
        # The call that passed its deadline has been told so by itself.
        if self.kind in ("closed", "died") or (self._alone and self.kind != "timeout"):
            return self.kind, self.reason
        return "died", f"The server was ended because of another call: {self.reason}"
