"""The endpoints of `make bench-boundary`: plain sockets on loopback that look at every byte.

Each is cleared up to a label, or for nothing at all. A prompt carries a marker, so that whatever
arrives tells whose it is; it is held against the label that its run has at that moment.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from runtime.labels import Label

MARKER = re.compile(rb"zq\d+x\d+qz")
_LONGEST = 40
"""Bytes of a marker, at most: so much of what came before is looked at again."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A marker that arrived where it may not be."""

    marker: str
    label: str
    place: str


@dataclass(slots=True, kw_only=True)
class Watch:
    """Whose markers are under way, with what label, and what arrived."""

    labels: dict[str, Label] = field(default_factory=dict)
    """Of each run, as it is now."""
    owners: dict[bytes, str] = field(default_factory=dict)
    """The run of each marker."""
    leaks: list[Leak] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    """Bytes by kind of endpoint."""
    arrived: Counter[str] = field(default_factory=Counter)
    """Requests by the run's label and what the endpoint is cleared for."""
    requests: Counter[bytes] = field(default_factory=Counter)
    """By marker."""

    def look(self, place: Place, data: bytes) -> None:
        """Hold every marker in some bytes against the place where they arrived."""
        for marker in set(MARKER.findall(data)):
            label = self.labels[self.owners[marker]]
            if place.cleared is None or not place.cleared.permits(label):
                leak = Leak(marker=marker.decode(), label=label.value, place=place.kind)
                self.leaks.append(leak)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    place: Place
    path: str
    body: bytes
    marker: bytes
    time: int
    """How often this marker had arrived before, anywhere."""


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Place:
    """One endpoint."""

    cleared: Label | None
    """None for a place that nothing may be sent to."""
    port: int = 0

    @property
    def kind(self) -> str:
        return self.cleared.value if self.cleared else "stranger"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Places:
    """All endpoints, with one script for what they answer."""

    def __init__(self, watch: Watch, answer: Answer) -> None:
        self.watch = watch
        self._answer = answer
        self.all = [Place(cleared=label) for label in Label for _ in range(3)]
        self.strangers = [Place(cleared=None) for _ in range(3)]
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def _serve(
        self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs it as one"
        self._open[task] = writer
        try:
            while await self._one(place, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()
            del self._open[task]

    async def hang_up(self) -> None:
        """End all connections."""
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(list(self._open), timeout=5)

    async def _one(
        self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await self._more(place, reader, data)
        length = _LENGTH.search(data)
        end = data.index(b"\r\n\r\n") + 4 + int(length[1] if length else 0)
        while len(data) < end:
            data += await self._more(place, reader, data)
        markers = MARKER.findall(data)
        marker = markers[-1] if markers else b""
        asked = Asked(
            place=place,
            path=data.split(b" ", 2)[1].decode(),
            body=data.partition(b"\r\n\r\n")[2],
            marker=marker,
            time=self.watch.requests[marker],
        )
        self.watch.requests[marker] += 1
        if marker:
            label = self.watch.labels[self.watch.owners[marker]]
            self.watch.arrived[f"{label.value} at {place.kind}"] += 1
        await self._answer(asked, writer)
        return not writer.is_closing()

    async def _more(self, place: Place, reader: asyncio.StreamReader, before: bytes) -> bytes:
        found = await reader.read(65536)
        if not found:
            raise asyncio.IncompleteReadError(before, None)
        self.watch.received[place.kind] += len(found)
        self.watch.look(place, before[-_LONGEST:] + found)
        return found


@asynccontextmanager
async def open_places(watch: Watch, answer: Answer) -> AsyncIterator[Places]:
    """Endpoints that listen until the block is left."""
    places = Places(watch, answer)
    servers = []
    try:
        for place in [*places.all, *places.strangers]:

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at: Place = place
            ) -> None:
                await places._serve(at, reader, writer)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            servers.append(server)
            place.port = server.sockets[0].getsockname()[1]
        yield places
    finally:
        for server in servers:
            server.close()
        await places.hang_up()
