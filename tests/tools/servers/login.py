"""An authorization server on loopback: metadata, tokens, and what it was asked for.

It writes the token that is valid now into a file, where a tool server reads it.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import jwt
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response


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
    resource: str = ""
    """What its protected resource says that it is."""
    scopes: list[str] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    """What it sends a browser back with, in place of the right thing."""
    names_itself: bool = False
    """Whether its metadata promise that its answers name it."""
    codes: dict[str, str] = field(default_factory=dict)
    """The client of every code that was given out."""
    renewals: set[str] = field(default_factory=set)
    """Tokens to renew a login with, each good for once."""
    renewing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released when a renewal is asked for."""
    answers: threading.Event = field(default_factory=threading.Event)
    """Until it is set, no renewal is answered; each is decided on before."""
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
            "authorization_endpoint": f"{login.url}/authorize",
            "registration_endpoint": f"{login.url}/register",
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": login.scopes,
            "authorization_response_iss_parameter_supported": login.names_itself,
        }
        return JSONResponse(told)

    @app.post("/register")
    async def register(request: Request) -> JSONResponse:
        told = await request.json()
        name = f"registered-{len(login.secrets)}"
        login.secrets[name] = f"secret-of-{name}"
        told |= {"client_id": name, "client_secret": login.secrets[name]}
        told |= {"token_endpoint_auth_method": login.ways[0]}
        return JSONResponse(told, status_code=201)

    @app.get("/authorize")
    async def authorize(request: Request) -> RedirectResponse:
        """The page on which a person agrees; this one agrees by itself."""
        asked = dict(request.query_params)
        login.asked.append(asked)
        code = f"code-{len(login.asked)}"
        login.codes[code] = asked["client_id"]
        back = {"code": code, "state": asked["state"]} | login.says
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", status_code=302)

    async def held_back() -> None:
        login.renewing.release()
        await asyncio.to_thread(login.answers.wait, 10)

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        form = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        client = login.client(request, form)
        login.asked.append(form | {"client": client})
        if not client:
            told = {"error": "invalid_client", "error_description": str(login.secrets)}
            return JSONResponse(told, status_code=401)
        told = {"access_token": f"token-{len(login.asked)}-of-{client}", "expires_in": login.lasts}
        match form["grant_type"]:
            case "authorization_code" if login.codes.pop(form["code"], "") != client:
                return JSONResponse({"error": "invalid_grant"}, status_code=400)
            case "refresh_token" if form["refresh_token"] not in login.renewals:
                # Whoever uses one twice may be a thief: nothing of this login counts any more.
                login.renewals.clear()
                login.valid.write_text("nobody-has-this")
                await held_back()
                return JSONResponse({"error": "invalid_grant"}, status_code=400)
            case "refresh_token" | "authorization_code":
                login.renewals.discard(form.get("refresh_token", ""))
                told["refresh_token"] = f"renewal-{len(login.asked)}"
                login.renewals.add(f"renewal-{len(login.asked)}")
        login.valid.write_text(str(told["access_token"]))
        if form["grant_type"] == "refresh_token":
            await held_back()
        return JSONResponse(told)

    @app.post("/mcp")
    async def lure() -> Response:
        """A tool server that leads a client to this one for its token."""
        leads = f'Bearer resource_metadata="{login.url}/prm"'
        return Response(status_code=401, headers={"WWW-Authenticate": leads})

    @app.post("/bare")
    async def bare() -> Response:
        """A tool server that says nothing, and is its own authorization server."""
        return Response(status_code=401)

    @app.post("/narrow")
    async def narrow() -> Response:
        """A tool server that wants more than any token covers."""
        wants = 'Bearer error="insufficient_scope", scope="tools admin"'
        return Response(status_code=403, headers={"WWW-Authenticate": wants})

    @app.get("/prm")
    async def prm() -> JSONResponse:
        told = {"resource": login.resource or login.url, "authorization_servers": [login.url]}
        return JSONResponse(told)

    return app


@contextmanager
def logging_in(valid: Path) -> Iterator[Login]:
    """The server on a free port, in a thread."""
    login = Login(valid=valid)
    login.answers.set()
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
