"""Servers that are not ours: programs and addresses that speak MCP, and APIs with a document.

The gateway holds them to their pins in the same way; how each is reached is its own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import anyio

from tools.catalogue import Listed
from tools.config import ToolsConfig
from tools.definition import Definition
from tools.logins import FILE, Logins
from tools.openapi import rest_of
from tools.pins import Held, Pins
from tools.pool import Pool
from tools.resolve import start_of
from tools.target import Target


class Outer(Target, Protocol):
    """A server whose words are pinned. `Pool` and `Rest` are the two kinds."""

    @property
    def held(self) -> Held | None:
        """Its tools, held against their pins; None before they are known."""
        ...

    @property
    def withheld(self) -> dict[str, str]:
        """Tools in quarantine, by their names on the server, each with the reason."""
        ...

    @property
    def reason(self) -> str:
        """Why it cannot be used; empty while it can."""
        ...

    async def hold(self) -> None:
        """Keep what it needs until `close`. Run it in a task of its own."""
        ...

    def close(self) -> None:
        """Let go of it; `hold` returns."""
        ...

    def want(self) -> anyio.Event:
        """Ask for it. The event is set when the attempt succeeded or failed."""
        ...

    async def ready(self) -> None:
        """Make its tools known where they are not.

        Raises:
            ServerUnavailable: it is not to be had now.
        """
        ...

    async def settled(self) -> None:
        """Wait until the tools are known, where the server said that they changed."""
        ...

    async def recheck(self) -> None:
        """Hold the tools against the pins once more: an operator may have released some."""
        ...

    def listed(self, definition: Definition, /) -> Listed:
        """A tool of it for the catalogue."""
        ...


def outer_of(
    config: ToolsConfig,
    name: str,
    environment: Mapping[str, str],
    pins: Pins,
    mask: Callable[[Iterable[str]], None],
) -> Outer:
    """The server of an entry that is not within this process. `mask` is told its secrets.

    Raises:
        ConfigError: a variable that its entry names is not set.
    """
    if config.servers[name].openapi is not None:
        return rest_of(config, name, environment, mask, pins)
    start = start_of(config, name, environment)
    # Beside the pins, in the same home.
    logins = Logins(pins.file.with_name(FILE) if pins.file else None)
    return Pool(config, name, start, pins=pins, logins=logins, environment=environment, mask=mask)
