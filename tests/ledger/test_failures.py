"""A database that fails after it was opened: our error, the operation, and nothing half done."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from ledger import embedded
from ledger.budget import Amount
from ledger.store import Ledger, open_ledger
from runtime.errors import LedgerUnavailable
from tests.ledger.conftest import Clock
from tests.ledger.postgres import server
from tests.ledger.rows import CONTEXT, RUN, accept, call, pay, start


async def test_an_error_of_the_database_is_ours_and_names_the_operation(
    ledger: Ledger, clock: Clock
) -> None:
    await pay(ledger, "m1")
    with pytest.raises(LedgerUnavailable, match="could not write model_calls, totals") as caught:
        await pay(ledger, "m1", tokens=1234567)
    assert "1234567" not in str(caught.value)
    assert "INSERT" not in str(caught.value)
    # The sums were part of the same transaction.
    assert (await ledger.spend.total(RUN)).calls == 1


async def test_a_full_disk_ends_the_operation_and_leaves_what_was_recorded(tmp_path: Path) -> None:
    async with open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
        await accept(ledger, "d1/a", {"n": 1})
        pages = await limit_pages(ledger)
        with pytest.raises(LedgerUnavailable, match="could not write results, tasks") as caught:
            await accept(ledger, "d1/b", {"n": "x" * pages * 8192})
        assert "disk is full" in caught.value.message
        assert "free space" in caught.value.remedy
        assert [row.task for row in await ledger.tasks.states(RUN)] == ["d1/a"]
        await accept(ledger, "d1/c", {"n": 2})
        assert [row.task for row in await ledger.tasks.results_of(RUN)] == ["d1/a", "d1/c"]


async def limit_pages(ledger: Ledger) -> int:
    """From here on the file grows by 20 pages at most; what SQLite says then is "disk is full"."""

    def limit(connection: Connection) -> int:
        now = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        connection.exec_driver_sql(f"PRAGMA max_page_count = {now + 20}")
        return now

    return await ledger.tasks._database.run(limit, atomic=False)


async def test_a_short_lock_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "l.sqlite"
    async with open_ledger(f"sqlite:///{file}") as ledger:
        with closing(sqlite3.connect(file, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(accept(ledger, "d1/a", {"n": 1}))
            done, _ = await asyncio.wait({writing}, timeout=0.3)
            assert not done
            another.execute("COMMIT")
            await asyncio.wait_for(writing, 30)
        assert await ledger.tasks.result(RUN, "d1/a", "h", 1) is not None


async def test_a_lock_that_is_never_given_back_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "PATIENCE", 0.2)
    file = tmp_path / "l.sqlite"
    async with open_ledger(f"sqlite:///{file}") as ledger:
        with closing(sqlite3.connect(file, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailable, match=r"could not reserve a budget.*locked"):
                await ledger.budgets.reserve((RUN,), Amount(dollars=0.1))
        await accept(ledger, "d1/a", {"n": 1})


async def test_a_connection_that_is_lost_in_the_middle_fails_its_operation_alone() -> None:
    with server().database() as url:
        async with open_ledger(url) as ledger:
            cut = asyncio.create_task(ledger.budgets._atomic("wait", wait_for_ever))
            await asyncio.to_thread(end_connections, url, busy=True)
            with pytest.raises(LedgerUnavailable, match="could not wait"):
                await asyncio.wait_for(cut, 30)
            await call(ledger, "c1")
            assert [row.id for row in await ledger.calls.of_run(RUN)] == ["c1"]


async def test_connections_that_were_lost_while_nobody_used_them_are_replaced() -> None:
    with server().database() as url:
        async with open_ledger(url) as ledger:
            await start(ledger)
            await asyncio.to_thread(end_connections, url, busy=False)
            await call(ledger, "c1")
            assert [row.id for row in await ledger.calls.of_run(RUN)] == ["c1"]


def wait_for_ever(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT pg_sleep(300)")


def end_connections(url: str, *, busy: bool) -> None:
    """As a restart of the server does; `busy`: once somebody is in the middle of a statement."""
    sleeping = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)%'"
        " AND state = 'active' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as admin:
        while busy and not admin.execute(sleeping).fetchall():
            pass
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_a_caller_that_gives_up_leaves_the_ledger_usable(ledger: Ledger) -> None:
    await start(ledger)
    for _ in range(20):
        writing = asyncio.create_task(accept(ledger, "d1/a", {"n": 1}))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait({writing}, timeout=30)
    await ledger.budgets.open(RUN, 1.0)
    await ledger.budgets.reserve((RUN,), Amount(dollars=0.5))
    await call(ledger, "c1", CONTEXT)
    budget = await ledger.budgets.get(RUN)
    assert budget is not None
    assert budget.reserved == 0.5


async def test_an_error_of_work_undoes_it_and_comes_out_as_it_was(ledger: Ledger) -> None:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO budgets (scope, ceiling, reserved, spent) VALUES ('r1', 1, 0, 0)"
        )
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await ledger.budgets._atomic("test", work)
    assert await ledger.budgets.get(RUN) is None


async def test_work_that_ends_its_own_transaction_is_told(tmp_path: Path) -> None:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql("COMMIT")

    async with open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        with pytest.raises(LedgerUnavailable, match="ended its transaction in the middle"):
            await ledger.budgets._atomic("test", work)
        await start(ledger)
        assert await ledger.runs.get(RUN) is not None
