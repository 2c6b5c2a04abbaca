"""Ways into one API: for each tenant a proof of its own, and a breaker of its own.

A tenant whose credentials are refused keeps no other tenant from the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runtime.breaker import Breaker
from runtime.errors import ServerUnavailable
from tools.breaker import refusal
from tools.config import Terms
from tools.credentials import Keyring
from tools.live import CallLost
from tools.proof import Proof
from tools.rest_auth import proof_of
from tools.rest_auth_terms import Auth
from tools.rest_wire import Received
from tools.tenants import entry_of

_DOWN = frozenset({502, 503, 504})
"""Answers that stand for an API which gives none."""


class Door:
    """One tenant's way in."""

    def __init__(self, server: str, terms: Terms, proof: Proof) -> None:
        self.proof = proof
        self._server = server
        self._breaker = Breaker(terms.breaker.failures, terms.breaker.seconds)
        self._reason = ""

    async def through(self, send: Callable[[], Awaitable[Received]]) -> Received:
        """Let one call through, and learn from how it ends.

        Raises:
            ServerUnavailable: nothing was sent, since too many failed in a row or for want of a
                proof.
            CallLost: as `send` raised it, without secrets.
        """
        pause = self._breaker.admit()
        if pause is not None:
            raise refusal(self._breaker, self._server, pause, self._reason)
        try:
            got = await send()
        except CallLost as lost:
            self._failed(self.proof.veil.text(lost.reason))
            raise CallLost(lost.kind, self._reason) from None
        except ServerUnavailable as error:
            self._failed(error.reason)
            raise
        except BaseException:
            self._breaker.release()
            raise
        if got.status in _DOWN:
            self._failed(f"It answered with status {got.status}.")
        else:
            self._breaker.succeeded()
        return got

    def _failed(self, reason: str) -> None:
        self._reason = reason
        self._breaker.failed()


class Doors:
    """The ways into an API, by tenant; each is made when it is first needed."""

    def __init__(
        self, server: str, terms: Terms, auth: Auth | None, keyring: Callable[..., Keyring]
    ) -> None:
        self._server = server
        self._terms = terms
        self._auth = auth
        self._keyring = keyring
        self._by_entry: dict[str, Door] = {}

    def of(self, tenant: str) -> Door:
        """The way in of a tenant.

        Raises:
            Withheld: it has no credentials there.
        """
        listed = self._terms.credentials
        name = entry_of(self._server, listed, tenant)
        door = self._by_entry.get(name)
        if door is None:
            proof = proof_of(self._auth, listed.get(name, {}), self._keyring)
            door = self._by_entry[name] = Door(self._server, self._terms, proof)
        return door
