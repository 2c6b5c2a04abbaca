"""Where LangGraph keeps the steps of a run, so that a killed process can go on from the last one.

One SQLite file, the same for the command line and the dev server; `langgraph.json` names
`for_server`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from runtime.errors import OperatorError
from runtime.settings import load

_OF_RUN = "json_extract(CAST(metadata AS TEXT), '$.run_id') = ?"


class Checkpoints(AsyncSqliteSaver):
    """SQLite checkpoints with the clean-ups that the LangGraph server asks for."""

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Forget the steps of runs of the server that were rolled back."""
        await self.setup()
        async with self.lock:
            for run in run_ids:
                await self.conn.execute(
                    "DELETE FROM writes WHERE (thread_id, checkpoint_ns, checkpoint_id) IN"
                    f" (SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints"
                    f" WHERE {_OF_RUN})",
                    (str(run),),
                )
                await self.conn.execute(f"DELETE FROM checkpoints WHERE {_OF_RUN}", (str(run),))
            await self.conn.commit()

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep only the latest step of each thread, or none of it (`delete_all`)."""
        for thread in map(str, thread_ids):
            if strategy == "delete_all":
                await self.adelete_thread(thread)
            else:
                await self._keep_latest(thread)

    async def _keep_latest(self, thread: str) -> None:
        await self.setup()
        async with self.lock:
            for table in ("writes", "checkpoints"):
                await self.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id <"
                    " (SELECT max(checkpoint_id) FROM checkpoints AS latest WHERE"
                    f" latest.thread_id = {table}.thread_id"
                    f" AND latest.checkpoint_ns = {table}.checkpoint_ns)",
                    (thread,),
                )
            await self.conn.commit()


@asynccontextmanager
async def open_checkpoints(file: Path) -> AsyncIterator[Checkpoints]:
    """The checkpoints of a file, which is created on first use.

    Raises:
        OperatorError: the file cannot be opened or written.
    """
    try:
        _make_room(file)
        connection = await aiosqlite.connect(file, timeout=30)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(file, error) from error
    try:
        checkpoints = Checkpoints(connection)
        try:
            # NORMAL survives the kill of a process; FULL costs 2 to 10 times as much under load.
            await connection.execute("PRAGMA synchronous=NORMAL")
            await checkpoints.setup()
        except sqlite3.Error as error:
            raise _unusable(file, error) from error
        yield checkpoints
    finally:
        await connection.close()


def _make_room(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)


def _unusable(file: Path, error: Exception) -> OperatorError:
    return OperatorError(
        f"The checkpoints at {file} cannot be opened: {error}.",
        remedy="Check SWITCHYARD_HOME and the free space on the disk.",
    )


@asynccontextmanager
async def for_server() -> AsyncIterator[Checkpoints]:
    """The checkpoints of this installation, as the LangGraph server opens them."""
    async with open_checkpoints(load().checkpoints) as checkpoints:
        yield checkpoints
