"""Brings the tables of a database up to those of this release, whatever made them.

Only additions are made, so the data stays, and so does an older process that is still running.
"""

from __future__ import annotations

import json
from functools import partial

from sqlalchemy import Connection, Table, func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from ledger.address import Dialect
from ledger.budget_rows import UNNAMED
from ledger.database import Database
from ledger.repository import overwrite, unavailable
from ledger.schema import VERSION, budgets, meta, metadata, model_calls, reservations, totals
from runtime.errors import LedgerUnavailable

_KEY = "schema"
# Any number: those who migrate the same database take turns by it.
_TURN = 7_382_915
_RESERVATIONS_SINCE = 5
"""The version from which on every reservation has a row of its own."""


async def prepare(database: Database) -> None:
    """Create the tables, or add what an older release did not have. Safe in parallel.

    Raises:
        LedgerUnavailable: the database cannot be read or written, or a newer release made it.
    """
    try:
        found = await database.run(_version, atomic=False)
        if found < VERSION:
            found = await database.run(partial(_migrate, database.address.dialect), atomic=True)
    except (SQLAlchemyError, OSError) as error:
        raise unavailable("cannot be opened", database.address, error) from error
    if found > VERSION:
        raise LedgerUnavailable(
            f"The ledger ({database.address.shown}) has schema version {found}; this release of"
            f" Switchyard knows versions up to {VERSION}.",
            remedy="Install the release that made it, or a later one; or let SWITCHYARD_LEDGER_URL"
            " or SWITCHYARD_HOME name another place.",
        )


def _version(connection: Connection) -> int:
    """The version on record; 0 where none is, in an old database or an empty one."""
    if not inspect(connection).has_table(meta.name):
        return 0
    value = connection.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar()
    return int(value) if value is not None else 0


def _migrate(dialect: Dialect, connection: Connection) -> int:
    if dialect == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_TURN)))
    found = _version(connection)
    if found >= VERSION:
        # Another process was faster.
        return found
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        _complete(connection, table)
    _count_spend(connection)
    if found < _RESERVATIONS_SINCE:
        _name_reservations(connection)
    statement = overwrite(dialect, meta, ("key", "value"))
    connection.execute(statement, {"key": _KEY, "value": str(VERSION)})
    return VERSION


def _complete(connection: Connection, table: Table) -> None:
    """Add the columns and indexes that a table lacks."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    name = connection.dialect.identifier_preparer.format_table(table)
    for column in table.columns:
        if column.name not in there:
            form = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {form}")
    for index in table.indexes:
        index.create(connection, checkfirst=True)


def _count_spend(connection: Connection) -> None:
    """Sums of the runs that were recorded before there were any."""
    calls = model_calls.c
    sums = select(
        calls.run,
        func.count(),
        func.sum(calls.prompt_tokens),
        func.sum(calls.completion_tokens),
        func.sum(calls.cost),
    )
    unknown = calls.run.not_in(select(totals.c.run))
    columns = ["run", "calls", "prompt_tokens", "completion_tokens", "cost"]
    connection.execute(insert(totals).from_select(columns, sums.where(unknown).group_by(calls.run)))


def _name_reservations(connection: Connection) -> None:
    """A row for what was set aside in each scope before reservations had rows of their own.

    Nobody settles it by that row: what is left of it when its run is taken over or closed is booked
    as spent then. A process of the older release that lived on has settled what was its own.
    """
    columns = (budgets.c.scope, budgets.c.reserved)
    for scope, reserved in connection.execute(select(*columns).where(budgets.c.reserved > 0)).all():
        connection.execute(
            insert(reservations).values(
                id=f"{UNNAMED}{scope}",
                run=scope.partition(":")[0],
                scopes=json.dumps([scope]),
                dollars=reserved,
                tokens=0,
                at=0.0,
            )
        )
