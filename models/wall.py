"""The boundary where bytes leave: no request of a call goes to an address it is not cleared for.

litellm and the vendors' clients decide late where a call goes: by environment variables, by
redirects, by proxies. All of them send through three methods, and those are asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpcore
import httpx

from models.addresses import Addresses, origin_of, variables_with

_PROXIED = (
    httpcore.AsyncHTTPProxy,
    httpcore.HTTPProxy,
    httpcore.AsyncSOCKSProxy,
    httpcore.SOCKSProxy,
)


class Redirected(Exception):
    """The provider wants the request sent to another place; it was not."""


class Elsewhere(Exception):
    """A request was to go to an address that the call is not cleared for; it was not sent."""


class Bound:
    """What the requests of one call may reach, and what they tried to reach instead."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self.stopped = ""
        """In words where a request was to go; empty when none was stopped."""
        self.sent = False
        """A request has left."""

    def check(self, url: str) -> None:
        """
        Raises:
            Elsewhere: the address is not cleared.
        """
        origin = origin_of(url)
        if not self._addresses.include(origin):
            self.stop(origin, variables_with(origin))

    def stop(self, origin: str, names: list[str]) -> None:
        """Note what was tried, and raise `Elsewhere`."""
        by = f" (set by {', '.join(names)})" if names else ""
        self.stopped = f"{origin}{by}"
        raise Elsewhere(self.stopped)

    def redirected(self, status: int, location: str | None) -> Redirected | None:
        """The error where an answer asks for the same request at another place: at whichever, for
        to repeat a call, and to pay twice, is not for a vendor's client to decide."""
        if not 300 <= status < 400 or not location:
            return None
        return Redirected(f"a redirect to {location} was not followed")


_bound: ContextVar[Bound | None] = ContextVar("bound", default=None)
_aiohttp_sends = aiohttp.ClientSession._request
_httpx_sends = httpx.AsyncHTTPTransport.handle_async_request
_httpx_sends_sync = httpx.HTTPTransport.handle_request


@contextmanager
def within(addresses: Addresses) -> Iterator[Bound]:
    """Inside of it no request leaves for another address. The context is inherited by tasks."""
    bound = Bound(addresses)
    token = _bound.set(bound)
    try:
        yield bound
    finally:
        _bound.reset(token)


async def _by_aiohttp(
    session: aiohttp.ClientSession,
    method: str,
    url: Any,  # noqa: ANN401 - the library's own signature
    **options: Any,  # noqa: ANN401
) -> aiohttp.ClientResponse:
    bound = _bound.get()
    if bound is None:
        return await _aiohttp_sends(session, method, url, **options)
    target = str(url)
    bound.check(target)
    if target.startswith("http://"):
        # A proxy would read it. Through a proxy goes only what is encrypted to the far end.
        options["proxy"] = None
        if session.trust_env:
            bound.stop("a proxy", ["AIOHTTP_TRUST_ENV"])
    options["allow_redirects"] = False
    bound.sent = True
    response = await _aiohttp_sends(session, method, url, **options)
    if error := bound.redirected(response.status, response.headers.get("location")):
        response.close()
        raise error
    return response


async def _by_httpx(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
    bound = _bound.get()
    if bound is not None:
        _ask(bound, transport, request)
    response = await _httpx_sends(transport, request)
    if bound is not None and (error := _redirected(bound, response)):
        await response.aclose()
        raise error
    return response


def _by_httpx_sync(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
    bound = _bound.get()
    if bound is not None:
        _ask(bound, transport, request)
    response = _httpx_sends_sync(transport, request)
    if bound is not None and (error := _redirected(bound, response)):
        response.close()
        raise error
    return response


def _ask(
    bound: Bound, transport: httpx.AsyncHTTPTransport | httpx.HTTPTransport, request: httpx.Request
) -> None:
    bound.check(str(request.url))
    if request.url.scheme == "http" and isinstance(transport._pool, _PROXIED):
        bound.stop("a proxy", ["HTTP_PROXY or ALL_PROXY"])
    bound.sent = True


def _redirected(bound: Bound, response: httpx.Response) -> Redirected | None:
    return bound.redirected(response.status_code, response.headers.get("location"))


def set_up() -> None:
    """Ask before every request from now on, in this process; others than calls pass untouched."""
    aiohttp.ClientSession._request = _by_aiohttp  # type: ignore[method-assign, assignment]
    httpx.AsyncHTTPTransport.handle_async_request = _by_httpx  # type: ignore[method-assign, assignment]
    httpx.HTTPTransport.handle_request = _by_httpx_sync  # type: ignore[method-assign, assignment]
