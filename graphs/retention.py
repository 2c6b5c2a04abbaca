"""What the ledger keeps for a time only: the words behind its records, and answers that are given
again. A server may run for months, so their end does not wait for its next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ledger.store import Ledger
from runtime.errors import LedgerUnavailable

DAY = 86_400
_EVERY = 3_600.0
"""Seconds between two looks."""

_log = logging.getLogger(__name__)


async def forget(ledger: Ledger, days: float, answers: float) -> None:
    """Delete what is older than the retention.

    Args:
        days: The retention.
        answers: Seconds after which an answer is not given again; it goes then, if not before.

    Raises:
        LedgerUnavailable: it cannot be written.
    """
    now = ledger.processes.now()
    old = now - days * DAY
    await ledger.exchanges.forget_before(old)
    await ledger.answers.forget_before(max(old, now - answers))
    await ledger.audit.forget_before(old)


@asynccontextmanager
async def forgetting(
    ledger: Ledger, days: float, answers: float, every: float = _EVERY
) -> AsyncIterator[None]:
    """Forget now, and then every so many seconds.

    Raises:
        LedgerUnavailable: it cannot be written now; later that is told in the log.
    """
    await forget(ledger, days, answers)
    keeping = asyncio.create_task(_forget_again(ledger, days, answers, every), name="retention")
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _forget_again(ledger: Ledger, days: float, answers: float, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await forget(ledger, days, answers)
        except LedgerUnavailable as error:
            _log.warning("what is too old could not be deleted, and stays until later: %s", error)
