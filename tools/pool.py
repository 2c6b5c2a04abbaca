"""The sessions of one tool server: one for all, or one for each tenant that has credentials.

Whoever calls holds one of the server's places meanwhile, so that no server gets more at a time
than its terms say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import anyio
from anyio.abc import TaskGroup

from runtime.canonical import Json
from runtime.errors import ServerUnavailable
from tools.catalogue import Listed
from tools.config import Terms, ToolsConfig
from tools.credentials import EVERYBODY, Credential, Keyring
from tools.definition import Definition
from tools.http_auth import resource_of
from tools.logins import Logins
from tools.pins import Held, Pins
from tools.places import Places
from tools.proof import Proof
from tools.resolve import Address, Start
from tools.rest_auth import proof_of
from tools.rest_auth_terms import OAuthUser
from tools.rest_login import LoginProof
from tools.results import Answer
from tools.sessions import Session
from tools.target import Origin
from tools.tenants import entry_of

_MOST = 32
"""Sessions of one server; beyond them the one that rested longest is ended."""


class Pool:
    """A server as the gateway knows it."""

    def __init__(
        self,
        config: ToolsConfig,
        name: str,
        start: Start,
        *,
        pins: Pins,
        logins: Logins,
        environment: Mapping[str, str],
        mask: Callable[[Iterable[str]], None],
    ) -> None:
        self.name = name
        self._mask = mask
        self._terms: Terms = config.servers[name].switchyard
        self._auth = config.servers[name].auth
        self._start = start
        self._pins = pins if self._terms.pinned else Pins()
        self._logins = logins
        self._environment = environment
        self._folder = config.file.parent
        self._places = Places(name, self._terms)
        self._closed = anyio.Event()
        self._tasks: TaskGroup | None = None
        listed = self._terms.credentials
        # Its tools are listed on behalf of one of them; a call is never made in another's name.
        self._first_tenant = EVERYBODY if EVERYBODY in listed or not listed else next(iter(listed))
        self._first = self._session(self._first_tenant)
        self._by_tenant = {self._first_tenant: self._first}

    @property
    def held(self) -> Held | None:
        """Its tools, held against their pins; None before the first start."""
        return self._first.held

    @property
    def withheld(self) -> dict[str, str]:
        """Tools in quarantine, by their names on the server, each with the reason."""
        return self._first.withheld

    @property
    def reason(self) -> str:
        """Why there is no session; empty while there is one."""
        return self._first.reason

    async def hold(self) -> None:
        """Keep the sessions that are wanted, until `close`. Run it in a task of its own."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for session in self._by_tenant.values():
                tasks.start_soon(session.hold)
            await self._closed.wait()

    def close(self) -> None:
        """End all sessions; `hold` returns when the server is gone."""
        self._closed.set()
        for session in self._by_tenant.values():
            session.close()

    def want(self) -> anyio.Event:
        """Ask for a session. The event is set when the attempt succeeded or failed."""
        return self._first.want()

    async def ready(self) -> None:
        """Start the server where it is not there.

        Raises:
            ServerUnavailable: it is not to be had now.
        """
        await self._first.ready()

    async def settled(self) -> None:
        """Wait until the tools are known, where the server said that they changed."""
        await self._first.settled()

    def listed(self, definition: Definition) -> Listed:
        """A tool of it for the catalogue."""
        return definition.listed()

    async def recheck(self) -> None:
        """Hold the tools against the pins once more: an operator may have released some."""
        for session in list(self._by_tenant.values()):
            await session.recheck()

    async def call(self, tool: str, arguments: dict[str, Json], origin: Origin, /) -> Answer:
        """Call a tool in the name of the tenant that the call is made for.

        Raises:
            Withheld: the tenant has no credentials there, or the tool is in quarantine.
            ServerUnavailable: nothing was sent.
            CallRefused: the server answered that it cannot do this.
            CallLost: it was sent, and no usable answer came.
        """
        async with self._places:
            return await self._of(origin.context.tenant).call(tool, arguments, origin)

    def _of(self, tenant: str) -> Session:
        name = entry_of(self.name, self._terms.credentials, tenant)
        session = self._by_tenant.pop(name, None) or self._started(name)
        # The last one is the one that was used last.
        self._by_tenant[name] = session
        return session

    def _started(self, tenant: str) -> Session:
        assert self._tasks is not None, "calls are made while `hold` runs"
        if len(self._by_tenant) >= _MOST:
            self._end_one()
        session = self._session(tenant)
        self._tasks.start_soon(session.hold)
        return session

    def _end_one(self) -> None:
        for tenant, session in self._by_tenant.items():
            if not session.busy and session is not self._first:
                del self._by_tenant[tenant]
                session.close()
                return
        raise ServerUnavailable(
            self.name,
            f"Sessions of {_MOST} tenants are at work there.",
            remedy="Nothing was sent. Try again later.",
        )

    def _session(self, tenant: str) -> Session:
        own = self._terms.credentials.get(tenant, {})
        keyring = partial(
            Keyring, environment=self._environment, folder=self._folder, mask=self._mask
        )
        proof = self._proof(own, keyring)
        return Session(
            self.name,
            self._start,
            self._terms,
            pins=self._pins,
            keyring=keyring(wanted={} if proof else own),
            proof=proof,
        )

    def _proof(
        self, own: Mapping[str, Credential], keyring: Callable[..., Keyring]
    ) -> Proof | None:
        """How calls prove who they are; None where that is in the environment or the headers."""
        if not isinstance(self._start, Address):
            return None
        match self._auth:
            case None:
                return None
            case OAuthUser():
                url = self._start.url
                return LoginProof(self.name, url, self._auth, keyring, self._logins)
            case _:
                return proof_of(self._auth, own, keyring, resource_of(self._start.url))
