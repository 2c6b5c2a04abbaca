"""What a server may say on its own account: that its tools changed, and what it wants to know."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mcp import ClientSession
from mcp.client.session import ElicitationFnT, MessageHandlerFnT
from mcp.shared.context import RequestContext
from mcp.shared.session import RequestResponder
from mcp.types import (
    ClientResult,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    Implementation,
    LoggingMessageNotification,
    ServerNotification,
    ServerRequest,
    ToolListChangedNotification,
)

from tools.credentials import Veil
from tools.elicitation import Form
from tools.invisible import cleaned
from tools.live import Live, Suspended

Said = RequestResponder[ServerRequest, ClientResult] | ServerNotification | Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """The two ears of a session."""

    elicit: ElicitationFnT
    message: MessageHandlerFnT


@cache
def ourselves() -> Implementation:
    """Who a server is told that it speaks to."""
    try:
        return Implementation(name="switchyard", version=version("switchyard"))
    except PackageNotFoundError:
        return Implementation(name="switchyard", version="unknown")


def listeners(live: Live, veil: Veil) -> Listeners:
    """What hears the server of a connection; nothing in what it says is acted on by itself."""
    return Listeners(elicit=_elicit(live, veil), message=_message(live))


def _message(live: Live) -> MessageHandlerFnT:
    async def heard(message: Said) -> None:
        if not isinstance(message, ServerNotification):
            return
        match message.root:
            case ToolListChangedNotification():
                live.changed()
            case LoggingMessageNotification(params=said):
                await live.said(said.data if isinstance(said.data, str) else json.dumps(said.data))

    return heard


def _elicit(live: Live, veil: Veil) -> ElicitationFnT:
    async def heard(
        context: RequestContext[ClientSession, Any],  # noqa: ARG001 (the protocol's form)
        params: ElicitRequestParams,
    ) -> ElicitResult | ErrorData:
        try:
            content = await live.elicit(_form(params, veil))
        except Suspended:
            return ElicitResult(action="cancel")
        if content is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=content or None)

    return heard


def _form(params: ElicitRequestParams, veil: Veil) -> Form:
    message = veil.text(cleaned(params.message)[0])
    if isinstance(params, ElicitRequestURLParams):
        return Form(message=message, schema=None, url=veil.text(cleaned(params.url)[0]))
    return Form(message=message, schema=veil.value(params.requestedSchema))
