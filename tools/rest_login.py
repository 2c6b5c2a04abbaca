"""The proof of a person's login: its token, renewed without the person as long as that goes.

Only the command line puts anybody before a browser; here a login that is gone is told, no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import anyio
import httpx

from tools.credentials import Keyring, Veil
from tools.kept import StillTaken
from tools.logins import TURN, Login, Logins
from tools.oauth_wire import MOST, answered, asking, token_in
from tools.proof import NotAuthorised, Secrets, Send
from tools.rest_auth_terms import OAuthUser, secrets_of
from tools.rest_wire import fetcher

_MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""

_SECONDS = 20.0
"""For the answer of a token endpoint; others wait for their turn meanwhile."""

_NOTING = 1.0
"""Seconds to wait for a turn only to note something."""


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
        self._login: Login | None = None
        self._looking: asyncio.Task[Login] | None = None
        """What all calls that need a login wait for."""
        self._waiting: anyio.CancelScope | None = None
        """Around its wait for a turn."""
        self._latest = ""
        """The access token that was put on last."""
        self._refused = ""
        """The access token that the server did not accept."""

    @property
    def veil(self) -> Veil:
        return self._secrets.veil

    async def at_hand(self) -> None:
        await self._lasting()

    async def put_on(self, request: httpx.Request, _send: Send) -> httpx.Request:
        self._latest = (await self._lasting()).access_token
        request.headers["Authorization"] = f"Bearer {self._latest}"
        return request

    def refused(self, request: httpx.Request) -> bool:
        # Each renewal ends the token before it: calls with that one ask for no further renewal.
        if request.headers.get("Authorization") == f"Bearer {self._latest}":
            self._refused = self._latest
        return True

    async def lacks(self, scope: str) -> str:
        self._login = None
        # Without a turn it is not noted: the server will say it again.
        with suppress(StillTaken):
            async with self._logins.changing(self._server, _NOTING) as turn:
                login = turn.login
                if login is not None and login.wanted != scope:
                    await turn.keep(login.model_copy(update={"wanted": scope}))
        return f"The login does not cover the scope {scope!r}. {self._remedy}"

    async def settled(self) -> None:
        if self._looking is not None and self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait([self._looking])

    @property
    def _remedy(self) -> str:
        return f"A person logs in with: switchyard tools login {self._server}"

    def _lasts(self, login: Login) -> bool:
        if login.access_token == self._refused:
            return False
        return login.until is None or self._clock() < login.until - _MARGIN

    async def _lasting(self) -> Login:
        """A login that lasts. Whoever waits for it may leave: most servers take what renews one
        once, so that a renewal which was begun has to be kept."""
        if self._login is not None and self._lasts(self._login):
            return self._login
        if self._looking is None or self._looking.done():
            self._waiting = anyio.CancelScope()
            self._looking = asyncio.create_task(self._looked_up(self._waiting))
            self._looking.add_done_callback(_heard)
        looking = self._looking
        await asyncio.wait([looking])
        return looking.result()

    async def _looked_up(self, waiting: anyio.CancelScope) -> Login:
        login = self._checked(await self._logins.of(self._server))
        if not self._lasts(login):
            login = await self._in_turn(waiting)
        self._login = login
        return login

    async def _in_turn(self, waiting: anyio.CancelScope) -> Login:
        """The login after a renewal by this process, or by the one whose turn it was before."""
        with waiting, suppress(StillTaken):
            async with self._logins.changing(self._server, TURN) as turn:
                login = self._checked(turn.login)
                if not self._lasts(login):
                    with anyio.CancelScope(shield=True):
                        login = await self._renewed(login)
                        await turn.keep(login)
                return login
        raise NotAuthorised("Another process is renewing the login. Try again later.")

    def _checked(self, login: Login | None) -> Login:
        if login is None:
            raise NotAuthorised(f"Nobody has logged in there. {self._remedy}")
        if login.url != self._url:
            raise NotAuthorised(f"The login is one at another address. {self._remedy}")
        self._secrets.got(login.access_token, login.refresh_token)
        return login

    async def _renewed(self, login: Login) -> Login:
        if not login.refresh_token:
            raise NotAuthorised(f"The login has ended. {self._remedy}")
        status, body = await self._fetched(await self._asking(login))
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
        return renewed

    async def _fetched(self, request: httpx.Request) -> tuple[int, bytes]:
        """An answer of the token endpoint, over no connection that ends with somebody's call."""
        try:
            async with (
                asyncio.timeout(_SECONDS),
                httpx.AsyncHTTPTransport(trust_env=False) as transport,
            ):
                return await fetcher(transport)(request, MOST)
        except TimeoutError:
            told = f"The token endpoint gave no answer within {_SECONDS:g} s. {self._remedy}"
            raise NotAuthorised(told) from None

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


def _heard(looking: asyncio.Task[Login]) -> None:
    """Whoever waited for it may have left; then a failure is nobody's."""
    if not looking.cancelled():
        looking.exception()
