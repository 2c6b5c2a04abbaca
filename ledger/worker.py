"""One thread that does one thing after the other, for an event loop that waits for it.

Half the cost of an executor of the standard library, which is made for many threads: 0.05 ms of
CPU to go there and back, which is what most operations on SQLite cost in all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Worker:
    """A thread that lives until `stop`, or as long as the process."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, function: Callable[[], T]) -> T:
        """What `function` returns or raises. A caller who gives up before it began spares it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((loop, future, function))
        return await future

    def stop(self) -> None:
        """End the thread after what was handed to it so far."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, function = job
            if future.cancelled():
                continue
            # RuntimeError: the loop was closed meanwhile, so nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_answer(future, function))


def _answer(future: asyncio.Future[T], function: Callable[[], T]) -> Callable[[], None]:
    """Do the work here; what tells its end runs in the event loop."""
    try:
        done = function()
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        failed = error
        return lambda: None if future.done() else future.set_exception(failed)
    return lambda: None if future.done() else future.set_result(done)
