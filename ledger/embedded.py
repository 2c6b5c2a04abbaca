"""The ledger in a SQLite file, reached from one thread.

SQLite takes one writer at a time and needs microseconds for a statement; what costs is the way
from the event loop to a thread and back. So a whole transaction goes there at once.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError

from ledger.address import Address
from ledger.content import written
from ledger.database import PATIENCE, Work
from ledger.worker import Worker

T = TypeVar("T")
_ENDED = "what was to be done as one ended its transaction in the middle"


class Embedded:
    """A SQLite file, or memory. The file and its folder are created on first use."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._worker = Worker("ledger")
        self._connection: Connection | None = None

    async def run(self, work: Work[T], *, atomic: bool) -> T:
        return await self._worker.run(lambda: self._transact(work, atomic))

    async def close(self) -> None:
        await self._worker.run(self._disconnect)
        self._worker.stop()

    def _transact(self, work: Work[T], atomic: bool) -> T:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        # By the driver's own hand, which is the cheapest; SQLAlchemy's begins with its first
        # statement, if work has one, and sends nothing then.
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection), "a connection of SQLite's driver"
        try:
            if atomic:
                # IMMEDIATE: a lock that is taken half way fails at once instead of waiting.
                _do(driver, "BEGIN IMMEDIATE")
            done = work(connection)
            if driver.in_transaction:
                _do(driver, "COMMIT")
            elif atomic:
                # Part of it stands by itself, or nothing of it: not what was asked for.
                raise OperationalError("COMMIT", None, sqlite3.Error(_ENDED))
            connection.commit()
        except BaseException:
            try:
                if driver.in_transaction:
                    _do(driver, "ROLLBACK")
            finally:
                connection.rollback()
            raise
        return done

    def _connect(self) -> Connection:
        file = self.address.url.database
        if file and file != ":memory:" and not file.startswith("file:"):
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            self.address.url,
            # The driver begins no transaction by itself: ours begin where it is said.
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": PATIENCE},
            hide_parameters=True,
            # Also of an INSERT: it tells whether a row was there.
            execution_options={"preserve_rowcount": True},
            json_serializer=written,
        )
        connection = engine.connect()
        try:
            _write_ahead(connection)
            # NORMAL survives the kill of a process; FULL costs 2 to 10 times as much under load.
            connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
            connection.commit()
        except BaseException:
            connection.close()
            engine.dispose()
            raise
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()
            self._connection = None


def _do(driver: sqlite3.Connection, statement: str) -> None:
    try:
        driver.execute(statement)
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error


def _write_ahead(connection: Connection) -> None:
    """Turn on the write-ahead log. Of two processes that do so at once in a new file, SQLite turns
    one away without waiting, since each has what the other one needs."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
