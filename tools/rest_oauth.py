"""OAuth 2 client credentials: how a token is had, kept and renewed, from a server that is known.

Who gets the credentials is for an operator to say: a tool server or a document that names another
authorization server is not believed.
"""

# ruff: noqa: PLC0415 (the library for signatures takes long to load: only where an entry signs)

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls as places_of,
)
from mcp.client.auth.utils import issuers_match

from tools.credentials import Keyring, Veil
from tools.oauth_wire import MOST, answered, asking, token_in
from tools.proof import Fixed, NotAuthorised, Secrets, Send
from tools.rest_auth_terms import Algorithm, OAuthClient

_MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""

_LASTS = 300
"""Seconds for which a signature is good."""

_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ERROR = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where tokens are fetched."""

    url: str
    audience: str
    """What a signature is made out to."""
    posts: bool = False
    """Whether the secret belongs into the form, since the server takes it nowhere else."""


class TokenProof(Fixed):
    """A bearer token of client credentials, renewed before its end and once it is refused."""

    def __init__(
        self,
        terms: OAuthClient,
        keyring: Callable[..., Keyring],
        resource: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terms = terms
        self._resource = resource
        """What the token is for (RFC 8707); empty for not saying."""
        wanted = {"client_id": terms.client_id}
        if terms.client_secret is not None:
            wanted["client_secret"] = terms.client_secret
        if terms.private_key is not None:
            wanted["private_key"] = terms.private_key
        self._secrets = Secrets(wanted, keyring)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._endpoint: Endpoint | None = None
        self._token = ""
        self._until = 0.0

    @property
    def veil(self) -> Veil:
        return self._secrets.veil

    async def put_on(self, request: httpx.Request, send: Send) -> httpx.Request:
        # One at a time, so that many calls at once fetch one token.
        async with self._turn:
            if not self._token or self._clock() >= self._until:
                await self._fetch(send)
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def refused(self, request: httpx.Request) -> bool:
        if request.headers.get("Authorization") == f"Bearer {self._token}":
            self._token = ""
            self._endpoint = None
            self._secrets.forget()
        return True

    async def _fetch(self, send: Send) -> None:
        secrets = await self._secrets.read()
        if self._endpoint is None:
            self._endpoint = await endpoint_of(self._terms, send)
        status, body = await send(await self._asking(self._endpoint, secrets), MOST)
        told = answered(body)
        token = token_in(told)
        if status != 200 or not token:
            code = str(told.get("error", ""))
            why = f" ({code})" if _ERROR.fullmatch(code) else ""
            raise NotAuthorised(f"The token endpoint answered with status {status}{why}.")
        lasts = told.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int | float) else 300.0
        self._until = self._clock() + max(0.0, seconds - min(_MARGIN, seconds / 2))
        self._token = token
        self._secrets.got(token)

    async def _asking(self, endpoint: Endpoint, secrets: Mapping[str, str]) -> httpx.Request:
        form = {"grant_type": "client_credentials"}
        form |= {"scope": self._terms.scope} if self._terms.scope else {}
        form |= {"audience": self._terms.audience} if self._terms.audience else {}
        if self._resource and self._terms.issuer and not self._terms.audience:
            # Servers that are found by their metadata know it; others may refuse what they do not.
            form["resource"] = self._resource
        if "private_key" in secrets:
            # In a thread: a signature takes a while, and its library longer to load.
            signed = await asyncio.to_thread(
                assertion, secrets, endpoint.audience, self._terms.algorithm, time.time()
            )
            form |= {"client_assertion_type": _BEARER, "client_assertion": signed}
        elif endpoint.posts:
            form |= {name: secrets[name] for name in ("client_id", "client_secret")}
        else:
            client, secret = secrets["client_id"], secrets["client_secret"]
            return asking(endpoint.url, form, client, secret)
        return asking(endpoint.url, form)


async def endpoint_of(terms: OAuthClient, send: Send) -> Endpoint:
    """Where the terms say that tokens are fetched, or the metadata of their issuer (RFC 8414).

    Raises:
        NotAuthorised: the issuer has no metadata, or they are those of another one.
    """
    if terms.token_url:
        return Endpoint(url=terms.token_url, audience=terms.token_url)
    for place in places_of(terms.issuer, ""):
        status, body = await send(httpx.Request("GET", place), MOST)
        if status != 200:
            continue
        told = answered(body)
        issuer, url = told.get("issuer"), told.get("token_endpoint")
        if not isinstance(issuer, str) or not issuers_match(issuer, terms.issuer):
            raise NotAuthorised("The metadata of the issuer are those of another one.")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise NotAuthorised("The metadata of the issuer name no token endpoint.")
        ways = told.get("token_endpoint_auth_methods_supported")
        ways = ways if isinstance(ways, list) else []
        posts = "client_secret_post" in ways and "client_secret_basic" not in ways
        return Endpoint(url=url, audience=issuer, posts=posts)
    raise NotAuthorised("The issuer has no metadata where they belong.")


def assertion(secrets: Mapping[str, str], audience: str, algorithm: Algorithm, now: float) -> str:
    """Who we are, signed and good for a few minutes at one server (RFC 7523).

    Raises:
        NotAuthorised: the key is none, or is not one for the algorithm.
    """
    import jwt

    told = {
        "iss": secrets["client_id"],
        "sub": secrets["client_id"],
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + _LASTS,
        "jti": str(uuid.uuid4()),
    }
    try:
        return jwt.encode(told, secrets["private_key"], algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        # The cause may quote the key.
        raise NotAuthorised(f"The private key is none for {algorithm} in PEM.") from None
