"""How calls to an API prove who they are: the key `auth` of an entry in `config/mcp.json`.

It names where each secret is found, never the secret itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.credentials import Credential


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
    token_url: str
    client_id: Credential
    client_secret: Credential
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


def secrets_of(auth: ApiKey | OAuthClient | AwsSigV4 | None) -> dict[str, Credential]:
    """Where each secret is found, by the key that names it."""
    if auth is None:
        return {}
    found = {name: getattr(auth, name) for name in type(auth).model_fields}
    return {name: one for name, one in found.items() if isinstance(one, Credential)}


Auth = Annotated[ApiKey | OAuthClient | AwsSigV4, Field(discriminator="type")]
