"""The places of one execution: how many tasks work at once, and who is next when one is free."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Key = tuple[float, int]


class Width:
    """A semaphore that serves the most urgent waiter first, not the one that came first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[Key, int, asyncio.Future[None]]] = []
        self._count = 0

    @asynccontextmanager
    async def place(self, key: Key) -> AsyncIterator[None]:
        """Hold a place; the smallest `key` among those that wait gets the next free one."""
        await self._enter(key)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, key: Key) -> None:
        # One turn of the loop first: tasks that become ready at the same moment are all in the
        # queue before the first of them is chosen.
        turn = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (key, self._count, turn))
        asyncio.get_running_loop().call_soon(self._serve)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was given a place and cancelled at once: the place goes to the next.
                self._leave()
            raise

    def _leave(self) -> None:
        self._free += 1
        self._serve()

    def _serve(self) -> None:
        while self._free and self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
