"""Opens the ledger and hands out its repositories: the one place that knows the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ledger import schema
from ledger.approvals import Approvals
from ledger.budget import Budgets
from ledger.calls import Effects, ToolCalls
from ledger.exchanges import Exchanges
from ledger.runs import Runs
from ledger.spend import Spend
from ledger.tasks import Tasks
from runtime.errors import LedgerUnavailable

Clock = Callable[[], float]


class Ledger:
    """All repositories over one database. What is committed here is what happened."""

    def __init__(self, engine: AsyncEngine, clock: Clock = time.time) -> None:
        self.runs = Runs(engine, clock)
        self.tasks = Tasks(engine, clock)
        self.calls = ToolCalls(engine, clock)
        self.effects = Effects(engine, clock)
        self.spend = Spend(engine, clock)
        self.budgets = Budgets(engine)
        self.approvals = Approvals(engine, clock)
        self.exchanges = Exchanges(engine, clock)


@asynccontextmanager
async def open_ledger(url: str, clock: Clock = time.time) -> AsyncIterator[Ledger]:
    """Open (and on first use create) the ledger at a SQLAlchemy async URL.

    Raises:
        LedgerUnavailable: the database cannot be reached or its file cannot be written.
    """
    engine = _engine(url)
    try:
        await asyncio.to_thread(_make_room, url)
        async with engine.begin() as connection:
            await connection.run_sync(schema.metadata.create_all)
    except (SQLAlchemyError, OSError) as error:
        await engine.dispose()
        raise LedgerUnavailable(
            f"The ledger at {make_url(url).render_as_string()} cannot be opened: {error}",
            remedy="Check SWITCHYARD_LEDGER_URL, SWITCHYARD_HOME and the free space on the disk.",
        ) from error
    try:
        yield Ledger(engine, clock)
    finally:
        await engine.dispose()


def _make_room(url: str) -> None:
    """Create the folder of a SQLite file."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)


def _engine(url: str) -> AsyncEngine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(url)
    engine = create_async_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine.sync_engine, "connect")
    def _tune(connection, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        cursor = connection.cursor()
        # NORMAL survives the kill of a process; FULL costs 2 to 10 times as much under load.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine
