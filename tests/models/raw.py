"""A provider that answers with given bytes, whatever it is asked: for what no vendor would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Raw:
    """Where it listens, and how often it was asked."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    """The head of each."""


@asynccontextmanager
async def saying(
    *pieces: bytes,
    kind: str = "application/json",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    hangs: bool = False,
) -> AsyncIterator[Raw]:
    """A server that answers each request with these bytes, piece by piece on the wire.

    Args:
        hangs: It answers nothing at all, until it is closed.
    """
    raw, over = Raw(), asyncio.Event()
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = (
        f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\nconnection: close\r\n{more}"
        f"content-length: {sum(len(piece) for piece in pieces)}\r\n\r\n"
    )
    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        size = next(line for line in asked.lower().split(b"\r\n") if b"content-length" in line)
        await reader.readexactly(int(size.split(b":")[1]))
        raw.requests.append(asked)
        if hangs:
            await over.wait()
        for piece in (head.encode(), *pieces):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)  # So that the next one is a packet of its own.

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server answers in tasks"
        answering.add(task)
        # The client may leave at any time.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    try:
        async with server:
            raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield raw
    finally:
        over.set()
        if answering:
            await asyncio.wait(answering, timeout=10)
