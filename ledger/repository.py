"""What every repository shares: an engine, a clock, and three ways to speak to the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Executable, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine


class Repository:
    """Base of the repositories. Each method is one transaction, committed before it returns."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    async def _write(self, *statements: Executable) -> int:
        """Run the statements in one transaction; the row count of the last one."""
        count = 0
        async with self._engine.begin() as connection:
            for statement in statements:
                count = (await connection.execute(statement)).rowcount
        return count

    async def _all(self, statement: Executable) -> Sequence[RowMapping]:
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).mappings().all()

    async def _first(self, statement: Executable) -> RowMapping | None:
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).mappings().first()

    def _insert_or_keep(self, table: Table, **values: object) -> Insert:
        """Insert a row; an existing row of the same key stays as it is."""
        return self._dialect_insert(table).values(**values).on_conflict_do_nothing()

    def _insert_or_update(self, table: Table, **values: object) -> Insert:
        """Insert a row, or overwrite the row of the same key."""
        insert = self._dialect_insert(table).values(**values)
        keys = [column.name for column in table.primary_key]
        rest = {name: value for name, value in values.items() if name not in keys}
        return insert.on_conflict_do_update(index_elements=keys, set_=rest)

    def _dialect_insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)
