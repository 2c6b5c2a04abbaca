"""The HTTP client of a tool server, with a cap on what one answer may weigh.

The cap counts while the answer arrives, since a check of a finished answer comes too late.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx

from tools.resolve import Address

LOGGERS = ("tools.sessions", "httpx", "mcp.client.streamable_http", "mcp.shared.session")
"""Loggers that write addresses and messages of tool servers, hence possibly secrets."""


class AnswerTooLarge(httpx.StreamError):
    """An answer passed the cap; the rest of it is not read."""


class _Capped(httpx.AsyncByteStream):
    def __init__(
        self, stream: httpx.AsyncByteStream, limit: int, passed: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._limit = limit
        self._passed = passed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._limit:
                self._passed()
                raise AnswerTooLarge("The answer is larger than its cap.")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def client_factory(limit: int, passed: Callable[[], None]) -> Callable[..., httpx.AsyncClient]:
    """Makes the clients of a session. `passed` is called when an answer is larger than `limit`."""

    async def cap(response: httpx.Response) -> None:
        # The stream that a server keeps open for notices has no end, hence no size.
        if response.request.method == "POST" and isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Capped(response.stream, limit, passed)

    def make(
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
        auth: httpx.Auth | None = None,
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=headers, timeout=timeout, auth=auth, event_hooks={"response": [cap]}
        )

    return make


def refused(error: httpx.HTTPError) -> bool:
    """Whether the server certainly did nothing: not reached, or it refused the request itself."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_client_error
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol)


def of_a_call(error: httpx.HTTPError) -> bool:
    """Whether the request that failed was a tool's call, and nothing that the session does of its
    own accord while one is under way."""
    try:
        asked = json.loads(error.request.content)
    except (RuntimeError, ValueError):
        # No request, or one without a body.
        return False
    return isinstance(asked, dict) and asked.get("method") == "tools/call"


def told(error: httpx.HTTPError, start: Address) -> str:
    """A failure in words, without the path and query of the address, which may hold secrets."""
    at = httpx.URL(start.url)
    place = f"{at.scheme}://{at.netloc.decode().rpartition('@')[2]}"
    if isinstance(error, httpx.HTTPStatusError):
        return f"{place} answered with status {error.response.status_code}."
    return f"{place} cannot be reached ({type(error).__name__})."
