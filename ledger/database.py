"""What the repositories need of a database: to run a piece of work in one transaction.

Work is plain SQLAlchemy Core on a connection, so that a transaction is handed over as a whole:
to the thread of SQLite, or to a connection of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from ledger.address import Address

T = TypeVar("T")
Work = Callable[[Connection], T]

PATIENCE = 30.0
"""Seconds that an operation waits for a lock or for an answer before it fails."""


class Database(Protocol):
    """One open database. Two are real: `Embedded` on SQLite and `Served` by PostgreSQL."""

    address: Address

    async def run(self, work: Work[T], *, atomic: bool) -> T:
        """Run `work` and commit what it wrote; with an exception nothing of it stays.

        Without `atomic` every statement is a transaction of its own, which is cheaper where there
        is one. `work` reads its results before it returns; it is never run twice.

        Raises:
            SQLAlchemyError: the database refused, or the connection was lost.
            TimeoutError: the database did not answer.
            OSError: its place cannot be reached.
        """

    async def close(self) -> None: ...
