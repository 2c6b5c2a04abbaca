"""What goes to a client while its call is under way: progress, log messages, and questions of a
tool server, where the client can ask its user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, get_args

import anyio
from mcp.server.session import ServerSession
from mcp.shared.exceptions import McpError
from mcp.types import ElicitResult, LoggingLevel, ProgressToken, RequestId

from ledger.approvals import Approval
from tools.calls import ToolEvent
from tools.elicitation import Filled

LEVELS: tuple[LoggingLevel, ...] = get_args(LoggingLevel)
"""From the least to the most urgent."""

QUIET: LoggingLevel = "warning"
"""From which level on a client is told that never set one."""

Cleared = Callable[[], Awaitable[bool]]
"""Whether the client may be told now what the tool of a call says."""

_STEP = 0.0001


class Wire:
    """One request of a client, for what it is told before the answer."""

    def __init__(
        self,
        session: ServerSession,
        request: RequestId,
        token: ProgressToken | None,
        level: Callable[[], LoggingLevel],
    ) -> None:
        self._session = session
        self._request = str(request)
        self._token = token
        self._level = level
        self._told = -_STEP

    async def tell(self, event: ToolEvent, cleared: Cleared) -> None:
        """Tell a step of the call. Where the client may not be told what the tool says, it gets a
        sign of life alone."""
        match event.phase:
            case "progress" if not await cleared():
                await self._progress(None, "")
            case "progress" if event.share is None:
                await self._log("info", event.tool.partition("_")[0], event.message)
            case "progress":
                await self._progress(event.share, event.message)
            case "answered" | "denied":
                await self._log("debug", "switchyard", f"{event.tool}: {event.outcome}")
            case _:
                await self._log("debug", "switchyard", f"{event.tool}: {event.phase}")

    async def waits(self, words: str) -> None:
        """Tell that a person is asked; said again and again, it keeps a client's patience."""
        await self._progress(None, words)

    def asks(self, question: Approval) -> bool:
        """Whether the client can put this question to its user."""
        params = self._session.client_params
        can = params.capabilities.elicitation if params is not None else None
        if can is None or question.kind != "elicitation":
            return False
        if question.question["url"]:
            return can.url is not None
        # A client of an earlier version of the protocol names no kinds, and means forms.
        return can.form is not None or can.url is None

    async def ask(self, question: Approval) -> Literal["approved", "refused"] | Filled:
        """The answer of the client's user to a question of a tool server."""
        try:
            said = await self._put(question)
        except McpError:
            # It says that it can ask, and cannot.
            return "refused"
        if said.action != "accept":
            return "refused"
        return Filled(content=said.content or {})

    async def _put(self, question: Approval) -> ElicitResult:
        asked = question.question
        # Its user shall know that these are words of a tool server, and of which.
        message = f"{asked['tool']} asks: {asked['message']}"
        if asked["url"]:
            return await self._session.elicit_url(message, asked["url"], question.id, self._request)
        return await self._session.elicit_form(message, asked["form"], self._request)

    async def _progress(self, share: float | None, message: str) -> None:
        if self._token is None:
            return
        # The protocol wants a figure that only grows.
        self._told = max(share or 0.0, self._told + _STEP)
        async with _if_there():
            await self._session.send_progress_notification(
                self._token,
                self._told,
                1.0 if share is not None else None,
                message or None,
                self._request,
            )

    async def _log(self, level: LoggingLevel, logger: str, words: str) -> None:
        if LEVELS.index(level) < LEVELS.index(self._level()):
            return
        async with _if_there():
            await self._session.send_log_message(level, words, logger, self._request)


@asynccontextmanager
async def _if_there() -> AsyncIterator[None]:
    """A client that left is told nothing; its call ends by itself."""
    try:
        yield
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        return
