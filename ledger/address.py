"""Where the ledger is kept, read from one URL. Nothing made of it for people shows the password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from runtime.errors import LedgerUnavailable

Dialect = Literal["sqlite", "postgresql"]

_FORM = (
    "Write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE or sqlite:////absolute/file;"
    " in a password write %40 for @, %3A for :, %2F for /, %3F for ? and %25 for %."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One database. `url` carries the driver that we use for it."""

    dialect: Dialect
    url: URL = field(repr=False)

    @property
    def shown(self) -> str:
        """The place in words that may be logged: no user, no password, no options."""
        if self.dialect == "sqlite":
            return self.url.database or "memory"
        host = self.url.host or self.url.query.get("host") or "the local socket"
        port = f":{self.url.port}" if self.url.port else ""
        return f"PostgreSQL, {host}{port}, database {self.url.database!r}"

    @property
    def remedy(self) -> str:
        """What an operator checks when the database does not do what it should."""
        if self.dialect == "sqlite":
            return "Check SWITCHYARD_LEDGER_URL, SWITCHYARD_HOME and the free space on the disk."
        return "Check SWITCHYARD_LEDGER_URL, and that the database answers there."

    @property
    def conninfo(self) -> str:
        """The address in the form that psycopg takes. It holds the password: never show it."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)


def parse(url: str) -> Address:
    """Read a database URL.

    Raises:
        LedgerUnavailable: it is none, or of a database that the ledger does not run on.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # No `from`: what the parser says may quote a piece of the password.
        raise _unreadable("it is no database URL") from None
    match parsed.get_backend_name():
        case "sqlite":
            return Address(dialect="sqlite", url=parsed.set(drivername="sqlite"))
        case "postgresql" | "postgres":
            if "@" in f"{parsed.username}{parsed.host}{parsed.database}":
                # Such a name is what is left of a password that was cut at the wrong place.
                raise _unreadable("an @ stands where none may be")
            return Address(dialect="postgresql", url=parsed.set(drivername="postgresql+psycopg"))
        case other:
            raise _unreadable(f"the ledger does not run on {other!r}")


def _unreadable(reason: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"SWITCHYARD_LEDGER_URL cannot be used: {reason} (its value may hold a password and is"
        " not shown).",
        remedy=_FORM,
    )
