"""Puts credentials on a request at the last moment before it is sent, whatever kind they are of."""

# ruff: noqa: PLC0415 (botocore takes long to load: only where an entry signs its calls)

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import httpx

from tools.credentials import OPEN, Credential, Keyring, Veil
from tools.proof import Fixed, Proof, Secrets, Send
from tools.rest_auth_terms import ApiKey, Auth, AwsSigV4, OAuthClient
from tools.rest_oauth import TokenProof


class NoProof(Fixed):
    """For an API that asks nobody."""

    veil = OPEN

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        return request

    def refused(self, _request: httpx.Request) -> bool:
        return False


class HeaderProof(Fixed):
    """Secrets of a tenant in headers, by their names."""

    def __init__(self, wanted: Mapping[str, Credential], keyring: Callable[..., Keyring]) -> None:
        self._secrets = Secrets(wanted, keyring)

    @property
    def veil(self) -> Veil:
        return self._secrets.veil

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        for name, value in (await self._secrets.read()).items():
            request.headers[name] = value
        return request

    def refused(self, _request: httpx.Request) -> bool:
        self._secrets.forget()
        return False


class KeyProof(Fixed):
    """An API key in a header or in the query."""

    def __init__(self, terms: ApiKey, keyring: Callable[..., Keyring]) -> None:
        self._terms = terms
        self._secrets = Secrets({terms.name: terms.secret}, keyring)

    @property
    def veil(self) -> Veil:
        return self._secrets.veil

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        value = (await self._secrets.read())[self._terms.name]
        if self._terms.place == "header":
            request.headers[self._terms.name] = value
        else:
            request.url = request.url.copy_set_param(self._terms.name, value)
        return request

    def refused(self, _request: httpx.Request) -> bool:
        self._secrets.forget()
        return False


class SignedProof(Fixed):
    """AWS Signature Version 4, made by botocore."""

    def __init__(self, terms: AwsSigV4, keyring: Callable[..., Keyring]) -> None:
        self._terms = terms
        wanted = {"access_key": terms.access_key, "secret_key": terms.secret_key}
        if terms.session_token is not None:
            wanted["session_token"] = terms.session_token
        self._secrets = Secrets(wanted, keyring)

    @property
    def veil(self) -> Veil:
        return self._secrets.veil

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        secrets = await self._secrets.read()
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

    def refused(self, _request: httpx.Request) -> bool:
        self._secrets.forget()
        return False


def proof_of(
    auth: Auth | None,
    own: Mapping[str, Credential],
    keyring: Callable[..., Keyring],
    resource: str = "",
) -> Proof:
    """The proof that an entry asks for. `keyring` takes the secrets that are wanted.

    Args:
        own: A tenant's own secrets: by the keys of `auth`, or by header where there is none.
        resource: What a token is to be for; empty for not saying.
    """
    if auth is None:
        return HeaderProof(own, keyring) if own else NoProof()
    auth = auth.model_copy(update=dict(own))
    match auth:
        case ApiKey():
            return KeyProof(auth, keyring)
        case OAuthClient():
            return TokenProof(auth, keyring, resource)
        case AwsSigV4():
            return SignedProof(auth, keyring)
