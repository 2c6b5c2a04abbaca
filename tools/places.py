"""Places at a server: no more calls are under way there than its terms allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from runtime.errors import ServerUnavailable
from tools.config import Terms


class Places:
    """Of one server, for all its tenants together."""

    def __init__(self, server: str, terms: Terms) -> None:
        self._server = server
        self._most = terms.max_parallel
        self._seconds = terms.timeout_seconds
        self._free = anyio.Semaphore(self._most, fast_acquire=True)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a place. Where none is free, wait for one as long as a call may take.

        Raises:
            ServerUnavailable: none was to be had in time.
        """
        with anyio.move_on_after(self._seconds) as scope:
            await self._free.acquire()
        if scope.cancelled_caught:
            raise ServerUnavailable(
                self._server,
                f"{self._most} calls to it (max_parallel) were under way for {self._seconds:g} s.",
                remedy="Nothing was sent. Try again later, or raise max_parallel in its entry.",
            )
        try:
            yield
        finally:
            self._free.release()
