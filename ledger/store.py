"""Opens the ledger and hands out its repositories: the one place that chooses the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ledger.address import parse
from ledger.answers import Answers
from ledger.approvals import Approvals
from ledger.audit import Audit, Chain
from ledger.audit_key import key_for
from ledger.budget import Budgets
from ledger.calls import ToolCalls
from ledger.database import Database
from ledger.effects import Effects
from ledger.embedded import Embedded
from ledger.exchanges import Exchanges
from ledger.files import Files
from ledger.flow import Flows
from ledger.later import Later
from ledger.migration import prepare
from ledger.processes import Processes
from ledger.proposals import Proposals
from ledger.repository import Repository, Statement
from ledger.runs import Runs
from ledger.served import Served
from ledger.spend import Spend
from ledger.tasks import Tasks

Clock = Callable[[], float]


class _Together(Repository):
    """What has no repository of its own."""

    async def commit(self, *statements: Statement) -> None:
        await self._write(*statements)


class Ledger:
    """All repositories over one database. What is committed here is what happened."""

    def __init__(self, database: Database, chain: Chain, clock: Clock = time.time) -> None:
        self.runs = Runs(database, clock, chain)
        self.processes = Processes(database, clock)
        self.tasks = Tasks(database, clock, chain)
        self.calls = ToolCalls(database, clock, chain)
        self.effects = Effects(database, clock, chain)
        self.audit = Audit(database, clock, chain)
        self.spend = Spend(database, clock)
        self.budgets = Budgets(database, clock)
        self.approvals = Approvals(database, clock, chain)
        self.proposals = Proposals(database, clock)
        self.exchanges = Exchanges(database, clock)
        self.answers = Answers(database, clock)
        self.files = Files(database, clock)
        self.flows = Flows(database, clock)
        self._together = _Together(database, clock)
        self.later = Later(self.commit, self.spend.has)
        """For calls that may not be lost when they cannot be booked at once."""

    async def commit(self, *statements: Statement) -> None:
        """Write what several repositories have prepared, in one transaction: all of it or nothing.

        Raises:
            LedgerUnavailable: it cannot be written.
        """
        await self._together.commit(*statements)


@asynccontextmanager
async def open_ledger(url: str, clock: Clock = time.time) -> AsyncIterator[Ledger]:
    """Open the ledger at a database URL, SQLite or PostgreSQL; on first use create its tables.

    Raises:
        LedgerUnavailable: the URL is none, the database cannot be reached or written, a newer
            release made its tables, or the key of the audit cannot be read.
        ConfigError: a setting has a value that cannot be used.
    """
    address = parse(url)
    database = Served(address) if address.dialect == "postgresql" else Embedded(address)
    try:
        await prepare(database)
        # In a thread: nothing may block the event loop.
        key = await asyncio.to_thread(key_for, address)
        chain = Chain(address.dialect, key, clock)
        ledger = Ledger(database, chain, clock)
        await ledger.audit.claim()
        try:
            yield ledger
        finally:
            await ledger.later.flush()
    finally:
        await database.close()
