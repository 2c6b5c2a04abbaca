"""The facade over streamable HTTP: who calls is told by their key, and each session is theirs.

Without keys everybody who reaches the port may call, so that it listens on this machine alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import click
import uvicorn
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.api_keys import holder, presented_key
from app.facade import CALLER, Facade
from app.facade_config import FacadeFile
from app.facade_session import Caller
from runtime.errors import OperatorError, RequestError

PATH = "/mcp"

_HERE = ("localhost", "127.0.0.1", "[::1]")
_LAST_ANSWERS = 2
"""Seconds that clients have to take their answers when the server ends."""


class Door:
    """The ASGI application: where from, who, and only then the session."""

    def __init__(
        self, sessions: StreamableHTTPSessionManager, file: FacadeFile, keys: dict[str, str]
    ) -> None:
        self._sessions = sessions
        self._file = file
        self._keys = keys
        self._guard = TransportSecurityMiddleware(_places(file))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refused = await self._refused(Request(scope))
        if refused is None:
            await self._sessions.handle_request(scope, receive, send)
        else:
            await refused(scope, receive, send)

    async def _refused(self, request: Request) -> Response | None:
        """Why a request gets no further; None when it is let in, in its caller's name."""
        if request.url.path.rstrip("/") != PATH:
            return _error(404, f"There is nothing here; the server is at {PATH}.")
        # Before a session is made for it.
        turned_away = await self._guard.validate_request(request, is_post=request.method == "POST")
        if turned_away is not None:
            return turned_away
        user = self._file.user
        if self._keys:
            user = holder(self._keys, presented_key(dict(request.scope["headers"])))
            if not user:
                told = "A key is needed: send it as Authorization: Bearer, or as x-api-key."
                return _error(401, told, {"WWW-Authenticate": "Bearer"})
        # A session answers to the caller who opened it, and to nobody else.
        token = AccessToken(token="", client_id=user, scopes=[])
        request.scope["user"] = AuthenticatedUser(token)
        tenant = self._file.tenant_of(user) if self._keys else self._file.tenant
        CALLER.set(Caller(tenant=tenant, user=user, way="HTTP"))
        return None


async def serve_http(
    facade: Facade,
    file: FacadeFile,
    keys: dict[str, str],
    listener: socket.socket,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set."""
    sessions = StreamableHTTPSessionManager(
        facade,
        session_idle_timeout=60 * file.idle_minutes,
        max_sessions=file.sessions,
        max_request_body_size=file.message_bytes,
    )
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        Door(sessions, file, keys),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    server = _Server(config)
    async with sessions.run(), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(sockets=[listener]))
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"switchyard mcp: listening on http://{shown}:{port}{PATH}", err=True)
        await stop.wait()
        server.should_exit = True
        await serving


def listening(host: str, port: int, keys: dict[str, str]) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        RequestError: the host is not this machine's own, and there are no keys.
        OperatorError: the port cannot be had.
    """
    if not keys and not _loopback(host):
        raise RequestError(
            "without keys the server listens on this machine alone",
            field="host",
            value=host,
            remedy="Set SWITCHYARD_API_KEYS (name:key,name:key), or leave --host out.",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OperatorError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}.",
            remedy="Choose another --port, or 0 for a free one.",
        ) from error


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command's own: it has sessions to end."""
        yield


def _places(file: FacadeFile) -> TransportSecuritySettings:
    """From where requests may come: pages of strangers that reach this machine by a name of
    their own are refused."""
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*_HERE, *(f"{one}:*" for one in _HERE), *file.hosts],
        allowed_origins=[*(f"http://{one}:*" for one in _HERE), *file.origins],
    )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _error(status: int, told: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": told}, status_code=status, headers=headers)
