"""Text of people and models as a column that every database takes."""

from __future__ import annotations

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator


class Words(TypeDecorator[str]):
    """Any Python string. What no UTF-8 text of a database may hold becomes a replacement mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


def storable(value: str) -> str:
    """The text as every database takes it."""
    if value.isascii() and "\0" not in value:
        return value
    # Half of a surrogate pair has no UTF-8 form; PostgreSQL takes no NUL.
    return value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
