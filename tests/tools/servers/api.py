"""A real API: FastAPI on loopback, with its own OpenAPI document, tokens, and bad habits."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from pydantic import BaseModel

ID, SECRET = "client-of-ours", "secret-of-the-client"


class Item(BaseModel):
    """What the API keeps."""

    name: str
    price: float


@dataclass
class Api:
    """The API with what it saw."""

    url: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path with query, and headers of every request."""
    tokens: list[str] = field(default_factory=list)
    """Every token that was given out; only the last one counts."""
    lasts: int = 3600
    elsewhere: str = "http://127.0.0.1:9"
    leads: tuple[int, str] = (307, "/caught")
    """Status and address with which it answers an effect that it has done."""

    @property
    def calls(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.seen]


def app_of(api: Api) -> FastAPI:
    """The application; each path misbehaves in the way that its name says."""
    app = FastAPI()
    items: dict[int, Item] = {1: Item(name="lamp", price=9.5)}

    @app.middleware("http")
    async def note(request: Request, call_next):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        api.seen.append((request.method, path, dict(request.headers)))
        return await call_next(request)

    @app.get("/items/{item}", operation_id="get_item", summary="Look an item up.")
    async def get_item(item: int, verbose: bool = False) -> dict[str, object]:
        if item not in items:
            raise HTTPException(404, f"there is no item {item}")
        return {"id": item, "verbose": verbose, **items[item].model_dump()}

    @app.get("/items", operation_id="list_items")
    async def list_items() -> list[Item]:
        return list(items.values())

    @app.post("/items", operation_id="add_item", status_code=201)
    async def add_item(item: Item) -> dict[str, int]:
        if item.price < 0:
            raise HTTPException(422, "the price is below zero")
        items[len(items) + 1] = item
        return {"id": len(items)}

    @app.delete("/items/{item}", operation_id="drop_item", status_code=204)
    async def drop_item(item: int) -> Response:
        items.pop(item, None)
        return Response(status_code=204)

    @app.get("/broken", operation_id="broken")
    async def broken() -> PlainTextResponse:
        return PlainTextResponse("Traceback: boom", status_code=500)

    @app.post("/broken", operation_id="break_it")
    async def break_it() -> PlainTextResponse:
        return PlainTextResponse("Traceback: boom", status_code=502)

    @app.get("/slow", operation_id="slow")
    async def slow() -> str:
        await asyncio.sleep(30)
        return "late"

    @app.post("/slow", operation_id="slow_effect")
    async def slow_effect() -> str:
        await asyncio.sleep(30)
        return "late"

    @app.get("/large", operation_id="large")
    async def large() -> PlainTextResponse:
        return PlainTextResponse("x" * 5_000_000)

    @app.get("/away", operation_id="away")
    async def away() -> RedirectResponse:
        return RedirectResponse(f"{api.elsewhere}/caught")

    @app.get("/moved", operation_id="moved")
    async def moved() -> RedirectResponse:
        return RedirectResponse("/items/1")

    @app.get("/round", operation_id="round")
    async def round_and_round() -> RedirectResponse:
        return RedirectResponse("/round")

    @app.post("/lead", operation_id="lead")
    async def lead() -> Response:
        status, place = api.leads
        return Response(status_code=status, headers={"location": place} if place else {})

    @app.api_route("/caught", methods=["GET", "POST"], include_in_schema=False)
    async def caught() -> str:
        return "did it here"

    @app.get("/echo", operation_id="echo")
    async def echo(request: Request, q: str = "") -> dict[str, object]:
        return {"q": q, "query": request.url.query, "headers": dict(request.headers)}

    @app.get("/guarded", operation_id="guarded")
    async def guarded(request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {(api.tokens or [''])[-1]}":
            return JSONResponse({"detail": "who are you?"}, status_code=401)
        return JSONResponse({"token": request.headers["authorization"]})

    @app.post("/token", include_in_schema=False)
    async def token(request: Request) -> JSONResponse:
        pair = base64.b64encode(f"{ID}:{SECRET}".encode()).decode()
        form = (await request.body()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            told = {"error": "invalid_client", "error_description": f"not {SECRET}"}
            return JSONResponse(told, status_code=401)
        assert form == "grant_type=client_credentials&scope=items"
        api.tokens.append(f"token-number-{len(api.tokens) + 1}")
        return JSONResponse({"access_token": api.tokens[-1], "expires_in": api.lasts})

    return app


@contextmanager
def serving() -> Iterator[Api]:
    """The API on a free port, in a thread."""
    api = Api()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app_of(api), log_level="critical", timeout_graceful_shutdown=1, ws="none"
        )
        server = uvicorn.Server(config)
        api.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield api
        finally:
            server.should_exit = True
            thread.join(10)
