"""Places at a server: no more calls are under way there than its terms allow."""

from __future__ import annotations

import anyio

from runtime.errors import ServerUnavailable
from tools.config import Terms


class Places:
    """Of one server, for all its tenants together. A call is made `async with` them."""

    def __init__(self, server: str, terms: Terms) -> None:
        self._server = server
        self._most = terms.max_parallel
        self._seconds = terms.timeout_seconds
        self._free = anyio.Semaphore(self._most, fast_acquire=True)

    async def __aenter__(self) -> None:
        """Take a place. Where none is free, wait for one as long as a call may take.

        Raises:
            ServerUnavailable: none was to be had in time.
        """
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait()

    async def __aexit__(self, *raised: object) -> None:
        self._free.release()

    async def _wait(self) -> None:
        with anyio.move_on_after(self._seconds) as scope:
            await self._free.acquire()
        if scope.cancelled_caught:
            raise ServerUnavailable(
                self._server,
                f"{self._most} calls to it (max_parallel) were under way for {self._seconds:g} s.",
                remedy="Nothing was sent. Try again later, or raise max_parallel in its entry.",
            )
