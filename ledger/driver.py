"""Statements in the words of the database's driver, for what every tool call writes.

By SQLAlchemy's own way a statement costs ten times what SQLite needs for it. Here are only the few
on the hot path; everything else is plain SQLAlchemy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ledger.address import Dialect
from runtime.canonical import Json


def in_words_of(dialect: Dialect, statement: str) -> str:
    """A statement with `?` for its values, as this database's driver takes it."""
    return statement.replace("?", "%s") if dialect == "postgresql" else statement


def json_of(value: object) -> Json:
    """A JSON column as the driver gives it: SQLite's as text, PostgreSQL's read already."""
    return json.loads(value) if isinstance(value, str) else value


class Cursor:
    """Runs statements on a connection, within its transaction. Close it by `with`."""

    def __init__(self, connection: Connection) -> None:
        self._error = connection.dialect.loaded_dbapi.Error
        self._cursor: Any = connection.connection.cursor()

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *raised: object) -> None:
        self._cursor.close()

    def run(self, statement: str, values: Sequence[object]) -> int:
        """Run a statement that returns nothing; how many rows it changed.

        Raises:
            OperationalError: the database refused.
        """
        try:
            self._cursor.execute(statement, values)
        except self._error as error:
            raise OperationalError(statement, None, error) from error
        return int(self._cursor.rowcount)

    def first(self, statement: str, values: Sequence[object]) -> Sequence[Any] | None:
        """The first row that a statement returns.

        Raises:
            OperationalError: the database refused.
        """
        try:
            self._cursor.execute(statement, values)
            row: Sequence[Any] | None = self._cursor.fetchone()
        except self._error as error:
            raise OperationalError(statement, None, error) from error
        return row

    def all(self, statement: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        """Every row that a statement returns.

        Raises:
            OperationalError: the database refused.
        """
        try:
            self._cursor.execute(statement, values)
            rows: Sequence[Sequence[Any]] = self._cursor.fetchall()
        except self._error as error:
            raise OperationalError(statement, None, error) from error
        return rows
