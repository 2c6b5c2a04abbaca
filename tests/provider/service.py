"""The HTTP face: which path belongs to which wire, who answers, and what is recorded.
Nothing here knows a vendor's format or what a fault does to an answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.provider import embeddings, gemini_embeddings
from tests.provider.answer import settle, spoil
from tests.provider.anthropic_wire import AnthropicWire
from tests.provider.brain import SeededBrain
from tests.provider.delivery import Delivery, HangUp
from tests.provider.exchange import Brain, Exchange, JsonObject, Reply
from tests.provider.faults import EmptyChoices, Fault, HttpError, unauthorized
from tests.provider.gemini_wire import GeminiWire
from tests.provider.latency import AT_ONCE, Latency
from tests.provider.openai_wire import CREATED, OpenAIWire
from tests.provider.record import Record, SeenRequest
from tests.provider.render import Rendered, render, render_error, render_plain
from tests.provider.wire import BadRequestError, WireFormat

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(kw_only=True)
class Behaviour:
    """How the server acts. May be changed while it runs; counts from the next request on."""

    brain: Brain
    faults: dict[int, Fault] = field(default_factory=dict)
    """By the number of the call, from 0. The brain is not asked for such a call."""
    carrier: Brain | None = None
    """What a fault's answer says before the fault spoils it; the seeded brain's if absent."""
    embedding_faults: dict[int, Fault] = field(default_factory=dict)
    latency: Latency = AT_ONCE
    api_key: str | None = None
    """When set, every other key is refused with 401."""
    models: Sequence[str] = ("scripted", "claude-scripted")
    seed: int = 0
    dimensions: int = 64


class Service:
    def __init__(self, behaviour: Behaviour, record: Record, hang_up: HangUp) -> None:
        self._behaviour = behaviour
        self._record = record
        self._hang_up = hang_up
        self._times_asked: Counter[str] = Counter()
        self._embeddings = 0
        # A fault needs an answer to act upon, and must not use up the lines of a script for it.
        self._carrier = SeededBrain(behaviour.seed)

    def app(self) -> Starlette:
        openai, anthropic = OpenAIWire(), AnthropicWire()
        return Starlette(
            routes=[
                Route("/v1/chat/completions", partial(self._converse, openai), methods=["POST"]),
                Route("/v1/messages", partial(self._converse, anthropic), methods=["POST"]),
                Route("/v1/embeddings", partial(self._embed, openai), methods=["POST"]),
                Route("/v1/models", partial(self._list_models, openai), methods=["GET"]),
                Route("/v1beta/models/{target}", self._gemini, methods=["POST"]),
                Route("/{path:path}", partial(self._nothing_here, openai), methods=ANY_METHOD),
            ]
        )

    async def _converse(self, wire: WireFormat, request: Request) -> Delivery:
        return self._guarded(wire, await self._see(wire, request, is_call=True), self._answer)

    async def _embed(self, wire: WireFormat, request: Request) -> Delivery:
        return self._guarded(wire, await self._see(wire, request), self._embedding)

    async def _gemini(self, request: Request) -> Delivery:
        """On this wire the path says which model is asked, and for what."""
        model, _, method = request.path_params["target"].partition(":")
        streamed = method == "streamGenerateContent"
        wire = GeminiWire(model, streamed)
        if method == "generateContent" or (streamed and request.query_params.get("alt") == "sse"):
            return await self._converse(wire, request)
        if method in ("embedContent", "batchEmbedContents"):
            seen = await self._see(wire, request)
            vectors = partial(self._gemini_embedding, batch=method == "batchEmbedContents")
            return self._guarded(wire, seen, vectors)
        return await self._nothing_here(wire, request)

    def _guarded(
        self,
        wire: WireFormat,
        seen: SeenRequest,
        respond: Callable[[WireFormat, SeenRequest], Delivery],
    ) -> Delivery:
        fault: HttpError
        try:
            key, given = self._behaviour.api_key, seen.headers
            if key and key not in _keys(given):
                fault = unauthorized()
            else:
                return respond(wire, seen)
        except BadRequestError as bad:
            fault = HttpError(status=400, message=bad.message, param=bad.param)
        except Exception as bug:  # noqa: BLE001 - a bug of a brain is told when the provider closes
            self._record.failed(bug)
            message = f"the scripted provider failed with {type(bug).__name__}: {bug}"
            fault = HttpError(status=500, message=message, code="brain_failed")
        return self._deliver(seen, render_error(wire, fault), fault=fault)

    def _answer(self, wire: WireFormat, seen: SeenRequest) -> Delivery:
        exchange = wire.read(seen.body, seen.headers)
        fault, reply = self._decide(seen.call or 0, exchange)
        answer = spoil(exchange, settle(exchange, reply, self._id(exchange)), fault)
        wait = self._behaviour.latency.seconds(exchange.digest)
        rendered = render(wire, exchange, answer, fault)
        return self._deliver(seen, rendered, reply=reply, fault=fault, wait=wait)

    def _embedding(self, wire: WireFormat, seen: SeenRequest) -> Delivery:
        number, self._embeddings = self._embeddings, self._embeddings + 1
        fault = self._behaviour.embedding_faults.get(number)
        asked = embeddings.read(seen.body)
        seed, size = self._behaviour.seed, self._behaviour.dimensions
        body = embeddings.respond(asked, seed=seed, dimensions=size)
        if isinstance(fault, EmptyChoices):
            body["data"] = []
        return self._deliver(seen, render_plain(wire, body, fault), fault=fault)

    def _gemini_embedding(self, wire: WireFormat, seen: SeenRequest, *, batch: bool) -> Delivery:
        assert isinstance(wire, GeminiWire), "only asked on this wire"
        number, self._embeddings = self._embeddings, self._embeddings + 1
        fault = self._behaviour.embedding_faults.get(number)
        seed, size = self._behaviour.seed, self._behaviour.dimensions
        body = gemini_embeddings.respond(
            wire.model, seen.body, batch=batch, seed=seed, dimensions=size
        )
        if isinstance(fault, EmptyChoices):
            body = {}
        return self._deliver(seen, render_plain(wire, body, fault), fault=fault)

    async def _list_models(self, wire: WireFormat, request: Request) -> Delivery:
        seen = await self._see(wire, request)
        rows: list[JsonValue] = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "scripted"}
            for name in self._behaviour.models
        ]
        return self._deliver(seen, render_plain(wire, {"object": "list", "data": rows}))

    async def _nothing_here(self, wire: WireFormat, request: Request) -> Delivery:
        seen = await self._see(None, request)
        message = f"Invalid URL ({seen.method} {seen.path})"
        fault = HttpError(status=404, message=message, code="unknown_url")
        return self._deliver(seen, render_error(wire, fault), fault=fault)

    async def _see(
        self, wire: WireFormat | None, request: Request, *, is_call: bool = False
    ) -> SeenRequest:
        raw = await request.body()
        return self._record.arrive(
            wire=wire.name if wire else None,
            method=request.method,
            path=request.url.path,
            headers=dict(request.headers),
            body=_parsed(raw),
            raw=raw,
            is_call=is_call,
        )

    def _decide(self, call: int, exchange: Exchange) -> tuple[Fault | None, Reply]:
        said = self._behaviour.faults.get(call) or self._behaviour.brain.reply(exchange)
        if isinstance(said, Reply):
            return None, said
        carried = (self._behaviour.carrier or self._carrier).reply(exchange)
        assert isinstance(carried, Reply), "a fault acts upon an answer"
        return said, carried

    def _id(self, exchange: Exchange) -> str:
        """Unique, and yet the same in every run that asks the same questions equally often."""
        digest = exchange.digest[:16]
        self._times_asked[digest] += 1
        return f"{digest}{self._times_asked[digest]}"

    def _deliver(
        self,
        seen: SeenRequest,
        rendered: Rendered,
        *,
        reply: Reply | None = None,
        fault: Fault | None = None,
        wait: float = 0.0,
    ) -> Delivery:
        return Delivery(
            status=rendered.status,
            media_type=rendered.media_type,
            pieces=rendered.pieces,
            headers=rendered.headers,
            stream=rendered.stream,
            hang_up=self._hang_up,
            ended=partial(self._record.leave, seen, reply, fault),
            wait=wait,
            pause=self._behaviour.latency.between_events,
            fault=fault,
        )


def _keys(headers: Mapping[str, str]) -> tuple[str | None, ...]:
    """The key where each of the vendors wants it."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key"), headers.get("x-goog-api-key"), bearer


def _parsed(raw: bytes) -> JsonObject:
    try:
        value: JsonValue = json.loads(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
