"""The SQLite file behind the CRM server: its schema, and how it comes into being."""

import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from tools.servers.crm.generate import sample_data
from tools.servers.crm.rows import CustomerRow, ItemRow, OrderRow, TicketRow
from tools.servers.errors import BadSetup

VARIABLE = "SWITCHYARD_CRM_DB"
_VERSION = 1

_SCHEMA = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, salutation TEXT NOT NULL, "
    "pronouns TEXT NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL, company TEXT, "
    "email TEXT NOT NULL UNIQUE, phone TEXT, city TEXT NOT NULL, country TEXT NOT NULL, "
    "country_code TEXT NOT NULL, currency TEXT NOT NULL, segment TEXT NOT NULL, "
    "created_at TEXT NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, "
    "customer_id INTEGER NOT NULL REFERENCES customers, placed_at TEXT NOT NULL, "
    "status TEXT NOT NULL, currency TEXT NOT NULL, shipping_minor INTEGER NOT NULL, "
    "total_minor INTEGER NOT NULL, shipped_at TEXT, delivered_at TEXT, tracking TEXT)",
    "CREATE TABLE items (order_id INTEGER NOT NULL REFERENCES orders, position INTEGER NOT NULL, "
    "sku TEXT NOT NULL, name TEXT NOT NULL, quantity INTEGER NOT NULL, "
    "unit_minor INTEGER NOT NULL, PRIMARY KEY (order_id, position))",
    "CREATE TABLE tickets (id INTEGER PRIMARY KEY, "
    "customer_id INTEGER NOT NULL REFERENCES customers, order_id INTEGER REFERENCES orders, "
    "subject TEXT NOT NULL, body TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, "
    "channel TEXT NOT NULL, incident TEXT, opened_at TEXT NOT NULL, resolved_at TEXT, "
    "resolution TEXT)",
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, "
    "customer_id INTEGER NOT NULL REFERENCES customers, text TEXT NOT NULL, "
    "idempotency_key TEXT UNIQUE, created_at TEXT NOT NULL)",
    "CREATE INDEX orders_by_customer ON orders (customer_id, placed_at)",
    "CREATE INDEX tickets_by_customer ON tickets (customer_id, opened_at)",
    "CREATE INDEX tickets_by_incident ON tickets (incident, opened_at)",
)

Row = CustomerRow | OrderRow | ItemRow | TicketRow


def prepare(path: Path) -> None:
    """Make the file with its sample data, unless it is there already.

    Two servers may start at once: one of them fills the file, the other waits and finds it full.

    Raises:
        BadSetup: the file cannot be opened, is no CRM database, or has another version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            _fill(connection, path)
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        remedy = "Name a file that can be read and written, or a new one"
        raise BadSetup(VARIABLE, str(path), str(error), remedy) from error


def _fill(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version == _VERSION:
        return
    if version or tables:
        problem = f"the file has version {version} and {tables} tables of its own"
        raise BadSetup(VARIABLE, str(path), problem, "Remove it or name another file")
    for statement in _SCHEMA:
        connection.execute(statement)
    data = sample_data()
    _insert(connection, "customers", data.customers)
    _insert(connection, "orders", data.orders)
    _insert(connection, "items", data.items)
    _insert(connection, "tickets", data.tickets)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    columns = list(asdict(rows[0]))
    places = ", ".join(f":{column}" for column in columns)
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
    connection.executemany(statement, [asdict(row) for row in rows])


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own for one call; commits at the end, rolls back on an error."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.create_function("folded", 1, folded, deterministic=True)
        with connection:
            yield connection


def folded(text: str | None) -> str:
    """`text` without case and accents, so that "oberg" finds "Öberg"."""
    letters = unicodedata.normalize("NFKD", (text or "").casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
