"""Opens what the facade works with, serves, and closes it again in the right order: first the
sessions, whose last calls are recorded, then the tool servers, then the ledger."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.limits import load_limits
from app.api_keys import keys_of
from app.facade import Facade
from app.facade_config import FILE, FacadeFile, load_facade, problems_of_facade
from app.facade_offer import seen
from app.facade_run import close_left
from app.facade_session import House
from graphs.holding import open_holding
from ledger.store import open_ledger
from runtime.errors import SwitchyardError
from runtime.settings import Settings
from tools.config import load_tools
from tools.gateway import Gateway, Quotas, open_gateway
from tools.pins import FILE as PINS
from tools.policy import load_policy

PROCESS = "mcp"
"""How the names of processes of the facade begin."""

_log = logging.getLogger("app.facade")

_LOOK = 2.0
"""Seconds between two looks at what is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How clients reach the facade; without a port over standard input and output."""

    docs: Path
    home: str
    host: str = ""
    port: int | None = None


async def serve(settings: Settings, way: Way) -> None:
    """Serve MCP clients until the client at standard input leaves, or a signal ends it.

    Raises:
        ConfigError: a configuration file is wrong.
        RequestError: the host needs keys, and there are none.
        OperatorError: the ledger cannot be opened, or the port cannot be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    file = await asyncio.to_thread(load_facade, settings.config)
    if way.port is None:
        # Each way of serving is imported by itself: HTTP takes a while to load.
        from app.facade_stdio import serve_stdio  # noqa: PLC0415

        async with open_facade(settings, file, way) as facade:
            await serve_stdio(facade, file.tenant, file.user, file.message_bytes, stop)
        return
    from app.facade_http import listening, serve_http  # noqa: PLC0415

    keys = keys_of(settings.api_keys)
    with listening(way.host, way.port, keys) as listener:
        async with open_facade(settings, file, way) as facade:
            await serve_http(facade, file, keys, listener, stop)


@asynccontextmanager
async def open_facade(settings: Settings, file: FacadeFile, way: Way) -> AsyncIterator[Facade]:
    """The facade over its rooms. Sessions that are open when the context is left are cut off.

    Raises:
        ConfigError: a configuration file is wrong.
        LedgerUnavailable: the ledger cannot be opened.
    """
    limits = await asyncio.to_thread(load_limits, settings.config / "limits.yaml")
    config = load_tools(settings.config / "mcp.json")
    async with (
        open_ledger(settings.ledger) as ledger,
        open_gateway(
            config,
            load_policy(settings.config / "policy"),
            ledger,
            environment=settings.for_servers(),
            quotas=Quotas(
                run_files=limits.run_files,
                run_bytes=limits.run_bytes,
                file_bytes=limits.file_bytes,
            ),
            pins=settings.home.resolve() / PINS,
        ) as gateway,
        open_holding(ledger, PROCESS) as holding,
    ):
        await close_left(ledger, holding)
        for problem in problems_of_facade(settings.config / FILE, config, tuple(gateway.catalogue)):
            # No reason not to serve the others: a server may be down, or have lost a tool.
            _log.warning("%s", problem)
        facade = Facade(
            House(
                file=file,
                ledger=ledger,
                gateway=gateway,
                config=config,
                holding=holding,
                docs=way.docs,
                home=way.home,
            )
        )
        looking = asyncio.create_task(_look(facade, gateway), name="what is offered")
        try:
            yield facade
        finally:
            looking.cancel()


async def _look(facade: Facade, gateway: Gateway) -> None:
    """Tell clients when what is offered may have changed: an operator released a tool, a server
    came up or lists others."""
    before = seen(gateway)
    while True:
        await asyncio.sleep(_LOOK)
        try:
            await gateway.refresh()
        except SwitchyardError as error:
            _log.warning("what is offered is not known: %s", error)
            continue
        now = seen(gateway)
        if now != before:
            before = now
            for session in list(facade.sessions):
                await session.changed()
