"""How a person is brought before a server's login page, and the way back from there.

Every program and web page of this machine can send requests to where the browser comes back. What
the login began with tells its answer from theirs.
"""

from __future__ import annotations

import asyncio
import hmac
import webbrowser
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl, urlsplit

import click

from runtime.errors import UserError
from tools.login import Visit

_PATH = "/callback"
_LONGEST = 64_000
"""Bytes of a request; a browser sends cookies of other programs of this machine along."""
_SECONDS = 10.0
"""For one request to arrive."""

_TAKEN = ("200 OK", "Switchyard has what it needs. You can close this page.")
_STRANGE = (
    "400 Bad Request",
    "This is no answer to the login that Switchyard waits for. It goes on waiting.",
)
_NOWHERE = ("404 Not Found", "There is nothing here. Switchyard waits for a login to end.")


@asynccontextmanager
async def way_back(port: int) -> AsyncIterator[Visit]:
    """A visit whose browser comes back to this machine; other requests are answered and forgotten.

    Raises:
        UserError: another program has the port.
    """
    answers = _Answers()
    try:
        server = await asyncio.start_server(answers.came, "127.0.0.1", port, limit=_LONGEST)
    except OSError as error:
        raise UserError(
            f"Port {port} of this machine cannot be listened on: {error.strerror}.",
            remedy="Give another 'port' in the auth of the entry.",
        ) from error
    place = f"http://127.0.0.1:{port}{_PATH}"
    async with server:
        try:
            yield Visit(redirect=place, show=answers.show, answer=answers.answer)
        finally:
            await answers.hang_up()


class _Answers:
    """Waits for the one request that belongs to the login."""

    def __init__(self) -> None:
        self._back: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._state = ""
        """What only the page that was shown knows; empty before."""
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def show(self, page: str) -> None:
        self._state = dict(parse_qsl(urlsplit(page).query)).get("state", "")
        click.echo(f"Log in on this page:\n{page}", err=True)
        await asyncio.to_thread(webbrowser.open, page)

    async def answer(self) -> Mapping[str, str]:
        return await self._back

    async def came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self._open[writer] = asyncio.current_task()
        try:
            # All of it is read: a connection closed before that may lose its answer.
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, words = self._said_to(head.partition(b"\r\n")[0].decode(errors="replace"))
                writer.write(_page(status, words))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Nobody who came from the login page.
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            del self._open[writer]

    async def hang_up(self) -> None:
        """Cut off those who came and say nothing: the end would wait for them."""
        for writer in self._open:
            writer.transport.abort()
        if left := set(filter(None, self._open.values())):
            await asyncio.wait(left)

    def _said_to(self, line: str) -> tuple[str, str]:
        """What a request gets, by its first line; the right one is taken."""
        parts = line.split(" ")
        path, _, query = parts[1].partition("?") if len(parts) == 3 else ("", "", "")
        if parts[0] != "GET" or path != _PATH:
            return _NOWHERE
        told = dict(parse_qsl(query))
        given = told.get("state", "").encode()
        if not self._state or not hmac.compare_digest(given, self._state.encode()):
            return _STRANGE
        if not self._back.done():
            self._back.set_result(told)
        return _TAKEN


def _page(status: str, words: str) -> bytes:
    kind = "Content-Type: text/plain; charset=utf-8"
    return f"HTTP/1.1 {status}\r\n{kind}\r\nConnection: close\r\n\r\n{words}\n".encode()
