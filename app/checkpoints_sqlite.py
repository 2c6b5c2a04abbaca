"""Checkpoints in one SQLite file, the same for the command line and the dev server."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from ledger.worker import Worker
from runtime.errors import OperatorError

_OF_RUN = "json_extract(CAST(metadata AS TEXT), '$.run_id') = ?"


class EmbeddedCheckpoints(AsyncSqliteSaver):
    """SQLite checkpoints with the clean-ups that the LangGraph server asks for.

    What each step of each task does goes to the library's synchronous saver in a thread of its
    own, all at once: the asynchronous one crosses between threads for every statement.
    """

    def __init__(
        self, connection: aiosqlite.Connection, steps: SqliteSaver, worker: Worker
    ) -> None:
        super().__init__(connection)
        self._steps = steps
        self._worker = worker

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a step; committed when this returns."""
        return await self._worker.run(
            lambda: self._steps.put(config, checkpoint, metadata, new_versions)
        )

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what a task of a step wrote; committed when this returns."""
        await self._worker.run(lambda: self._steps.put_writes(config, writes, task_id, task_path))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The step that `config` names, or the latest one of its place."""
        return await self._worker.run(lambda: self._steps.get_tuple(config))

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
        """Keep only the latest step of each thread, or none of it (`delete_all`, `delete`)."""
        for thread in map(str, thread_ids):
            if strategy in ("delete_all", "delete"):
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
async def open_embedded(file: Path) -> AsyncIterator[EmbeddedCheckpoints]:
    """The checkpoints of a file, which is created on first use.

    Raises:
        OperatorError: the file cannot be opened or written.
    """
    try:
        await asyncio.to_thread(_make_room, file)
        connection = await aiosqlite.connect(file, timeout=30)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(file, error) from error
    worker = Worker("checkpoints")
    try:
        try:
            # NORMAL survives the kill of a process; FULL costs 2 to 10 times as much under load.
            await connection.execute("PRAGMA synchronous=NORMAL")
            steps = await worker.run(lambda: _steps(file))
            checkpoints = EmbeddedCheckpoints(connection, steps, worker)
            await checkpoints.setup()
        except sqlite3.Error as error:
            raise _unusable(file, error) from error
        try:
            yield checkpoints
        finally:
            await worker.run(steps.conn.close)
    finally:
        worker.stop()
        await connection.close()


def _steps(file: Path) -> SqliteSaver:
    """The library's saver over a connection of the thread that this runs in."""
    connection = sqlite3.connect(file, timeout=30)
    connection.execute("PRAGMA synchronous=NORMAL")
    saver = SqliteSaver(connection)
    saver.setup()
    return saver


def _make_room(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)


def _unusable(file: Path, error: Exception) -> OperatorError:
    return OperatorError(
        f"The checkpoints at {file} cannot be opened: {error}.",
        remedy="Check SWITCHYARD_HOME and the free space on the disk.",
    )
