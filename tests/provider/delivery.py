"""Bytes onto the connection: latency, and the faults that only a connection can have.
Every wait here ends when the client leaves, so that a test that gives up leaves nothing behind."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.types import Receive, Scope, Send

from tests.provider.faults import Fault, Hang, Reset, Stall

Ending: TypeAlias = Literal["complete", "cut", "client left", "server closed"]
HangUp: TypeAlias = Callable[[tuple[str, int]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An ASGI response that sends `pieces` after `wait` seconds, `pause` seconds apart.
    Without streaming the length is announced, so that a cut is seen as one."""

    status: int
    media_type: str
    pieces: Sequence[bytes]
    hang_up: HangUp
    ended: Callable[[Ending], None]
    headers: Sequence[tuple[str, str]] = ()
    stream: bool = False
    wait: float = 0.0
    pause: float = 0.0
    fault: Fault | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ending: Ending = "server closed"
        try:
            ending = await self._send(scope, receive, send)
        finally:
            self.ended(ending)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> Ending:
        if await _client_left(receive, self.wait):
            return "client left"
        if isinstance(self.fault, Hang) or self.fault == Reset(at=0.0):
            return await self._cut(scope, receive)
        await send({"type": "http.response.start", "status": self.status, "headers": self._head()})
        for i, piece in enumerate(self._before_cut()):
            if i and await _client_left(receive, self.pause):
                return "client left"
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if isinstance(self.fault, Reset | Stall):
            return await self._cut(scope, receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return "complete"

    async def _cut(self, scope: Scope, receive: Receive) -> Ending:
        if isinstance(self.fault, Reset):
            self.hang_up(scope["client"])
        await _client_left(receive, math.inf)
        return "cut" if isinstance(self.fault, Reset) else "client left"

    def _before_cut(self) -> Sequence[bytes]:
        if not isinstance(self.fault, Reset | Stall):
            return self.pieces
        if self.stream:
            return self.pieces[: math.ceil(len(self.pieces) * self.fault.at)]
        whole = b"".join(self.pieces)
        return [whole[: math.ceil(len(whole) * self.fault.at)]]

    def _head(self) -> list[tuple[bytes, bytes]]:
        pairs = [("content-type", self.media_type), *self.headers]
        if not self.stream:
            pairs.append(("content-length", str(sum(map(len, self.pieces)))))
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


async def _client_left(receive: Receive, seconds: float) -> bool:
    """Wait so long, or until the client is gone. At once when there is nothing to wait for."""
    if seconds <= 0:
        return False
    try:
        async with asyncio.timeout(None if math.isinf(seconds) else seconds):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return False
    return True
