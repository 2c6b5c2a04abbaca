"""One connection to a tool server, from its start to its end, and the calls under way on it.

Whatever ends the connection ends those calls at once, each with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import anyio
from mcp import ClientSession, McpError
from mcp.shared.session import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ClientRequest,
)
from pydantic import ValidationError

from runtime.canonical import Json
from runtime.errors import ServerUnavailable
from tools.elicitation import Form
from tools.outputs import Outputs
from tools.refusal import words_of
from tools.reports import paced
from tools.stdio import Child
from tools.target import Origin

Ending = Literal["closed", "died", "invalid", "timeout", "too_large", "unsent"]
"""How a call or a connection came to its end without a usable answer. `unsent`: the server never
took it in, so that it may be sent again."""

_SESSION_UNKNOWN = 32600
"""The protocol client's code for an HTTP server that does not know the session (any more)."""

_AFTER_CANCEL = 5.0
"""Seconds that a server has to end a call once its question was answered with `cancel`."""


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


class Withheld(ServerUnavailable):
    """A tool or a tenant is kept from a server on purpose; nothing was sent."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    scope: anyio.CancelScope
    origin: Origin
    report: ProgressFnT | None
    suspended: Exception | None = None
    """What asking a person raised in order to suspend the run."""


class Live:
    """A connection. It is usable from the end of the handshake until `end`."""

    def __init__(self, failed: Callable[[Live], None]) -> None:
        self._failed = failed
        """Told at once when it ends otherwise than by being closed: before any of its calls."""
        self.session: ClientSession | None = None
        self.outputs = Outputs()
        self.child: Child | None = None
        self.scope = anyio.CancelScope()
        """Around everything that belongs to the connection."""
        self.ended = anyio.Event()
        self.kind: Ending = "died"
        self.reason = ""
        self.stirred = anyio.Event()
        """Set when the connection ended, or its server says that its tools changed."""
        self.unsure: anyio.Event | None = None
        """While its tools are listed anew: set when that is done."""
        self.listing = False
        """While its tools are asked for: what fails then need not be the call under way."""
        self.asking = False
        """While its server waits for a person's answer."""
        self._calls: set[_Call] = set()
        self._alone = False

    @property
    def usable(self) -> bool:
        return self.session is not None and not self.ended.is_set()

    def end(self, kind: Ending, reason: str) -> None:
        """End the connection and all calls on it. The first reason stays."""
        if self.ended.is_set():
            return
        self.kind, self.reason = kind, reason
        if kind != "closed":
            self._failed(self)
        self._alone = len(self._calls) == 1 and not self.listing
        self.ended.set()
        self.stirred.set()
        self.sure()
        for call in self._calls:
            call.scope.cancel()
        if kind == "closed":
            self.scope.deadline = anyio.current_time() + 3.0
        elif self.child is not None:
            self.child.kill()
        else:
            self.scope.cancel()

    def changed(self) -> None:
        """The server says that its tools are others now."""
        if self.unsure is None and not self.ended.is_set():
            self.unsure = anyio.Event()
            self.stirred.set()

    def sure(self) -> None:
        """Its tools were listed, or never will be."""
        if self.unsure is not None:
            self.unsure.set()
            self.unsure = None

    def too_large(self, limit: int) -> None:
        self.end("too_large", f"The answer is larger than {limit:,} bytes.")

    def child_ended(self, limit: int) -> None:
        """The child's output came to its end, or was cut off."""
        assert self.child is not None, "only a child calls this"
        if self.child.too_long:
            self.too_large(limit)
        else:
            self.end("died", f"The server ended: {self.child.last_words() or 'it said nothing'}.")

    async def call(
        self, tool: str, arguments: dict[str, Json], seconds: float, origin: Origin
    ) -> CallToolResult:
        """Call a tool. Past the deadline the connection is ended, a child with its whole group.

        Raises:
            CallRefused: the server answered that it cannot do this.
            CallLost: no usable answer came.
            Exception: what asking a person raised, once the server ended the call.
        """
        assert self.session is not None, "only a usable connection is called"
        report = paced(origin.progress) if origin.progress else None
        with anyio.move_on_after(seconds) as scope:
            call = _Call(scope=scope, origin=origin, report=report)
            self._calls.add(call)
            try:
                # Not by `call_tool`, for the sake of `Outputs`.
                params = CallToolRequestParams(name=tool, arguments=arguments)
                result = await self.session.send_request(
                    ClientRequest(CallToolRequest(params=params)),
                    CallToolResult,
                    progress_callback=report,
                )
                if call.suspended is None:
                    if unfit := self.outputs.unfit(tool, result):
                        raise CallLost("invalid", f"The answer does not fit: {unfit}.")
                    return result
            except McpError as error:
                if call.suspended is None:
                    await self._closed(error)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                self.end("died", "The connection closed.")
            except (RuntimeError, ValidationError) as error:
                raise CallLost("invalid", f"The answer does not fit: {error}") from error
            finally:
                self._calls.discard(call)
        if call.suspended is not None:
            if scope.cancelled_caught:
                self.end("timeout", "It went on after a question that nobody answered.")
            raise call.suspended
        if not self.ended.is_set():
            self.end("timeout", f"No answer came within {seconds:g} s.")
            raise CallLost("timeout", self.reason)
        raise CallLost(*self._for_bystander())

    async def said(self, words: str) -> None:
        """What a server logs, told like its progress. Which call it belongs to, the protocol does
        not say: with more than one under way nobody is told."""
        call = next(iter(self._calls)) if len(self._calls) == 1 else None
        if call is not None and call.report is not None:
            await call.report(0.0, None, words)

    async def elicit(self, form: Form) -> Json:
        """Put a server's question to a person, on behalf of the call that it belongs to.

        The protocol does not say which call that is: with more than one under way nobody is
        asked. The call's deadline rests meanwhile.

        Raises:
            Suspended: the run is suspended until there is an answer.
        """
        call = next(iter(self._calls)) if len(self._calls) == 1 else None
        if call is None or call.origin.elicit is None or call.suspended or self.asking:
            return None
        left, call.scope.deadline = call.scope.deadline - anyio.current_time(), math.inf
        self.asking = True
        try:
            return await call.origin.elicit(form)
        except Exception as error:
            call.suspended = error
            left = _AFTER_CANCEL
            raise Suspended from error
        finally:
            self.asking = False
            call.scope.deadline = anyio.current_time() + left

    async def _closed(self, error: McpError) -> None:
        """Tell the end of the connection from a protocol error that is an answer."""
        if error.error.code == _SESSION_UNKNOWN:
            self.end("unsent", "The server does not know the session any more.")
        elif error.error.code != CONNECTION_CLOSED:
            raise CallRefused(error.error.code, words_of(error.error)) from error
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


class Suspended(Exception):
    """A person has to answer first; the server is told `cancel`."""
