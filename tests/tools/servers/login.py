"""An authorization server on loopback: metadata, tokens, and what it was asked for.

It writes the token that is valid now into a file, where a tool server reads it.
"""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response


@dataclass
class Login:
    """The server with what it saw, and what it is to do."""

    valid: Path
    url: str = ""
    issuer: str = ""
    """What its metadata say; empty for its own address."""
    secrets: dict[str, str] = field(default_factory=dict)
    """By client."""
    public_key: str = ""
    lasts: int = 3600
    ways: list[str] = field(default_factory=lambda: ["client_secret_basic"])
    asked: list[dict[str, str]] = field(default_factory=list)
    """The form of every request for a token, with the client that it came from."""
    seen: list[str] = field(default_factory=list)
    """Method and path of every request."""

    def client(self, request: Request, form: dict[str, str]) -> str:
        """Who asks; empty where that was not proven."""
        assertion = form.get("client_assertion")
        if assertion is not None:
            told = jwt.decode(assertion, self.public_key, ["ES256"], audience=self.url)
            return str(told["sub"]) if told["iss"] == told["sub"] else ""
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            name, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        return name if self.secrets.get(name) == secret != "" else ""


def app_of(login: Login) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def note(request: Request, call_next):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        login.seen.append(f"{request.method} {request.url.path}")
        return await call_next(request)

    @app.get("/.well-known/oauth-authorization-server")
    async def metadata() -> JSONResponse:
        told = {
            "issuer": login.issuer or login.url,
            "token_endpoint": f"{login.url}/token",
            "token_endpoint_auth_methods_supported": login.ways,
        }
        return JSONResponse(told)

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        form = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        client = login.client(request, form)
        login.asked.append(form | {"client": client})
        if not client:
            told = {"error": "invalid_client", "error_description": str(login.secrets)}
            return JSONResponse(told, status_code=401)
        token = f"token-{len(login.asked)}-of-{client}"
        login.valid.write_text(token)
        return JSONResponse({"access_token": token, "expires_in": login.lasts})

    @app.post("/mcp")
    async def lure() -> Response:
        """A tool server that leads a client to this one for its token."""
        leads = f'Bearer resource_metadata="{login.url}/prm"'
        return Response(status_code=401, headers={"WWW-Authenticate": leads})

    @app.get("/prm")
    async def prm() -> JSONResponse:
        return JSONResponse({"resource": login.url, "authorization_servers": [login.url]})

    return app


@contextmanager
def logging_in(valid: Path) -> Iterator[Login]:
    """The server on a free port, in a thread."""
    login = Login(valid=valid)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app_of(login), log_level="critical", timeout_graceful_shutdown=1, ws="none"
        )
        server = uvicorn.Server(config)
        login.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield login
        finally:
            server.should_exit = True
            thread.join(10)
