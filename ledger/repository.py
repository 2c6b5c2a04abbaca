"""What every repository shares: a database, a clock, and the ways to read and to write.

The one edge between the database's errors and ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from sqlalchemy import Connection, Delete, Executable, Insert, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger.address import Address, Dialect
from ledger.database import Database, Work
from runtime.errors import LedgerUnavailable

T = TypeVar("T")
Values = Mapping[str, object] | Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Several statements of which one depends on what another one found."""

    writes: str
    """The tables, for the error when they cannot be written."""
    work: Work[None]


Statement = Executable | tuple[Executable, Values] | Step
"""With values of its own it can be built once and for all, which is half of what a call costs."""


class Repository:
    """Base of the repositories. Each method is one transaction, committed before it returns.

    Every method of every repository may raise `LedgerUnavailable`: then nothing of it is recorded,
    except where the connection was lost during the commit; only reading tells.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    @property
    def _dialect(self) -> Dialect:
        return self._database.address.dialect

    async def _write(self, *statements: Statement) -> int:
        """Run the statements in one transaction; the row count of the last one, without steps."""

        if not statements:
            return 0

        def work(connection: Connection) -> int:
            count = 0
            for statement in statements:
                if isinstance(statement, Step):
                    statement.work(connection)
                    continue
                plain, values = _parts(statement)
                count = connection.execute(plain, values).rowcount
            return count

        return await self._run(work, lambda: _naming(statements), atomic=_several(statements))

    async def _all(
        self, statement: Executable, values: Mapping[str, object] | None = None
    ) -> Sequence[RowMapping]:
        def work(connection: Connection) -> Sequence[RowMapping]:
            return connection.execute(statement, values).mappings().all()

        return await self._run(work, self._reading, atomic=False)

    async def _first(
        self, statement: Executable, values: Mapping[str, object] | None = None
    ) -> RowMapping | None:
        def work(connection: Connection) -> RowMapping | None:
            return connection.execute(statement, values).mappings().first()

        return await self._run(work, self._reading, atomic=False)

    async def _atomic(self, operation: str, work: Work[T]) -> T:
        """Run several steps that depend on each other in one transaction.

        On SQLite nobody else writes meanwhile; on PostgreSQL `work` locks the rows it decides by.
        What `work` raises undoes it and comes out as it is.
        """
        return await self._run(work, lambda: operation, atomic=True)

    async def _run(self, work: Work[T], operation: Callable[[], str], *, atomic: bool) -> T:
        try:
            return await self._database.run(work, atomic=atomic)
        except (SQLAlchemyError, OSError) as error:
            address = self._database.address
            raise unavailable(f"could not {operation()}", address, error) from error

    def _reading(self) -> str:
        return f"read {type(self).__name__.lower()}"

    def _insert_or_keep(self, table: Table, **values: object) -> Insert:
        """Insert a row; an existing row of the same key stays as it is."""
        return keep(self._dialect, table).values(**values)

    def _insert_or_update(self, table: Table, **values: object) -> Insert:
        """Insert a row, or overwrite the row of the same key."""
        return overwrite(self._dialect, table, tuple(values)).values(**values)


@cache
def keep(dialect: Dialect, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Insert a row; an existing row of the same key stays as it is. Takes the values when run."""
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def overwrite(
    dialect: Dialect, table: Table, columns: tuple[str, ...]
) -> sqlite.Insert | postgresql.Insert:
    """Insert a row, or overwrite these columns of the row of the same key."""
    insert = insert_into(dialect, table)
    keys = [column.name for column in table.primary_key]
    rest = {name: insert.excluded[name] for name in columns if name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)


def insert_into(dialect: Dialect, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what becomes of a row that is there already."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def unavailable(what: str, address: Address, error: Exception) -> LedgerUnavailable:
    """The error of a database in our words: without SQL, values, user and password."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    told = str(reason).strip().partition("\n")[0].rstrip(".") or type(reason).__name__
    if isinstance(error, TimeoutError):
        told = "it did not answer in time"
    return LedgerUnavailable(f"The ledger ({address.shown}) {what}: {told}.", remedy=address.remedy)


def _parts(statement: Executable | tuple[Executable, Values]) -> tuple[Executable, Values | None]:
    return statement if isinstance(statement, tuple) else (statement, None)


def _several(statements: Sequence[Statement]) -> bool:
    """Whether more than one row set is written: several statements, or one with several values."""
    return len(statements) > 1 or any(
        isinstance(statement, Step) or isinstance(_parts(statement)[1], list | tuple)
        for statement in statements
    )


def _naming(statements: Sequence[Statement]) -> str:
    tables = []
    for statement in statements:
        if isinstance(statement, Step):
            tables.append(statement.writes)
        elif isinstance(plain := _parts(statement)[0], Insert | Update | Delete):
            tables.append(str(plain.table))
    return "write " + ", ".join(dict.fromkeys(tables))
