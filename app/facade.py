"""The tools of this installation as an MCP server: requests in, the gateway behind them.

Prompts, resources and completions are not offered: there are tools here, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.shared.context import RequestContext
from mcp.shared.exceptions import McpError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequest,
    EmptyResult,
    ErrorData,
    ListToolsRequest,
    ListToolsResult,
    ServerResult,
    SetLevelRequest,
)

from app.facade_offer import META
from app.facade_session import Caller, House, Session, UnknownTool, Wanted
from app.facade_wire import Wire
from runtime.errors import SwitchyardError

CALLER: ContextVar[Caller] = ContextVar("CALLER")
"""Who opens a session; set by the transport before it does."""

KEY = f"{META}key"
"""In `_meta` of a call: another word makes another effect of the same arguments."""

_LONGEST_KEY = 200

_INSTRUCTIONS = (
    "The tools of a Switchyard installation. Policy decides on each call, and each is recorded."
    " A call that a person has to decide on first comes back as an error that says so; make the"
    " same call again once it was approved. The same effect happens once in a session."
)
_log = logging.getLogger("app.facade")


class Facade(Server[Session, Any]):
    """A server whose every session is a run of its own."""

    def __init__(self, house: House) -> None:
        super().__init__(
            "switchyard",
            _version(),
            instructions=_INSTRUCTIONS,
            lifespan=self._session,
        )
        self.sessions: set[Session] = set()
        """Those that are open."""
        self._house = house
        self.request_handlers[ListToolsRequest] = self._list
        self.request_handlers[CallToolRequest] = self._call
        self.request_handlers[SetLevelRequest] = self._set_level

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """What is promised to clients: that they hear of it when the list of tools changes."""
        return super().create_initialization_options(
            notification_options or NotificationOptions(tools_changed=True),
            experimental_capabilities,
        )

    @asynccontextmanager
    async def _session(self, _server: object) -> AsyncIterator[Session]:
        session = Session(self._house, CALLER.get())
        self.sessions.add(session)
        try:
            yield session
        finally:
            self.sessions.discard(session)
            # However it ends, its run is closed.
            with anyio.CancelScope(shield=True):
                await session.end()

    async def _list(self, _request: ListToolsRequest) -> ServerResult:
        context = self.request_context
        session = context.lifespan_context
        session.listener = context.session
        async with _in_words():
            return ServerResult(ListToolsResult(tools=await session.tools()))

    async def _call(self, request: CallToolRequest) -> ServerResult:
        context = self.request_context
        session = context.lifespan_context
        token = context.meta.progressToken if context.meta is not None else None
        wire = Wire(context.session, context.request_id, token, lambda: session.level)
        wanted = Wanted(
            name=request.params.name, arguments=request.params.arguments or {}, key=_key(context)
        )
        async with _in_words():
            return ServerResult(await session.call(wanted, wire))

    async def _set_level(self, request: SetLevelRequest) -> ServerResult:
        self.request_context.lifespan_context.level = request.params.level
        return ServerResult(EmptyResult())


def _version() -> str:
    try:
        return version("switchyard")
    except PackageNotFoundError:
        return "0"


def _key(context: RequestContext[Any, Any, Any]) -> str:
    extra: Mapping[str, object] = (context.meta and context.meta.model_extra) or {}
    given = extra.get(KEY, "")
    if not isinstance(given, str) or len(given) > _LONGEST_KEY:
        told = f"_meta {KEY}: a text of at most {_LONGEST_KEY} characters is wanted."
        raise McpError(ErrorData(code=INVALID_PARAMS, message=told))
    return given


@asynccontextmanager
async def _in_words() -> AsyncIterator[None]:
    """The edge to the protocol: what goes wrong here is told without what only we may know."""
    try:
        yield
    except McpError:
        raise
    except UnknownTool as error:
        data = {f"{META}call": error.call}
        raise McpError(ErrorData(code=INVALID_PARAMS, message=str(error), data=data)) from error
    except SwitchyardError as error:
        # Of what was sent a session gives a result, whatever becomes of the record.
        _log.warning("a call failed: %s", error)
        told = "The call could not be recorded, so nothing was sent. Try again later."
        raise McpError(ErrorData(code=INTERNAL_ERROR, message=told)) from error
    except Exception as error:
        _log.exception("a request failed")
        told = "The request failed within the server; its log has the details."
        raise McpError(ErrorData(code=INTERNAL_ERROR, message=told)) from error
