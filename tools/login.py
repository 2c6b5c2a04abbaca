"""A person's login at a tool server: the one part of the work that needs somebody at a browser.

The protocol's library leads through it: discovery, registration, PKCE. What comes of it is kept, so
that the gateway needs nobody afterwards.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import httpx
from mcp import ClientSession, McpError
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.utils import issuers_match
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyHttpUrl, AnyUrl

from runtime.canonical import Json
from runtime.errors import UserError
from tools.listening import ourselves
from tools.logins import Login
from tools.oauth_wire import answered
from tools.resolve import Address
from tools.rest_auth_terms import OAuthUser

_OFFLINE = "offline_access"
"""The scope with which servers give a token to renew the login with."""

_SECONDS = 30.0
"""For one request; the person takes longer, and has the time of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """How a person is brought before the server's page, and what they come back with."""

    redirect: str
    """Where the browser is sent afterwards."""
    show: Callable[[str], Awaitable[None]]
    """Brings the page before the person."""
    answer: Callable[[], Awaitable[Mapping[str, str]]]
    """The parameters that the browser came back with."""


async def log_in(
    name: str,
    start: Address,
    terms: OAuthUser,
    *,
    secrets: Mapping[str, str],
    visit: Visit,
    before: Login | None,
    by: str,
) -> Login:
    """Open a session with a person's help; what came of their login.

    Args:
        secrets: Those of `terms`, by their keys.
        before: The login until now: we stay registered, and ask for what it lacked.
        by: Who stands at the browser.

    Raises:
        UserError: there was no login, and why.
    """
    # It logs a login that fails with its traceback; the reason is told below.
    logging.getLogger("mcp.client.auth").setLevel(logging.CRITICAL)
    provider = _Attended(start, terms, secrets, visit, before)
    failed = ""
    try:
        async with _session(start, provider) as session:
            await session.initialize()
            await session.list_tools()
    except Exception as error:  # noqa: BLE001 (a group of whatever the libraries raise)
        failed = "; ".join(dict.fromkeys(map(_told, _within(error))))
    found = provider.login(start.url, by)
    if found is None:
        raise UserError(
            f"There was no login at {name!r}: {failed or 'the server asks nobody to log in'}.",
            remedy="Look at its entry in config/mcp.json, and try again.",
        )
    return found


@asynccontextmanager
async def _session(start: Address, provider: _Attended) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(
            headers=start.headers,
            auth=provider,
            timeout=_SECONDS,
            event_hooks={"response": [provider.noted]},
        ) as client,
        streamable_http_client(start.url, http_client=client) as (incoming, outgoing, _),
        ClientSession(incoming, outgoing, client_info=ourselves()) as session,
    ):
        yield session


class _Storage:
    """Where the library looks for an earlier registration. Tokens always come anew."""

    def __init__(self, client: OAuthClientInformationFull | None) -> None:
        self._client = client

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """They are read off the context, with what they take to be renewed."""

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


