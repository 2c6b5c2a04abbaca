"""Puts the proof of a tool server's entry on every request of its session over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tools.proof import Proof, Send
from tools.rest_wire import fetcher


class Proven(httpx.Auth):
    """A refused request is sent once more where another proof may be had at once."""

    # What is signed is the body.
    requires_request_body = True

    def __init__(self, proof: Proof, send: Send) -> None:
        self._proof = proof
        self._send = send

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request with its proof.

        Raises:
            CredentialMissing: a secret is not where the entry says.
            NotAuthorised: a token cannot be fetched.
        """
        response = yield await self._proof.put_on(request, self._send)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._proof.refused():
            yield await self._proof.put_on(request, self._send)


@asynccontextmanager
async def proving(proof: Proof | None) -> AsyncIterator[Proven | None]:
    """The proof for the requests of one session; None where the entry asks for none."""
    if proof is None:
        yield None
        return
    async with httpx.AsyncHTTPTransport(trust_env=False) as beside:
        yield Proven(proof, fetcher(beside))


def resource_of(url: str) -> str:
    """A server's name for those who give out tokens: its address, without what may be secret."""
    return str(httpx.URL(url).copy_with(query=None, fragment=None, userinfo=b""))
