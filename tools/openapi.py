"""An API with an OpenAPI document as a server of tools, called from within this process.

Same terms, same gate: what differs is that one call is one HTTP request, proven by credentials
that only this side of the gate ever sees.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import anyio
import httpx
from mcp.types import CallToolResult, TextContent

from runtime.canonical import Json
from runtime.errors import ConfigError, ServerUnavailable
from tools.breaker import backoff
from tools.catalogue import Listed
from tools.config import Terms, ToolsConfig
from tools.credentials import CredentialMissing, Keyring, Veil
from tools.definition import Definition
from tools.live import CallLost, Withheld
from tools.pins import Held, Pins
from tools.places import Places
from tools.proof import NotAuthorised, Patience, Proof
from tools.resolve import place_of
from tools.rest_auth_terms import ApiKey, Auth, OAuthUser
from tools.rest_document import BadDocument, Document, listed_of, read_document
from tools.rest_doors import Doors
from tools.rest_source import base_of, text_of
from tools.rest_wire import Elsewhere, Received, fetcher, origin, redirected, send
from tools.results import Answer, answer_of
from tools.target import Origin

_LONGEST = 200
"""Characters that are told of an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where an API is, and how calls prove who they are."""

    document: str
    """A path or an address."""
    base_url: str
    """Empty: the document's own."""
    auth: Auth | None
    keyring: partial[Keyring]


def rest_of(
    config: ToolsConfig,
    name: str,
    environment: Mapping[str, str],
    mask: Callable[[Iterable[str]], None],
    pins: Pins,
) -> Rest:
    """The server of an entry with `openapi`.

    Raises:
        ConfigError: a variable that the entry names is not set.
    """
    spec = config.servers[name]
    folder = config.file.resolve().parent
    document, base_url = place_of(config, name, environment)
    if not document.startswith(("http://", "https://")):
        document = str(Path(folder, document))
    api = Api(
        document=document,
        base_url=base_url,
        auth=None if isinstance(spec.auth, OAuthUser) else spec.auth,
        keyring=partial(Keyring, environment=environment, folder=folder, mask=mask),
    )
    return Rest(name, api, spec.switchyard, pins)


class Rest:
    """An API. Its document is read once, at the start or when a call first needs it."""

    def __init__(self, name: str, api: Api, terms: Terms, pins: Pins) -> None:
        self.name = name
        self._pins = pins if terms.pinned else Pins()
        self.held: Held | None = None
        """Its tools, held against their pins; None before the document was read."""
        self.reason = ""
        """Why it cannot be used; empty while it can."""
        self._api = api
        self._terms = terms
        self._base = ""
        self._document: Document | None = None
        self._effects: frozenset[str] = frozenset()
        self._doors = Doors(name, terms, api.auth, api.keyring)
        self._transport = httpx.AsyncHTTPTransport(trust_env=False)
        self._places = Places(name, terms)
        self._reading = asyncio.Lock()
        self._failures = 0
        self._not_before = 0.0
        self._wanted = anyio.Event()
        self._attempt: anyio.Event | None = None
        self._scope = anyio.CancelScope()

    async def hold(self) -> None:
        """Read the document when it is wanted, and keep the connections, until `close`."""
        try:
            with self._scope:
                while True:
                    await self._wanted.wait()
                    attempt, self._wanted = self._attempt or anyio.Event(), anyio.Event()
                    await self.learn()
                    attempt.set()
        finally:
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()

    def close(self) -> None:
        """Let go of the connections; `hold` returns."""
        self._scope.cancel()

    def want(self) -> anyio.Event:
        """Ask for the document. The event is set when it was read, or the attempt failed."""
        if self._attempt is None or self._attempt.is_set():
            self._attempt = anyio.Event()
            self._wanted.set()
        return self._attempt

    async def ready(self) -> None:
        """Read the document where that was not done.

        Raises:
            ServerUnavailable: it is not to be had now.
        """
        await self.learn()
        if self._document is None:
            self._gone(self.reason)

    async def settled(self) -> None:
        """Its tools do not change while it is in use: the document is read once."""

    @property
    def withheld(self) -> dict[str, str]:
        """Tools in quarantine, each with the reason."""
        return self.held.withheld if self.held is not None else {}

    def listed(self, definition: Definition) -> Listed:
        """A tool of it for the catalogue."""
        return listed_of(definition)

    async def recheck(self) -> None:
        """Hold the tools against the pins once more: an operator may have released some."""
        if self._document is not None:
            self.held = await self._pins.hold(self.name, self._document.definitions)

    async def learn(self) -> None:
        """Read the document, unless it was read. A failure becomes the reason."""
        async with self._reading:
            if self._document is not None or time.monotonic() < self._not_before:
                return
            try:
                async with asyncio.timeout(self._terms.start_seconds):
                    await self._learn()
                self.reason = ""
            except TimeoutError:
                self._unread(f"No document came within {self._terms.start_seconds:g} s.")
            except (BadDocument, CallLost, ConfigError, Elsewhere) as error:
                self._unread(str(error))

    def _unread(self, reason: str) -> None:
        self.reason = reason
        self._failures += 1
        self._not_before = time.monotonic() + backoff(self._failures)

    async def _learn(self) -> None:
        text = await text_of(self._api.document, self._transport)
        key = self._api.auth
        reserved = {key.name.lower()} if isinstance(key, ApiKey) else set[str]()
        found = await asyncio.to_thread(read_document, text, reserved)
        self._base = base_of(self._api.document, self._api.base_url, found.address)
        listed = map(listed_of, found.definitions)
        actions = {one.name: one.action for one in listed} | dict(self._terms.actions)
        self._effects = frozenset(name for name, action in actions.items() if action != "read")
        self.held = await self._pins.hold(self.name, found.definitions)
        self._document = found

    async def call(self, tool: str, arguments: dict[str, Json], origin_: Origin, /) -> Answer:
        """Make one request in the name of the tenant that the call is made for.

        Raises:
            Withheld: the tenant has no credentials there.
            ServerUnavailable: nothing was sent.
            CallLost: it was sent, and whether it took effect is not known.
        """
        await self.ready()
        assert self._document is not None, "else it is not ready"
        if tool in self.withheld:
            raise Withheld(self.name, self.withheld[tool], remedy="Nothing was sent.")
        try:
            request = self._document.request(tool, arguments, self._base)
        except ValueError as error:
            return Answer(text=f"{error}. Nothing was sent.", data=None, error=True)
        if origin(request.url) != origin(httpx.URL(self._base)):
            return Answer(text="It would go to another host: not sent.", data=None, error=True)
        async with self._places:
            door = self._doors.of(origin_.context.tenant)
            try:
                follows = tool not in self._effects
                got = await door.through(lambda: self._sent(request, door.proof, follows))
            except Elsewhere as error:
                return Answer(text=f"{error} Tell the operator.", data=None, error=True)
        return self._answer(tool, request.url, got, door.proof)

    async def _sent(self, request: httpx.Request, proof: Proof, follows: bool) -> Received:
        """Send a request under the deadline and the size of the terms."""
        try:
            async with asyncio.timeout(self._terms.timeout_seconds):
                return await self._exchanged(request, proof, follows)
        except TimeoutError:
            told = f"No answer came within {self._terms.timeout_seconds:g} s."
            raise CallLost("timeout", told) from None
        except (NotAuthorised, CredentialMissing) as error:
            self._gone(proof.veil.text(str(error)))

    async def _exchanged(self, request: httpx.Request, proof: Proof, follows: bool) -> Received:
        """Send a request, once more with a new proof, and to where it is redirected, if that."""
        most, again, hops = self._terms.max_bytes, True, 0
        fetch, patience = fetcher(self._transport), Patience(self._terms.timeout_seconds)
        while True:
            proven = await patience.wait(proof.put_on(_copy(request), fetch))
            got = await send(self._transport, proven, most)
            if got.status == 401 and proof.refused(proven) and again:
                again = False
                continue
            moved = redirected(request, got, hops) if follows else None
            if moved is None:
                return got
            request, hops = moved, hops + 1

    def _answer(self, tool: str, url: httpx.URL, got: Received, proof: Proof) -> Answer:
        if tool in self._effects and (got.status >= 500 or 300 <= got.status < 400):
            # It answered, so it may have done it. To follow a redirect could do it once more.
            led = _led(url, got.location, proof.veil) if got.status < 400 else ""
            raise CallLost("invalid", f"It answered with status {got.status}.{led}")
        text, data = _read(got)
        if not 200 <= got.status < 300:
            text, data = f"Status {got.status}: {text or 'no content'}", None
        result = CallToolResult(
            content=[TextContent(type="text", text=text or f"Status {got.status}, no content.")],
            structuredContent=data,
            isError=not 200 <= got.status < 300,
        )
        return answer_of(result, proof.veil)

    def _gone(self, reason: str) -> NoReturn:
        remedy = "See its entry in config/mcp.json; the other servers keep working."
        raise ServerUnavailable(self.name, reason, remedy=remedy)


def _copy(request: httpx.Request) -> httpx.Request:
    """A request to put credentials on, so that they are on nothing else."""
    return httpx.Request(
        request.method, request.url, headers=request.headers, content=request.content
    )


def _led(url: httpx.URL, location: str, veil: Veil) -> str:
    """Why an effect ended with its redirect, and what is to be corrected."""
    try:
        to = url.join(location)
        path = to.raw_path.decode("ascii").partition("?")[0]
        place = veil.text(f"to {origin(to)}{path}") if location else "nowhere"
    except httpx.InvalidURL:
        place = "to an address that is none"
    told = f" A redirect of an effect is not followed. It leads {place[:_LONGEST]}:"
    return f"{told} correct the path or base_url."


def _read(got: Received) -> tuple[str, dict[str, Json] | None]:
    """The body as text, and as structured content where it is JSON."""
    if got.kind == "application/json" or got.kind.endswith("+json"):
        try:
            value: Json = json.loads(got.body)
            text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        except (ValueError, RecursionError):
            return got.body.decode(errors="replace"), None
        return text, value if isinstance(value, dict) else {"result": value}
    if got.kind.startswith("text/") or got.kind in ("", "application/xml", "application/yaml"):
        try:
            return got.body.decode(got.charset, errors="replace"), None
        except LookupError:
            return got.body.decode(errors="replace"), None
    return f"[{got.kind}, {len(got.body):,} bytes]", None