class _Attended(OAuthClientProvider):
    """The library's flow, held to the issuer of the entry and to the scopes that are missing."""

    def __init__(
        self,
        start: Address,
        terms: OAuthUser,
        secrets: Mapping[str, str],
        visit: Visit,
        before: Login | None,
    ) -> None:
        metadata = OAuthClientMetadata(
            redirect_uris=[AnyUrl(visit.redirect)], client_name="switchyard"
        )
        same = before is not None and before.url == start.url
        super().__init__(
            start.url,
            metadata,
            _Storage(_client_of(terms, secrets, metadata, before if same else None)),
            visit.show,
            self._answered,
            client_metadata_url=terms.metadata_url or None,
        )
        self._visit = visit
        self._metadata: dict[str, Json] = {}
        self._resource: Json = None
        self._issuer = terms.issuer
        earlier = [before.scope, before.wanted] if before is not None and same else []
        self._wanted = " ".join([terms.scope, *earlier]).split()

    async def _answered(self) -> tuple[str, str | None]:
        told = await self._visit.answer()
        if "error" in told:
            raise OAuthFlowError(f"the login was refused ({told['error'][:40]})")
        self._check_issuer(told.get("iss"))
        return told.get("code", ""), told.get("state")

    async def noted(self, response: httpx.Response) -> None:
        """Keep the metadata word for word: the library does not."""
        # Nothing else is read here: a server's stream of notices has no end.
        if "/.well-known/" in response.request.url.path and response.is_success:
            told = answered(await response.aread())
            if "token_endpoint" in told:
                self._metadata = told
            elif "resource" in told:
                self._resource = told["resource"]

    async def _validate_resource_match(self, prm: ProtectedResourceMetadata) -> None:
        await super()._validate_resource_match(prm)
        if isinstance(self._resource, str):
            # The library adds a slash, and servers compare letter by letter.
            prm.resource = cast("AnyHttpUrl", self._resource)

    def _check_issuer(self, named: str | None) -> None:
        """Another server's answer must not be taken for that of this one (RFC 9207)."""
        promised = self._metadata.get("authorization_response_iss_parameter_supported")
        if named is None and promised is True:
            raise OAuthFlowError("the answer names no issuer, although one was promised")
        if named is not None and named != self._metadata.get("issuer"):
            raise OAuthFlowError("the answer is one of another issuer")

    def _select_authorization_server(self, advertised: list[str]) -> str:
        if not self._issuer:
            return super()._select_authorization_server(advertised)
        for one in advertised:
            if issuers_match(one, self._issuer):
                return one
        raise OAuthFlowError("the server names another issuer than its entry")

    async def _perform_authorization(self) -> httpx.Request:
        metadata = self.context.oauth_metadata
        if self._issuer and not issuers_match(self._expected_issuer(), self._issuer):
            raise OAuthFlowError("the server names another issuer than its entry")
        offered = (metadata.scopes_supported if metadata else None) or []
        more = [_OFFLINE] if _OFFLINE in offered else []
        asked = (self.context.client_metadata.scope or "").split()
        # What the server wants now comes first, then what it wanted before.
        self.context.client_metadata.scope = _joined([*asked, *self._wanted, *more])
        return await super()._perform_authorization()

    def login(self, url: str, by: str) -> Login | None:
        """What the flow came to; None where it gave no token."""
        context = self.context
        tokens, client = context.current_tokens, context.client_info
        if tokens is None or client is None:
            return None
        resource = ""
        if context.should_include_resource_param(context.protocol_version):
            resource = context.get_resource_url()
        return Login(
            url=url,
            token_endpoint=self._get_token_endpoint(),
            resource=resource,
            client=client.model_dump(mode="json", exclude_none=True),
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or "",
            until=context.token_expiry_time,
            scope=tokens.scope or context.client_metadata.scope or "",
            since=time.time(),
            by=by,
        )


def _client_of(
    terms: OAuthUser,
    secrets: Mapping[str, str],
    metadata: OAuthClientMetadata,
    before: Login | None,
) -> OAuthClientInformationFull | None:
    """How we are registered: by the entry, or by ourselves at an earlier login."""
    if "client_id" in secrets:
        secret = secrets.get("client_secret")
        return OAuthClientInformationFull(
            redirect_uris=metadata.redirect_uris,
            client_id=secrets["client_id"],
            client_secret=secret,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            issuer=terms.issuer or None,
        )
    if before is None:
        return None
    found = OAuthClientInformationFull.model_validate(before.client)
    return found if found.redirect_uris == metadata.redirect_uris else None


def _joined(scopes: Iterable[str]) -> str | None:
    return " ".join(dict.fromkeys(scopes)) or None


def _within(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [part for one in error.exceptions for part in _within(one)]
    return [error]


def _told(error: BaseException) -> str:
    """A failure in words, without addresses, which may hold secrets, and without answers."""
    match error:
        case httpx.HTTPStatusError():
            return f"the server answered with status {error.response.status_code}"
        case httpx.HTTPError():
            return f"a server cannot be reached ({type(error).__name__})"
        case OAuthFlowError():
            return str(error).partition("\n")[0].partition("{")[0].strip(" :.")[:200]
        case McpError():
            return f"the server answered with an error: {error.error.message[:200]}"
        case _:
            return type(error).__name__
