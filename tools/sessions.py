"""Holds one session with a tool server: started, watched, restarted when needed.

The one importer of the MCP adapters. A server's session lives from beginning to end in one task
of its own, as its cancel scopes demand; calls come from any task of the same event loop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import httpx
from langchain_mcp_adapters.sessions import StreamableHttpConnection, create_session
from mcp import ClientSession, McpError

from runtime.breaker import Breaker
from runtime.canonical import Json
from runtime.errors import ServerUnavailable, SwitchyardError
from tools.breaker import backoff, refusal
from tools.config import Terms
from tools.credentials import OPEN, CredentialMissing, Keyring, Veil
from tools.definition import Definition, definitions
from tools.elicitation import Progress
from tools.http import client_factory, of_a_call, refused, told
from tools.http_auth import Proven, proving
from tools.listening import listeners, ourselves
from tools.live import CallLost, CallRefused, Ending, Live, Withheld
from tools.outputs import Outputs
from tools.pins import Held, Pins
from tools.proof import NotAuthorised, Patience, Proof
from tools.resolve import Address, Program, Start
from tools.results import Answer, answer_of
from tools.stdio import open_child
from tools.target import Origin

_log = logging.getLogger("tools.sessions")

_PATIENCE = 1.0
"""A call waits for a restart that is at most this far away (seconds), and is refused otherwise."""


class Session:
    """One server: its live session, or the reason why there is none."""

    def __init__(
        self,
        name: str,
        start: Start,
        terms: Terms,
        *,
        pins: Pins,
        keyring: Keyring,
        proof: Proof | None = None,
    ) -> None:
        self.name = name
        self.held: Held | None = None
        """Its tools, held against their pins; None before the first start."""
        self.reason = ""
        """Why there is no session; empty while there is one."""
        self.busy = 0
        """Calls under way."""
        self._start = start
        self._terms = terms
        self._pins = pins
        self._keyring = keyring
        self._proof = proof
        self._veil = proof.veil if proof else OPEN
        self._breaker = Breaker(terms.breaker.failures, terms.breaker.seconds)
        self._found: list[Definition] = []
        self._live: Live | None = None
        self._current: Live | None = None
        # The same connection as `_live`, but from the first step of its start on.
        self._wanted = anyio.Event()
        self._attempt: anyio.Event | None = None
        self._failures = 0
        self._not_before = 0.0
        self._closing = False

    async def hold(self) -> None:
        """Keep a session while one is wanted, until `close`. Run it in a task of its own."""
        try:
            while not self._closing:
                await self._wanted.wait()
                if self._closing:
                    return
                attempt, self._wanted = self._attempt or anyio.Event(), anyio.Event()
                await anyio.sleep(max(0.0, self._not_before - time.monotonic()))
                if not self._closing:
                    await self._one(attempt)
                attempt.set()
        finally:
            if self._proof is not None:
                with anyio.CancelScope(shield=True):
                    await self._proof.settled()

    def close(self) -> None:
        """End the session; `hold` returns when the server is gone."""
        self._closing = True
        self._wanted.set()
        if self._current is not None:
            self._current.end("closed", "The session was closed.")

    def want(self) -> anyio.Event:
        """Ask for a session. The event is set when the attempt succeeded or failed."""
        if self._attempt is None or self._attempt.is_set():
            self._attempt = anyio.Event()
            self._wanted.set()
        return self._attempt

    @property
    def withheld(self) -> dict[str, str]:
        """Tools in quarantine, by their names on the server, each with the reason."""
        return self.held.withheld if self.held is not None else {}

    async def call(self, tool: str, arguments: dict[str, Json], origin: Origin, /) -> Answer:
        """Call a tool under the server's deadline, starting the server when it is gone.

        A call that passes its deadline ends the server with everything it started. After failures
        in a row nothing is sent for a while.

        Raises:
            ServerUnavailable: nothing was sent.
            CallRefused: the server answered that it cannot do this.
            CallLost: it was sent, and no usable answer came.
            Exception: whatever asking a person on the server's behalf raised.
        """
        pause = self._breaker.admit()
        if pause is not None:
            raise refusal(self._breaker, self.name, pause, self.reason)
        self.busy += 1
        try:
            return await self._call(tool, arguments, origin)
        except CallRefused as error:
            self._breaker.succeeded()
            raise CallRefused(error.code, self._veil.text(str(error))) from None
        except CallLost as lost:
            if lost.kind == "invalid":
                self._breaker.failed()
            # The others ended the connection, which counts once for all calls on it.
            raise CallLost(lost.kind, self._veil.text(lost.reason)) from None
        except BaseException:
            self._breaker.release()
            raise
        finally:
            self.busy -= 1

    async def _call(self, tool: str, arguments: dict[str, Json], origin: Origin) -> Answer:
        live = await self.ready()
        await self.settled()
        if tool in self.withheld:
            raise Withheld(self.name, self.withheld[tool], remedy="Nothing was sent.")
        if live.asking:
            raise ServerUnavailable(
                self.name,
                "It waits for a person's answer to another call.",
                remedy="Nothing was sent. Try again later.",
            )
        await self._proof_at_hand()
        result = await live.call(tool, arguments, self._terms.timeout_seconds, self._veiled(origin))
        self._failures = 0
        try:
            answer = answer_of(result, self._veil)
        except ValueError as error:
            raise CallLost("invalid", f"The answer is not JSON: {error}.") from error
        self._breaker.succeeded()
        return answer

    async def _proof_at_hand(self) -> None:
        if self._proof is None:
            return
        try:
            await Patience(self._terms.timeout_seconds).wait(self._proof.at_hand())
        except (NotAuthorised, CredentialMissing, SwitchyardError) as error:
            self._breaker.failed()
            told = self._veil.text(str(error))
            raise ServerUnavailable(self.name, told, remedy="Nothing was sent.") from None

    def _veiled(self, origin: Origin) -> Origin:
        report, veil = origin.progress, self._veil
        if report is None or not veil:
            return origin

        def told(progress: Progress) -> None:
            report(replace(progress, message=veil.text(progress.message)))

        return replace(origin, progress=told)

    async def settled(self) -> None:
        """Wait until the tools are known, where the server said that they changed."""
        unsure = self._live.unsure if self._live is not None else None
        if unsure is not None:
            with anyio.move_on_after(self._terms.start_seconds):
                await unsure.wait()

    async def recheck(self) -> None:
        """Hold the tools against the pins once more: an operator may have released some."""
        if self.held is not None:
            self.held = await self._pins.hold(self.name, self._found)

    async def ready(self) -> Live:
        """The live connection, after a start where one is needed.

        Raises:
            ServerUnavailable: there is none, or not soon enough.
        """
        if self._live is not None and self._live.usable:
            return self._live
        pause = self._not_before - time.monotonic()
        if self._closing or pause > _PATIENCE:
            raise self._unavailable(pause)
        with anyio.move_on_after(self._terms.start_seconds + _PATIENCE + 5.0):
            await self.want().wait()
        if self._live is None or not self._live.usable:
            raise self._unavailable(self._not_before - time.monotonic())
        return self._live

    def _unavailable(self, pause: float) -> ServerUnavailable:
        again = f" It is tried again in {pause:.0f} s." if pause > _PATIENCE else ""
        return ServerUnavailable(
            self.name,
            self.reason or "It is not running.",
            remedy=f"See its entry in config/mcp.json; the other servers keep working.{again}",
        )

    async def _one(self, attempt: anyio.Event) -> None:
        """One connection from its start to its end; every failure becomes a reason."""
        live = self._current = Live(self._note)
        try:
            with live.scope:
                secrets = await self._keyring.read()
                if self._proof is None:
                    self._veil = Veil(secrets, self._keyring.wanted)
                async with self._connected(live, _equipped(self._start, secrets)) as session:
                    await self._greet(session, live)
                    if not live.ended.is_set():
                        live.session = session
                        self._live, self.reason = live, ""
                        attempt.set()
                        await self._watch(session, live)
        except Exception as error:  # noqa: BLE001 (the room's edge: servers fail in every way)
            live.end(*_why(error, self._start))
        finally:
            live.end("died", "The connection ended.")
            self._live = self._current = None

    def _note(self, live: Live) -> None:
        self.reason = self._veil.text(live.reason)
        self._failures += 1
        if live.kind == "too_large":
            # The server did what it was asked to.
            self._breaker.release()
        else:
            self._breaker.failed()
        self._not_before = time.monotonic() + backoff(self._failures)
        _log.warning("tool server %s: %s", self.name, self.reason)

    async def _greet(self, session: ClientSession, live: Live) -> None:
        """Shake hands and learn the tools, within the deadline of a start."""
        seconds = self._terms.start_seconds
        with anyio.move_on_after(seconds) as scope:
            await session.initialize()
            await self._list(session, live)
        if scope.cancelled_caught:
            said = live.child.last_words() if live.child is not None else ""
            told = f"It did not answer within {seconds:g} s of its start"
            live.end("died", f"{told}; it wrote: {said}" if said else f"{told}.")

    async def _watch(self, session: ClientSession, live: Live) -> None:
        """Until the end of a connection, list its tools anew whenever they are said to change."""
        seconds = self._terms.start_seconds
        while True:
            await live.stirred.wait()
            if live.ended.is_set():
                return
            live.stirred = anyio.Event()
            with anyio.move_on_after(seconds) as scope:
                await self._list(session, live)
            if scope.cancelled_caught:
                live.end("died", f"It did not list its tools within {seconds:g} s.")
            live.sure()
            # At most once a second, however often it says so.
            with anyio.move_on_after(1.0):
                await live.ended.wait()

    async def _list(self, session: ClientSession, live: Live) -> None:
        """Learn the tools and hold them against their pins; without pins nothing is trusted."""
        live.listing = True
        try:
            found = await definitions(session)
            if not found and self.held is None:
                live.end("died", "It lists no tools.")
                return
            if self._veil:
                found = [Definition(**self._veil.value(one.model_dump())) for one in found]
            live.outputs = Outputs(found)
            self._found, self.held = found, await self._pins.hold(self.name, found)
        except (SwitchyardError, ValueError) as error:
            live.end("died", str(error))
        finally:
            # A failure of the request ends the connection a moment later, with this still set.
            live.listing = live.ended.is_set()

    @asynccontextmanager
    async def _connected(self, live: Live, start: Start) -> AsyncIterator[ClientSession]:
        # Text and structured content say the same thing twice, and JSON escapes take room.
        limit = max(1_000_000, 4 * self._terms.max_bytes)
        ears = listeners(live, self._veil)
        match start:
            case Program():
                async with (
                    open_child(
                        start, line_limit=limit, ended=lambda: live.child_ended(limit)
                    ) as live.child,
                    ClientSession(
                        live.child.incoming,
                        live.child.outgoing,
                        elicitation_callback=ears.elicit,
                        message_handler=ears.message,
                        client_info=ourselves(),
                    ) as session,
                ):
                    yield session
            case Address():
                async with (
                    proving(self._proof, self._terms.timeout_seconds) as proven,
                    create_session(self._connection(start, live, limit, proven)) as session,
                ):
                    yield session

    def _connection(
        self, start: Address, live: Live, limit: int, proven: Proven | None
    ) -> StreamableHttpConnection:
        ears = listeners(live, self._veil)
        connection = StreamableHttpConnection(
            transport="streamable_http",
            url=start.url,
            headers=start.headers,
            timeout=self._terms.timeout_seconds,
            sse_read_timeout=max(300.0, self._terms.timeout_seconds + 1),
            httpx_client_factory=client_factory(limit, lambda: live.too_large(limit)),
            session_kwargs={
                "elicitation_callback": ears.elicit,
                "message_handler": ears.message,
                "client_info": ourselves(),
            },
        )
        if proven is not None:
            connection["auth"] = proven
        return connection


def _equipped(start: Start, secrets: dict[str, str]) -> Start:
    """A start that carries secrets: in the environment of a program, in headers of an address."""
    match start:
        case Program():
            return replace(start, env=start.env | secrets)
        case Address():
            return replace(start, headers=start.headers | secrets)


def _why(error: BaseException, start: Start) -> tuple[Ending, str]:
    """What ended a connection, from whatever was raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case httpx.HTTPError() if isinstance(start, Address):
            unsent = refused(error) and of_a_call(error)
            return ("unsent" if unsent else "died"), told(error, start)
        case OSError() if isinstance(start, Program):
            where = error.filename or start.command
            return "unsent", f"It cannot be started: {where}: {error.strerror or error}."
        case CredentialMissing() | NotAuthorised() | SwitchyardError() | ValueError():
            return "unsent", str(error)
        case McpError():
            return "died", f"It answered its start with an error: {error}."
        case _:
            return "died", f"{type(error).__name__}: {error}."
