"""How often tools may be called: all together, by each tenant, by each user of a tenant.

The counts are those of this process and end with it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from runtime.context import RunContext
from tools.target import Place

ALL = "*"
"""In place of a tool: all tools of the server together."""


class Rates:
    """The calls of a process, counted in moving windows."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._items: dict[str, RateLimitItem] = {}

    def apply(self, place: Place) -> bool:
        """Whether calls of this server are limited at all."""
        terms = place.terms
        return bool(terms.rates or terms.rates_per_tenant or terms.rates_per_principal)

    async def breach(self, place: Place, context: RunContext, *, count: bool) -> str:
        """Which limit a call would pass, and when to try again; empty when it passes none.

        With `count` the call counts, unless it passes a limit.
        """
        applying = list(self._applying(place, context))
        for rate, whose, key in applying:
            if not await self._windows.test(self._item(rate), *key):
                return await self._told(rate, whose, key)
        if count:
            for rate, whose, key in applying:
                # Another call may have taken the last place since it was looked at.
                if not await self._windows.hit(self._item(rate), *key):
                    return await self._told(rate, whose, key)
        return ""

    def _applying(
        self, place: Place, context: RunContext
    ) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Each limit on a call: its figure, its name in words, and under what it is counted."""
        terms, server = place.terms, place.entry.server
        kinds = (
            ("rates", terms.rates, ""),
            ("rates_per_tenant", terms.rates_per_tenant, context.tenant),
            ("rates_per_principal", terms.rates_per_principal, f"{context.tenant}/{context.user}"),
        )
        for kind, rates, who in kinds:
            for name in (place.entry.remote, ALL) if rates else ():
                if rate := rates.get(name):
                    whose = f"{kind}.{name} of server {server!r}" + (f" for {who}" if who else "")
                    yield rate, whose, (kind, server, name, context.tenant if who else "", who)

    def _item(self, rate: str) -> RateLimitItem:
        if rate not in self._items:
            self._items[rate] = parse(rate)
        return self._items[rate]

    async def _told(self, rate: str, whose: str, key: tuple[str, ...]) -> str:
        free = (await self._windows.get_window_stats(self._item(rate), *key)).reset_time
        seconds = max(1, math.ceil(free - time.time()))
        return f"The rate limit {rate} ({whose}) is used up. Try again in {seconds} s."
