"""Sends one request to an API: within a size, with no cookies, and to no other host.

Without a client of its own there is nothing that one call could leave behind for the next, and no
log line with an address in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from tools.live import CallLost
from tools.proof import NotAuthorised, Send

_HOPS = 3
_KEEPS = frozenset({307, 308})
"""Redirects after which the same request is sent again."""
_MOVED = frozenset({301, 302, 303}) | _KEEPS
_ACCEPT = "application/json, text/*;q=0.9, */*;q=0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An answer of an API."""

    status: int
    kind: str
    """Its media type, without parameters; empty for none."""
    charset: str
    body: bytes
    """At most one byte more than was to be read."""
    location: str = ""
    """Where a redirect leads, as it was written."""


class Elsewhere(Exception):
    """An API redirected to where its credentials must not go. Nothing was sent there."""


async def send(transport: httpx.AsyncHTTPTransport, request: httpx.Request, most: int) -> Received:
    """Send a request as it is; of a longer body, `most` bytes and one more are read.

    Raises:
        CallLost: no usable answer came; `unsent` where the API certainly never saw it.
    """
    request.headers.setdefault("Accept", _ACCEPT)
    # Compressed, a small answer could grow to any size.
    request.headers["Accept-Encoding"] = "identity"
    request.headers["User-Agent"] = "switchyard"
    place = origin(request.url)
    try:
        response = await transport.handle_async_request(request)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part[: most + 1 - len(body)]
                if len(body) > most:
                    break
        finally:
            await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
        told = f"{place} cannot be reached ({type(error).__name__})."
        raise CallLost("unsent", told) from None
    except httpx.LocalProtocolError:
        raise CallLost("unsent", "An argument does not fit into a request.") from None
    except (httpx.HTTPError, httpx.StreamError) as error:
        told = f"{place} broke off its answer ({type(error).__name__})."
        raise CallLost("died", told) from None
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Received(
        status=response.status_code,
        kind=kind,
        charset=response.charset_encoding or "utf-8",
        body=bytes(body),
        location=response.headers.get("location", ""),
    )


def fetcher(transport: httpx.AsyncHTTPTransport) -> Send:
    """Fetches what a proof takes; a failure says that it was not for the call itself."""

    async def fetched(request: httpx.Request, most: int) -> tuple[int, bytes]:
        try:
            got = await send(transport, request, most)
        except CallLost as error:
            raise NotAuthorised(f"The token endpoint: {error.reason}") from None
        return got.status, got.body

    return fetched


def redirected(request: httpx.Request, got: Received, hops: int) -> httpx.Request | None:
    """The request to send next; None when the answer is no redirect.

    Raises:
        Elsewhere: it leads to another host, on and on, or away from the request.
    """
    if got.status not in _MOVED or not got.location:
        return None
    reading = request.method in ("GET", "HEAD")
    try:
        target = request.url.join(got.location)
    except httpx.InvalidURL:
        raise Elsewhere("It redirected to an address that is none.") from None
    if origin(target) != origin(request.url):
        raise Elsewhere(f"It redirected to {origin(target)}, another host: that is not followed.")
    if hops >= _HOPS:
        raise Elsewhere(f"It redirected more than {_HOPS} times.")
    if not reading and got.status not in _KEEPS:
        raise Elsewhere(f"It redirected a {request.method} with status {got.status}.")
    return httpx.Request(request.method, target, headers=_kept(request), content=request.content)


def origin(url: httpx.URL) -> str:
    """Scheme, host and port: an address without what may hold secrets."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    return f"{url.scheme}://{url.host}:{port}"


def _kept(request: httpx.Request) -> dict[str, str]:
    """Headers of the arguments; proof and length are made anew."""
    dropped = ("authorization", "content-length", "host", "x-amz-")
    return {
        name: value
        for name, value in request.headers.items()
        if not name.lower().startswith(dropped)
    }
