"""How calls over HTTP prove who they are: the key `auth` of an entry in `config/mcp.json`.

It names where each secret is found, never the secret itself. APIs and tool servers that have an
address take the same kinds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.credentials import Credential

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


class ApiKey(BaseModel):
    """A secret that goes with every call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["api_key"]
    place: Literal["header", "query"] = "header"
    name: str
    """Of the header or the query parameter."""
    secret: Credential
    """With `prefix` for what stands before it in a header, such as `Bearer `."""


class OAuthClient(BaseModel):
    """OAuth 2 client credentials: a token is fetched, kept, and renewed before it ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["oauth_client"]
    token_url: str = ""
    """Where tokens are fetched. In its place:"""
    issuer: str = ""
    """The authorization server, whose metadata say where. No other one gets the credentials."""
    client_id: Credential
    client_secret: Credential | None = None
    """In its place:"""
    private_key: Credential | None = None
    """A key in PEM. It signs who we are, and is itself never sent (RFC 7523)."""
    algorithm: Algorithm = "RS256"
    """Of the signatures with `private_key`."""
    scope: str = ""
    audience: str = ""


class AwsSigV4(BaseModel):
    """Every call is signed with an AWS key, which itself is never sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["aws_sigv4"]
    region: str
    service: str
    access_key: Credential
    secret_key: Credential
    session_token: Credential | None = None


class OAuthUser(BaseModel):
    """A person's login at a tool server, made once with `switchyard tools login` and then kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["oauth_user"]
    client_id: Credential | None = None
    """Where we are registered already; else we register ourselves, as the server offers it."""
    client_secret: Credential | None = None
    metadata_url: str = ""
    """An address that describes us, for servers that take it in place of a registration."""
    issuer: str = ""
    """The authorization server that is to be used, and no other one."""
    scope: str = ""
    """Asked for in addition to what the server wants."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8976
    """Of this machine, where the browser comes back to."""


Auth = ApiKey | OAuthClient | AwsSigV4
"""What needs nobody."""

AnyAuth = Annotated[ApiKey | OAuthClient | OAuthUser | AwsSigV4, Field(discriminator="type")]


def secrets_of(auth: Auth | OAuthUser | None) -> dict[str, Credential]:
    """Where each secret is found, by the key that names it."""
    if auth is None:
        return {}
    found = {name: getattr(auth, name) for name in type(auth).model_fields}
    return {name: one for name, one in found.items() if isinstance(one, Credential)}


def mistakes_of(auth: Auth | OAuthUser) -> list[tuple[str, str, str]]:
    """What types alone cannot say: the key, what is wrong with it, and the remedy."""
    found = [
        (
            name,
            f"The credential {name!r} needs one of 'env' and 'file'.",
            "Name where the secret is found.",
        )
        for name, one in secrets_of(auth).items()
        if (one.env is None) == (one.file is None)
    ]
    if isinstance(auth, OAuthUser):
        if auth.client_secret is not None and not (auth.client_id and auth.issuer):
            told = "A 'client_secret' needs its 'client_id' and the 'issuer' that may get it."
            found.append(("client_secret", told, "Name both, or remove it."))
        if auth.metadata_url and not auth.metadata_url.startswith("https://"):
            told = f"{auth.metadata_url!r} is no address that others can read."
            found.append(("metadata_url", told, "Begin it with https://."))
    if not isinstance(auth, OAuthClient):
        return found
    if bool(auth.token_url) == bool(auth.issuer):
        told = "Client credentials need one of 'token_url' and 'issuer'."
        found.append(("token_url", told, "Name the one server that may get the credentials."))
    if (auth.client_secret is None) == (auth.private_key is None):
        told = "Client credentials need one of 'client_secret' and 'private_key'."
        found.append(("client_secret", told, "Keep the one that the client was registered with."))
    for name, url in (("token_url", auth.token_url), ("issuer", auth.issuer)):
        if url and not url.startswith(("https://", "http://")):
            told = f"{url!r} is no address."
            found.append((name, told, "Begin it with https://."))
    return found
