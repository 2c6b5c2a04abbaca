"""What the server saw and what became of it, for tests that count and read calls.
Written in the server's thread and read in the test's, hence the lock around every access."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.provider.delivery import Ending
from tests.provider.exchange import JsonObject, Reply, Wire
from tests.provider.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request, recorded as soon as its body is there, before anything is decided about it."""

    index: int
    """Place among all requests, from 0."""
    call: int | None
    """Place among the requests for an answer of the model, from 0; None for the others."""
    at: float
    """Seconds since the server started."""
    wire: Wire | None
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: JsonObject
    """Empty where the body is not a JSON object."""
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The end of one request: what was decided, and how its delivery ended."""

    request: SeenRequest
    reply: Reply | None
    """What the brain said, or what carried the fault; None where no brain was asked."""
    fault: Fault | None
    ending: Ending
    at: float
    """Seconds since the server started."""

    @property
    def note(self) -> str | None:
        return self.reply.note if self.reply else None


class Record:
    """All that happened since the server started."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._start = time.monotonic()
        self._requests: list[SeenRequest] = []
        self._served: list[Served] = []
        self._calls = 0
        self._peak = 0
        self._bugs: list[Exception] = []

    @property
    def requests(self) -> list[SeenRequest]:
        with self._changed:
            return list(self._requests)

    @property
    def served(self) -> list[Served]:
        with self._changed:
            return sorted(self._served, key=lambda each: each.request.index)

    @property
    def peak(self) -> int:
        """The highest number of requests that were under way at the same time."""
        with self._changed:
            return self._peak

    @property
    def bugs(self) -> list[Exception]:
        """What brains raised."""
        with self._changed:
            return list(self._bugs)

    def arrive(
        self,
        *,
        wire: Wire | None,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: JsonObject,
        raw: bytes,
        is_call: bool,
    ) -> SeenRequest:
        with self._changed:
            seen = SeenRequest(
                index=len(self._requests),
                call=self._calls if is_call else None,
                at=time.monotonic() - self._start,
                wire=wire,
                method=method,
                path=path,
                headers=headers,
                body=body,
                raw=raw,
            )
            self._requests.append(seen)
            self._calls += is_call
            self._peak = max(self._peak, len(self._requests) - len(self._served))
            self._changed.notify_all()
            return seen

    def leave(
        self, request: SeenRequest, reply: Reply | None, fault: Fault | None, ending: Ending
    ) -> None:
        at = time.monotonic() - self._start
        done = Served(request=request, reply=reply, fault=fault, ending=ending, at=at)
        with self._changed:
            self._served.append(done)
            self._changed.notify_all()

    def failed(self, bug: Exception) -> None:
        with self._changed:
            self._bugs.append(bug)

    async def until(self, *, seconds: float, requests: int = 0, served: int = 0) -> None:
        """Wait until there are so many of both. Raises: TimeoutError."""
        if not await asyncio.to_thread(self._wait, requests, served, seconds):
            seen, ended = len(self.requests), len(self.served)
            raise TimeoutError(f"after {seconds:g} s: {seen} requests seen, {ended} ended")

    def _wait(self, requests: int, served: int, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._requests) >= requests and len(self._served) >= served, seconds
            )
