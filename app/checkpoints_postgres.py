"""Checkpoints in a PostgreSQL database, shared by every process that serves the installation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, Error
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ledger.address import Address
from runtime.errors import OperatorError

_CONNECTIONS = 4
_CONNECT_SECONDS = 10
_TURN_SECONDS = 60
# Any number: those who create the tables of the same database take turns by it.
_TURN = 7_382_916
_OF_RUNS = "metadata ->> 'run_id' = ANY(%(runs)s)"


class ServedCheckpoints(AsyncPostgresSaver):
    """PostgreSQL checkpoints with the clean-ups that the LangGraph server asks for."""

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Forget the steps of runs of the server that were rolled back."""
        runs = {"runs": [str(run) for run in run_ids]}
        async with self._cursor() as cursor, cursor.connection.transaction():
            await cursor.execute(
                "DELETE FROM checkpoint_writes WHERE (thread_id, checkpoint_ns, checkpoint_id) IN"
                f" (SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints"
                f" WHERE {_OF_RUNS})",
                runs,
            )
            await cursor.execute(f"DELETE FROM checkpoints WHERE {_OF_RUNS}", runs)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep only the latest step of each thread, or none of it (`delete_all`, `delete`)."""
        known = "delete" if strategy == "delete_all" else strategy
        await super().aprune(thread_ids, strategy=known)


@asynccontextmanager
async def open_served(address: Address) -> AsyncIterator[ServedCheckpoints]:
    """The checkpoints of a database; their tables are created on first use.

    Raises:
        OperatorError: the database cannot be reached or written.
    """
    terms: dict[str, Any] = {
        "autocommit": True,
        "prepare_threshold": 0,
        "row_factory": dict_row,
        "connect_timeout": _CONNECT_SECONDS,
    }
    try:
        await _create_tables(address, terms)
    except (Error, OSError) as error:
        raise _unusable(address, error) from error
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        address.conninfo,
        kwargs=terms,
        min_size=1,
        max_size=_CONNECTIONS,
        # One that died while nobody used it is replaced before a step is written.
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=_CONNECT_SECONDS)
    except PoolTimeout as error:
        await pool.close()
        raise _unusable(address, error) from error
    try:
        yield ServedCheckpoints(pool)
    finally:
        await pool.close()


async def _create_tables(address: Address, terms: dict[str, Any]) -> None:
    async with await AsyncConnection.connect(address.conninfo, **terms) as connection:
        async with asyncio.timeout(_TURN_SECONDS):
            # Not the lock that waits: an index that is built concurrently would wait for those
            # who wait for it.
            while not await _has_turn(connection):  # noqa: ASYNC110 - held by another process
                await asyncio.sleep(0.05)
            await ServedCheckpoints(connection).setup()


async def _has_turn(connection: AsyncConnection[DictRow]) -> bool:
    """Whether the lock is ours now. It is given back when the connection closes."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS ours", (_TURN,))
    row = await cursor.fetchone()
    return bool(row and row["ours"])


def _unusable(address: Address, error: Exception) -> OperatorError:
    told = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return OperatorError(
        f"The checkpoints ({address.shown}) cannot be opened: {told}.", remedy=address.remedy
    )
