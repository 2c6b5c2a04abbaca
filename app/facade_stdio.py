"""The facade over standard input and output: one client, one session, until its input ends.

Standard output belongs to the protocol alone: what anything else prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCMessage
from pydantic import ValidationError

from app.facade import CALLER, Facade
from app.facade_session import Caller

Incoming = SessionMessage | Exception

_CHUNK = 65_536
_NOBODY = "none"
"""The id in an answer to what has no readable id."""


async def serve_stdio(
    facade: Facade, tenant: str, user: str, limit: int, stop: asyncio.Event
) -> None:
    """Serve the client at standard input until it ends, or `stop` is set.

    Args:
        limit: Bytes of one message; a longer one is refused.
    """
    CALLER.set(Caller(tenant=tenant, user=user, way="stdio"))
    to_session, incoming = anyio.create_memory_object_stream[Incoming](0)
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    async with _output() as output, anyio.create_task_group() as tasks:

        async def serve() -> None:
            await facade.run(incoming, outgoing, facade.create_initialization_options())
            tasks.cancel_scope.cancel()

        async def write() -> None:
            async for item in from_session:
                text = item.message.model_dump_json(by_alias=True, exclude_none=True)
                await anyio.to_thread.run_sync(_write, output, text.encode() + b"\n")

        async def read() -> None:
            async with to_session:
                async for line in _lines(limit):
                    await _hand_on(line, to_session, outgoing, limit)

        tasks.start_soon(write)
        tasks.start_soon(read)
        tasks.start_soon(serve)
        await stop.wait()
        tasks.cancel_scope.cancel()


async def _hand_on(
    line: bytes | None,
    to_session: anyio.abc.ObjectSendStream[Incoming],
    outgoing: anyio.abc.ObjectSendStream[SessionMessage],
    limit: int,
) -> None:
    told = f"The message takes more than {limit:,} bytes (`message_bytes` in facade.yaml)."
    code = INVALID_REQUEST
    if line is not None:
        try:
            message = JSONRPCMessage.model_validate_json(line)
        except ValidationError:
            told, code = "This line is no message of JSON-RPC 2.0.", PARSE_ERROR
        else:
            await to_session.send(SessionMessage(message))
            return
    error = JSONRPCError(jsonrpc="2.0", id=_NOBODY, error=ErrorData(code=code, message=told))
    await outgoing.send(SessionMessage(JSONRPCMessage(error)))


@asynccontextmanager
async def _output() -> AsyncIterator[int]:
    """Standard output for the protocol; meanwhile all others who print there reach stderr."""
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        yield own
    finally:
        os.dup2(own, 1)
        os.close(own)


def _write(output: int, data: bytes) -> None:
    with suppress(BrokenPipeError):
        while data:
            data = data[os.write(output, data) :]


async def _lines(limit: int) -> AsyncIterator[bytes | None]:
    """The lines of standard input; None for one that is too long.

    Read by a thread of its own, since a blocking read can be given up by nobody.
    """
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    loop, room = asyncio.get_running_loop(), threading.Semaphore(4)

    def pump() -> None:
        with suppress(RuntimeError):  # the loop was closed
            while True:
                room.acquire()
                data = _read()
                loop.call_soon_threadsafe(chunks.put_nowait, data)
                if not data:
                    return

    threading.Thread(target=pump, name="standard input", daemon=True).start()
    splitter = _Splitter(limit)
    while data := await chunks.get():
        for line in splitter.feed(data):
            yield line
        room.release()


def _read() -> bytes:
    try:
        return os.read(0, _CHUNK)
    except OSError:
        return b""


class _Splitter:
    """Cuts bytes into lines, and never holds more than one of the longest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """The lines that end in `data`, without empty ones; None for one that is too long."""
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif len(line) > self._limit:
                yield None
            elif line.strip():
                yield line
        if self._skipping or len(rest) <= self._limit:
            self._rest = b"" if self._skipping else rest
            return
        self._rest, self._skipping = b"", True
        yield None
