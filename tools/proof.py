"""What every kind of proof has in common: how a call over HTTP shows who makes it.

The secrets are read here and veiled here; neither arguments nor answers ever hold one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import anyio
import httpx

from tools.credentials import Credential, Keyring, Veil

Send = Callable[[httpx.Request, int], Awaitable[tuple[int, bytes]]]
"""Sends a request as it is; the status and at most so many bytes of the answer."""


_SHARE = 0.8
"""The part of its deadline within which a call has to have its proof."""

T = TypeVar("T")


class NotAuthorised(Exception):
    """There are no credentials to send a call with; nothing was sent."""


class Patience:
    """How long one call waits for its proof, from now on: it gives up before its deadline, since
    past that nobody could tell that it was not sent."""

    def __init__(self, seconds: float) -> None:
        self._seconds = _SHARE * seconds
        self._until = anyio.current_time() + self._seconds

    async def wait(self, proof: Awaitable[T]) -> T:
        """What comes.

        Raises:
            NotAuthorised: it did not come in time.
        """
        try:
            with anyio.fail_after(self._until - anyio.current_time()):
                return await proof
        except TimeoutError:
            told = f"No proof for the call came within {self._seconds:g} s. Try again later."
            raise NotAuthorised(told) from None


class Proof(Protocol):
    """How calls prove who they are."""

    @property
    def veil(self) -> Veil:
        """Hides the secrets that are in use now; the same object for good."""
        ...

    async def at_hand(self) -> None:
        """Get what can be got before a call is begun, so that its lack ends no other call.

        Raises:
            CredentialMissing: a secret is not where the entry says.
            NotAuthorised: it cannot be got.
        """
        ...

    async def put_on(self, request: httpx.Request, send: Send) -> httpx.Request:
        """The request with its proof. `send` is for fetching what it takes.

        Raises:
            CredentialMissing: a secret is not where the entry says.
            NotAuthorised: what it takes cannot be fetched.
        """
        ...

    def refused(self, request: httpx.Request) -> bool:
        """The other side did not accept the proof on a request. Whether another one may be had at
        once. One that was put on before the present one says nothing about that."""
        ...

    async def lacks(self, scope: str) -> str:
        """The other side wants a scope that the proof does not cover. What an operator is told."""
        ...

    async def settled(self) -> None:
        """Wait until what goes on without the call that began it has ended."""
        ...


class Fixed:
    """A proof that covers what its entry says, and no more."""

    async def at_hand(self) -> None:
        """Whatever it takes is got for the request itself."""

    async def lacks(self, scope: str) -> str:
        return f"The credentials do not cover the scope {scope!r} that it wants."

    async def settled(self) -> None:
        """Whatever is fetched for a call ends with it."""


class Secrets:
    """Secrets that are read when first needed, and again after they were refused."""

    def __init__(self, wanted: Mapping[str, Credential], keyring: Callable[..., Keyring]) -> None:
        self._wanted = wanted
        self._keyring = keyring(wanted=wanted, texts=frozenset({"private_key"}))
        self._read: dict[str, str] = {}
        self._got: list[str] = []
        self.veil = Veil({}, {})

    async def read(self) -> dict[str, str]:
        if not self._read:
            self._read = await self._keyring.read()
            self.veil.cover(self._read, self._wanted, self._got)
        return self._read

    def got(self, *tokens: str) -> None:
        """Hide what was got for the secrets, like the secrets; what was got before it too."""
        found = [token for token in tokens if token]
        self._keyring.mask(found)
        self._got = [*self._got[-2:], *found]
        self.veil.cover(self._read, self._wanted, self._got)

    def forget(self) -> None:
        self._read = {}
