"""A tool server as a child process, spoken to in JSON lines over its standard streams.

It adds what the protocol's own client lacks: a cap on the length of a line, the last words of the
child's standard error, and an end that takes the whole process group with it.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, Process
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCMessage
from pydantic import ValidationError

from tools.resolve import Program

Incoming = SessionMessage | Exception

GRACE = 2.0
"""Seconds that a child has to end after its input is closed, and again after SIGTERM."""

_TAIL = 2_000

_MARK = "SWITCHYARD_STARTED"
"""Variable that everything a server starts inherits, also what leaves its process group."""


class Child:
    """A running server. Its streams are what an MCP session is built on."""

    def __init__(self, process: Process, line_limit: int, mark: str) -> None:
        self.too_long = False
        """Whether the child was cut off because a line passed the limit."""
        self._process = process
        self._mark = mark
        self._line_limit = line_limit
        self._tail = b""
        self._silent = anyio.Event()
        """It will write no more to standard error."""
        self._to_session, self.incoming = anyio.create_memory_object_stream[Incoming](0)
        self.outgoing, self._from_session = anyio.create_memory_object_stream[SessionMessage](0)

    @property
    def pid(self) -> int:
        """The child's process id, which is also the id of its process group."""
        return self._process.pid

    def last_words(self) -> str:
        """How it ended, and the end of what it wrote to standard error."""
        code = self._process.returncode
        ended = "" if code is None else f"it ended with exit code {code}"
        if code is not None and code < 0:
            ended = f"it was ended by signal {-code}"
        said = self._tail.decode(errors="replace").strip()
        return "; it wrote: ".join(part for part in (ended, said) if part)

    def kill(self) -> None:
        """End the whole process group now. Harmless when it is gone."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def read(self, ended: Callable[[], None]) -> None:
        """Hand each line on; `ended` is called when there will be no more."""
        assert self._process.stdout is not None, "the child was started with a pipe"
        async with self._to_session:
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                async with aclosing(_lines(self._process.stdout, self._line_limit)) as lines:
                    async for line in lines:
                        if line is None:
                            self.too_long = True
                        else:
                            await self._hand_on(line)
            if not self.too_long:
                # Exit code and last words come a moment after the end of the output.
                with anyio.move_on_after(0.5):
                    await self._process.wait()
                    await self._silent.wait()
            ended()

    async def _hand_on(self, line: bytes) -> None:
        try:
            message = JSONRPCMessage.model_validate_json(line)
        except ValidationError:
            # Programs print to standard output by mistake: one stray line ends nothing.
            self._keep(b"(on standard output, not a message) " + line[:200] + b"\n")
            return
        await self._to_session.send(SessionMessage(message))

    async def write(self) -> None:
        """Send what the session has to say."""
        assert self._process.stdin is not None, "the child was started with a pipe"
        async with self._from_session:
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
                async for item in self._from_session:
                    text = item.message.model_dump_json(by_alias=True, exclude_none=True)
                    await self._process.stdin.send(text.encode() + b"\n")

    async def listen(self) -> None:
        """Empty the child's standard error, so that it never blocks on a full pipe."""
        assert self._process.stderr is not None, "the child was started with a pipe"
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for chunk in self._process.stderr:
                self._keep(chunk)
        self._silent.set()

    def _keep(self, chunk: bytes) -> None:
        self._tail = (self._tail + chunk)[-_TAIL:]

    async def stop(self) -> None:
        """End the child: ask, insist, force. Takes at most twice the grace and a little."""
        assert self._process.stdin is not None, "the child was started with a pipe"
        with suppress(OSError, anyio.BrokenResourceError):
            await self._process.stdin.aclose()
        await self._wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)
            await self._wait()
        # Also after an orderly end: the child may have left children of its own behind.
        self.kill()
        await anyio.to_thread.run_sync(_sweep, f"{_MARK}={self._mark}".encode())
        await self._process.aclose()

    async def _wait(self) -> None:
        with anyio.move_on_after(GRACE):
            await self._process.wait()


@asynccontextmanager
async def open_child(
    start: Program, *, line_limit: int, ended: Callable[[], None]
) -> AsyncIterator[Child]:
    """Start a server. When the context is left, the child and its process group are gone.

    Args:
        line_limit: Bytes of one line; a longer one ends the output.
        ended: Called once when the child says no more.

    Raises:
        OSError: the program cannot be started.
    """
    mark = secrets.token_hex(8)
    process = await anyio.open_process(
        [start.command, *start.args],
        env=start.env | {_MARK: mark},
        cwd=start.cwd,
        # A group of its own, so that its children can be ended with it.
        start_new_session=True,
    )
    child = Child(process, line_limit, mark)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(child.read, ended)
        tasks.start_soon(child.write)
        tasks.start_soon(child.listen)
        try:
            yield child
        finally:
            with anyio.CancelScope(shield=True):
                await child.stop()
            tasks.cancel_scope.cancel()
            child.incoming.close()
            child.outgoing.close()


def _sweep(mark: bytes) -> None:
    """End what a server started and put into a session of its own; on Linux, by its environment.

    More than once, since what is found may start another one before it ends.
    """
    for _ in range(5):
        found = [pid for pid in _processes() if _has(pid, mark)]
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _has(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False


async def _lines(stream: ByteReceiveStream, limit: int) -> AsyncGenerator[bytes | None]:
    """Lines without their end. None, and no more, once a line passes the limit."""
    parts: list[bytes] = []
    size = 0
    async for chunk in stream:
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            if size + len(piece) > limit:
                yield None
                return
            yield b"".join((*parts, piece))
            parts, size = [], 0
        if rest:
            parts.append(rest)
            size += len(rest)
        if size > limit:
            yield None
            return
