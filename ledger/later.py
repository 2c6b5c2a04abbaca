"""Books calls although who waits is gone, or the ledger cannot be written just now: what was sent
may never be missing from the books.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from ledger.repository import Statement
from runtime.errors import LedgerUnavailable
from runtime.finish import finished

_Call = tuple[str, tuple[Statement, ...]]
_log = logging.getLogger(__name__)


class Later:
    """Books at once where it can, else with the next `flush`.

    What is kept lies in memory. If the process ends before it is written, the reservation of the
    call is still there: it counts as spent once the process is found to be gone.
    """

    def __init__(
        self, commit: Callable[..., Awaitable[None]], booked: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._commit = commit
        self._booked = booked
        self._kept: deque[_Call] = deque()

    async def book(self, id: str, *statements: Statement) -> None:
        """Write all that is to be said of a call in one transaction, now or later. A cancellation
        is raised after that, and does not undo it."""
        await finished(self._book((id, statements), again=False))

    async def flush(self) -> None:
        """Book what is kept, as far as the ledger can be written by now."""
        for _ in range(len(self._kept)):
            # One that failed went to the end, so that it does not stand before the others.
            if not self._kept or not await finished(self._book(self._kept.popleft(), again=True)):
                return

    async def _book(self, call: _Call, *, again: bool) -> bool:
        id, statements = call
        try:
            # Where the connection was lost during the commit, it may have been written.
            if not (again and await self._booked(id)):
                await self._commit(*statements)
        except (LedgerUnavailable, asyncio.CancelledError) as error:
            self._kept.append(call)
            if isinstance(error, asyncio.CancelledError):
                raise
            _log.warning("call %s is kept, to be booked later: %s", id, error)
            return False
        return True
