"""The proof of a person's login: its token, renewed without the person as long as that goes.

Only the command line puts anybody before a browser; here a login that is gone is told, no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from tools.credentials import Keyring, Veil
from tools.logins import Login, Logins
from tools.oauth_wire import MOST, answered, asking, token_in
from tools.proof import NotAuthorised, Secrets, Send
from tools.rest_auth_terms import OAuthUser, secrets_of

_MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""


class LoginProof:
    """A bearer token that a person's login gave."""

    def __init__(
        self,
        server: str,
        url: str,
        terms: OAuthUser,
        keyring: Callable[..., Keyring],
        logins: Logins,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._server = server
        self._url = url
        self._secrets = Secrets(secrets_of(terms), keyring)
        self._logins = logins
        self._clock = clock
        self._turn = asyncio.Lock()
        self._login: Login | None = None
        self._refused = ""
        """The access token that the server did not accept."""

    @property
    def veil(self) -> Veil:
        return self._secrets.veil

    async def put_on(self, request: httpx.Request, send: Send) -> httpx.Request:
        # One at a time: most servers take a refresh token once.
        async with self._turn:
            login = self._login
            if login is None or not self._lasts(login):
                login = self._login = await self._current(send)
        request.headers["Authorization"] = f"Bearer {login.access_token}"
        return request

    def refused(self) -> bool:
        if self._login is not None:
            self._refused = self._login.access_token
        self._login = None
        return bool(self._refused)

    async def lacks(self, scope: str) -> str:
        login = await self._logins.of(self._server)
        self._login = None
        if login is not None and login.wanted != scope:
            await self._logins.keep(self._server, login.model_copy(update={"wanted": scope}))
        return f"The login does not cover the scope {scope!r}. {self._remedy}"

    @property
    def _remedy(self) -> str:
        return f"A person logs in with: switchyard tools login {self._server}"

    def _lasts(self, login: Login) -> bool:
        if login.access_token == self._refused:
            return False
        return login.until is None or self._clock() < login.until - _MARGIN

    async def _current(self, send: Send) -> Login:
        """The login as it is kept now: another process may have renewed it."""
        login = await self._logins.of(self._server)
        if login is None:
            raise NotAuthorised(f"Nobody has logged in there. {self._remedy}")
        if login.url != self._url:
            raise NotAuthorised(f"The login is one at another address. {self._remedy}")
        self._secrets.got(login.access_token, login.refresh_token)
        return login if self._lasts(login) else await self._renewed(login, send)

    async def _renewed(self, login: Login, send: Send) -> Login:
        if not login.refresh_token:
            raise NotAuthorised(f"The login has ended. {self._remedy}")
        status, body = await send(await self._asking(login), MOST)
        told = answered(body)
        token, lasts = token_in(told), told.get("expires_in")
        if status != 200 or not token:
            raise NotAuthorised(f"The login was not renewed (status {status}). {self._remedy}")
        kept = told.get("refresh_token")
        renewed = login.model_copy(
            update={
                "access_token": token,
                "refresh_token": kept if isinstance(kept, str) else login.refresh_token,
                "until": self._clock() + lasts if isinstance(lasts, int | float) else None,
            }
        )
        self._secrets.got(renewed.access_token, renewed.refresh_token)
        await self._logins.keep(self._server, renewed)
        return renewed

    async def _asking(self, login: Login) -> httpx.Request:
        own = await self._secrets.read()
        name = own.get("client_id") or str(login.client.get("client_id", ""))
        secret = own.get("client_secret") or str(login.client.get("client_secret") or "")
        form = {"grant_type": "refresh_token", "refresh_token": login.refresh_token}
        form |= {"resource": login.resource} if login.resource else {}
        if secret and login.client.get("token_endpoint_auth_method") == "client_secret_basic":
            return asking(login.token_endpoint, form, name, secret)
        form |= {"client_id": name} | ({"client_secret": secret} if secret else {})
        return asking(login.token_endpoint, form)
