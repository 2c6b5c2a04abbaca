"""Puts the proof of a tool server's entry on every request of its session over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tools.proof import NotAuthorised, Patience, Proof, Send
from tools.rest_wire import fetcher

_CHALLENGE = re.compile(r'scope="([\x21\x23-\x5B\x5D-\x7E ]+)"')
"""The scope of a challenge (RFC 6750, section 3)."""
_LONGEST = 500


class Proven(httpx.Auth):
    """A refused request is sent once more where another proof may be had at once."""

    # What is signed is the body.
    requires_request_body = True

    def __init__(self, proof: Proof, send: Send, seconds: float) -> None:
        self._proof = proof
        self._send = send
        self._seconds = seconds

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request with its proof.

        Raises:
            CredentialMissing: a secret is not where the entry says.
            NotAuthorised: a token cannot be fetched in time, or does not cover what the server
                wants.
        """
        patience = Patience(self._seconds)
        sent = await patience.wait(self._proof.put_on(request, self._send))
        response = yield sent
        if response.status_code == httpx.codes.UNAUTHORIZED and self._proof.refused(sent):
            response = yield await patience.wait(self._proof.put_on(request, self._send))
        if response.status_code == httpx.codes.FORBIDDEN:
            said = _CHALLENGE.search(response.headers.get("www-authenticate", ""))
            if said and "insufficient_scope" in said.string:
                raise NotAuthorised(await patience.wait(self._proof.lacks(said[1][:_LONGEST])))


@asynccontextmanager
async def proving(proof: Proof | None, seconds: float) -> AsyncIterator[Proven | None]:
    """The proof for the requests of one session; None where the entry asks for none.

    Args:
        seconds: The deadline of a call.
    """
    if proof is None:
        yield None
        return
    async with httpx.AsyncHTTPTransport(trust_env=False) as beside:
        yield Proven(proof, fetcher(beside), seconds)


def resource_of(url: str) -> str:
    """A server's name for those who give out tokens: its address, without what may be secret."""
    return str(httpx.URL(url).copy_with(query=None, fragment=None, userinfo=b""))
