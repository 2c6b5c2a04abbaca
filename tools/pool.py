"""The sessions of one tool server: one for all, or one for each tenant that has credentials.

Whoever calls holds one of the server's places meanwhile, so that no server gets more at a time
than its terms say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from runtime.canonical import Json
from runtime.errors import ServerUnavailable
from tools.config import Terms, ToolsConfig
from tools.credentials import EVERYBODY, Keyring
from tools.live import Withheld
from tools.pins import Held, Pins
from tools.resolve import Start
from tools.results import Answer
from tools.sessions import Session
from tools.target import Origin

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
        environment: Mapping[str, str],
        mask: Callable[[Iterable[str]], None],
    ) -> None:
        self.name = name
        self._mask = mask
        self._terms: Terms = config.servers[name].switchyard
        self._start = start
        self._pins = pins if self._terms.pinned else Pins()
        self._environment = environment
        self._folder = config.file.parent
        self._free = anyio.Semaphore(self._terms.max_parallel, fast_acquire=True)
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
        async with self._place():
            return await self._of(origin.context.tenant).call(tool, arguments, origin)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        seconds, most = self._terms.timeout_seconds, self._terms.max_parallel
        with anyio.move_on_after(seconds) as scope:
            await self._free.acquire()
        if scope.cancelled_caught:
            raise ServerUnavailable(
                self.name,
                f"{most} calls to it (max_parallel) were under way for {seconds:g} s.",
                remedy="Nothing was sent. Try again later, or raise max_parallel in its entry.",
            )
        try:
            yield
        finally:
            self._free.release()

    def _of(self, tenant: str) -> Session:
        listed = self._terms.credentials
        if not listed:
            return self._first
        name = tenant if tenant in listed else EVERYBODY
        if name not in listed:
            raise Withheld(
                self.name,
                f"Tenant {tenant!r} has no credentials there.",
                remedy="Nothing was sent. An operator adds them under switchyard.credentials of"
                " its entry in config/mcp.json.",
            )
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
        wanted = self._terms.credentials.get(tenant, {})
        keyring = Keyring(
            wanted=wanted, environment=self._environment, folder=self._folder, mask=self._mask
        )
        return Session(self.name, self._start, self._terms, pins=self._pins, keyring=keyring)
