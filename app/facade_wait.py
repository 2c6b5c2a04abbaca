"""Puts the questions of a client's call to a person: to the client's own user what a tool server
wants to know, to the inbox of approvals everything that policy wants decided."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Literal

from app.facade_wire import Cleared, Wire
from ledger.approvals import Approval
from ledger.store import Ledger
from tools.elicitation import Filled

_LOOK = 0.5
"""Seconds between two looks at the inbox."""
_SIGN = 5.0
"""Seconds between two signs to the client that it still waits."""


class StillOpen(Exception):
    """Nobody has answered yet; the question stays open."""

    def __init__(self, question: Approval) -> None:
        self.question = question
        super().__init__(question.id)


class Waiting:
    """Waits for answers on behalf of one call, at most `seconds` for each."""

    def __init__(self, ledger: Ledger, wire: Wire, seconds: float, cleared: Cleared) -> None:
        self.left = asyncio.Event()
        """Set when the client waits no more."""
        self._ledger = ledger
        self._wire = wire
        self._seconds = seconds
        self._cleared = cleared

    async def __call__(self, question: Approval) -> Literal["approved", "refused"] | Filled:
        """The answer to a question.

        Raises:
            StillOpen: there was none in time, or the client left.
        """
        if self._wire.asks(question) and await self._cleared():
            return await self._of_client(question)
        return await self._of_inbox(question)

    async def _of_client(self, question: Approval) -> Literal["approved", "refused"] | Filled:
        asked = asyncio.create_task(self._wire.ask(question))
        left = asyncio.create_task(self.left.wait())
        try:
            await asyncio.wait(
                {asked, left}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if asked.done():
                return asked.result()
        finally:
            asked.cancel()
            left.cancel()
        raise StillOpen(question)

    async def _of_inbox(self, question: Approval) -> Literal["approved", "refused"]:
        clock = asyncio.get_running_loop().time
        until, sign = clock() + self._seconds, 0.0
        while True:
            found = await self._ledger.approvals.get(question.id) or question
            if found.state != "pending":
                return "approved" if found.state == "approved" else "refused"
            rest = until - clock()
            if rest <= 0 or self.left.is_set():
                raise StillOpen(question)
            if clock() >= sign:
                await self._wire.waits(f"A person is asked: {question.id}")
                sign = clock() + _SIGN
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK, rest)):
                    await self.left.wait()
