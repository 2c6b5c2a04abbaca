"""Puts credentials on a request at the last moment before it is sent.

They are read here, used here and veiled here; neither arguments nor answers ever hold one.
"""

# ruff: noqa: PLC0415 (botocore takes long to load: only where an entry signs its calls)

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import quote, urlencode

import httpx

from tools.credentials import OPEN, Credential, Keyring, Veil
from tools.rest_auth_terms import ApiKey, Auth, AwsSigV4, OAuthClient

Send = Callable[[httpx.Request, int], Awaitable[tuple[int, bytes]]]
"""Sends a request as it is; the status and at most so many bytes of the answer."""

_MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""

_ERROR = re.compile(r"[a-z_]{1,40}")


class NotAuthorised(Exception):
    """There are no credentials to send a call with; nothing was sent."""


class Proof(Protocol):
    """How calls prove who they are."""

    @property
    def veil(self) -> Veil:
        """Hides the secrets that are in use now."""
        ...

    async def put_on(self, request: httpx.Request, send: Send) -> httpx.Request:
        """The request with its proof. `send` is for fetching what it takes.

        Raises:
            CredentialMissing: a secret is not where the entry says.
            NotAuthorised: what it takes cannot be fetched.
        """
        ...

    def refused(self) -> bool:
        """The API did not accept the proof. Whether another one may be had at once."""
        ...


class NoProof:
    """For an API that asks nobody."""

    veil = OPEN

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        return request

    def refused(self) -> bool:
        return False


class _Held:
    """Secrets that are read when first needed, and again after they were refused."""

    def __init__(self, wanted: Mapping[str, Credential], keyring: Callable[..., Keyring]) -> None:
        self._wanted = wanted
        self._keyring = keyring(wanted=wanted)
        self._secrets: dict[str, str] = {}
        self.veil = OPEN

    async def secrets(self) -> dict[str, str]:
        if not self._secrets:
            self._secrets = await self._keyring.read()
            self.veil = Veil(self._secrets, self._wanted)
        return self._secrets

    def mask(self, token: str) -> None:
        """Hide what was got for the secrets, like the secrets."""
        self._keyring.mask([token])
        known = self._secrets | {"token": token}
        self.veil = Veil(known, {"token": Credential()} | dict(self._wanted))

    def forget(self) -> None:
        self._secrets = {}


class KeyProof:
    """An API key in a header or in the query."""

    def __init__(self, terms: ApiKey, keyring: Callable[..., Keyring]) -> None:
        self._terms = terms
        self._held = _Held({terms.name: terms.secret}, keyring)

    @property
    def veil(self) -> Veil:
        return self._held.veil

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        value = (await self._held.secrets())[self._terms.name]
        if self._terms.place == "header":
            request.headers[self._terms.name] = value
        else:
            request.url = request.url.copy_set_param(self._terms.name, value)
        return request

    def refused(self) -> bool:
        self._held.forget()
        return False


class TokenProof:
    """A bearer token of OAuth client credentials, renewed before its end and once it is refused."""

    def __init__(
        self,
        terms: OAuthClient,
        keyring: Callable[..., Keyring],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terms = terms
        self._held = _Held(
            {"client_id": terms.client_id, "client_secret": terms.client_secret}, keyring
        )
        self._clock = clock
        self._turn = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    @property
    def veil(self) -> Veil:
        return self._held.veil

    async def put_on(self, request: httpx.Request, send: Send) -> httpx.Request:
        # One at a time, so that many calls at once fetch one token.
        async with self._turn:
            if not self._token or self._clock() >= self._until:
                await self._fetch(send)
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def refused(self) -> bool:
        self._token = ""
        self._held.forget()
        return True

    async def _fetch(self, send: Send) -> None:
        secrets = await self._held.secrets()
        status, body = await send(self._asking(secrets), 64_000)
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        told = told if isinstance(told, dict) else {}
        token = told.get("access_token")
        if status != 200 or not isinstance(token, str) or not token.isprintable() or not token:
            code = str(told.get("error", ""))
            why = f" ({code})" if _ERROR.fullmatch(code) else ""
            raise NotAuthorised(f"The token endpoint answered with status {status}{why}.")
        lasts = told.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int | float) else 300.0
        self._until = self._clock() + max(0.0, seconds - min(_MARGIN, seconds / 2))
        self._token = token
        self._held.mask(token)

    def _asking(self, secrets: Mapping[str, str]) -> httpx.Request:
        form = {"grant_type": "client_credentials"}
        form |= {"scope": self._terms.scope} if self._terms.scope else {}
        form |= {"audience": self._terms.audience} if self._terms.audience else {}
        pair = f"{quote(secrets['client_id'], safe='')}:{quote(secrets['client_secret'], safe='')}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return httpx.Request(
            "POST", self._terms.token_url, headers=headers, content=urlencode(form)
        )


class SignedProof:
    """AWS Signature Version 4, made by botocore."""

    def __init__(self, terms: AwsSigV4, keyring: Callable[..., Keyring]) -> None:
        self._terms = terms
        wanted = {"access_key": terms.access_key, "secret_key": terms.secret_key}
        if terms.session_token is not None:
            wanted["session_token"] = terms.session_token
        self._held = _Held(wanted, keyring)

    @property
    def veil(self) -> Veil:
        return self._held.veil

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        secrets = await self._held.secrets()
        body = await request.aread()
        signed = await asyncio.to_thread(self._signed, request, body, secrets)
        for name, value in signed.items():
            request.headers[name] = value
        return request

    def _signed(
        self, request: httpx.Request, body: bytes, secrets: Mapping[str, str]
    ) -> dict[str, str]:
        from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
        from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
        from botocore.credentials import Credentials  # type: ignore[import-untyped]

        # A space is %20 in what is signed, so it must be in what is sent.
        request.url = request.url.copy_with(query=request.url.query.replace(b"+", b"%20"))
        kept = ("content-type", "host", "x-amz-")
        headers = {name: value for name, value in request.headers.items() if name.startswith(kept)}
        made = AWSRequest(request.method, str(request.url), headers=headers, data=body)
        key = Credentials(
            secrets["access_key"], secrets["secret_key"], secrets.get("session_token")
        )
        SigV4Auth(key, self._terms.service, self._terms.region).add_auth(made)
        return {name: str(value) for name, value in made.headers.items()}

    def refused(self) -> bool:
        self._held.forget()
        return False


def proof_of(auth: Auth | None, keyring: Callable[..., Keyring]) -> Proof:
    """The proof that an entry asks for. `keyring` takes the secrets that are wanted."""
    match auth:
        case None:
            return NoProof()
        case ApiKey():
            return KeyProof(auth, keyring)
        case OAuthClient():
            return TokenProof(auth, keyring)
        case AwsSigV4():
            return SignedProof(auth, keyring)
