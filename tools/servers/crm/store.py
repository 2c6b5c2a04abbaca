"""Questions to the CRM database, answered with the records that the tools return."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from tools.servers.crm.database import connected, folded
from tools.servers.crm.records import (
    Contact,
    Customer,
    CustomerMatches,
    Item,
    Note,
    NoteAdded,
    Order,
    OrderList,
    Ticket,
    TicketList,
)
from tools.servers.errors import BadArgument

_SEARCHED = (
    "folded(first_name || ' ' || last_name || ' ' || coalesce(company, '') || ' ' || email "
    "|| ' ' || city || ' ' || country)"
)
_TICKETS = (
    "SELECT t.*, c.first_name || ' ' || c.last_name AS customer_name "
    "FROM tickets t JOIN customers c ON c.id = t.customer_id"
)


class Crm:
    """The CRM in one SQLite file; every method opens its own connection and may run in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def customer(self, customer_id: int) -> Customer:
        """The customer with her or his last order.

        Raises:
            BadArgument: there is no such customer.
        """
        with connected(self._path) as db:
            row = _customer_row(db, customer_id)
            orders = _orders(db, customer_id, 1)
            count = "SELECT count(*) FROM orders WHERE customer_id = ?"
            pending = (
                "SELECT count(*) FROM tickets WHERE customer_id = ? "
                "AND status IN ('open', 'pending')"
            )
            notes = "SELECT * FROM notes WHERE customer_id = ? ORDER BY id DESC LIMIT 5"
            return Customer(
                **_contact(row).model_dump(),
                order_count=db.execute(count, (customer_id,)).fetchone()[0],
                open_ticket_count=db.execute(pending, (customer_id,)).fetchone()[0],
                last_order=orders[0] if orders else None,
                recent_notes=[_note(note) for note in db.execute(notes, (customer_id,))],
            )

    def find_customers(self, query: str, limit: int) -> CustomerMatches:
        """Customers in whose name, company, e-mail, city or country every word occurs."""
        words = folded(query).split()
        if not words:
            raise BadArgument("query", query, "it has no words", "Give a name, company or city")
        where = " AND ".join(f"instr({_SEARCHED}, ?) > 0" for _ in words)
        with connected(self._path) as db:
            rows = db.execute(
                f"SELECT * FROM customers WHERE {where} ORDER BY last_name, first_name, id", words
            ).fetchall()
        found = [_contact(row) for row in rows[:limit]]
        return CustomerMatches(query=query, total=len(rows), customers=found)

    def orders(self, customer_id: int, limit: int) -> OrderList:
        """The customer's orders, newest first."""
        with connected(self._path) as db:
            _customer_row(db, customer_id)
            count = "SELECT count(*) FROM orders WHERE customer_id = ?"
            total: int = db.execute(count, (customer_id,)).fetchone()[0]
            orders = _orders(db, customer_id, limit)
        return OrderList(customer_id=customer_id, total=total, orders=orders)

    def order(self, order_id: int) -> Order:
        """One order with its lines."""
        with connected(self._path) as db:
            row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
            if row is None:
                remedy = "Use list_orders to see a customer's orders"
                raise BadArgument("order_id", order_id, "there is no such order", remedy)
            return _order(db, row)

    def tickets(
        self, customer_id: int | None, incident: str | None, status: str | None, limit: int
    ) -> TicketList:
        """Tickets that match every given filter, newest first."""
        filters = {"t.customer_id": customer_id, "t.incident": incident, "t.status": status}
        given = {column: value for column, value in filters.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in given) or "1 = 1"
        with connected(self._path) as db:
            if customer_id is not None:
                _customer_row(db, customer_id)
            if incident is not None:
                _check_incident(db, incident)
            rows = db.execute(
                f"{_TICKETS} WHERE {where} ORDER BY t.opened_at DESC, t.id DESC", (*given.values(),)
            ).fetchall()
        return TicketList(total=len(rows), tickets=[_ticket(row) for row in rows[:limit]])

    def ticket(self, ticket_id: int) -> Ticket:
        """One ticket."""
        with connected(self._path) as db:
            row = db.execute(f"{_TICKETS} WHERE t.id = ?", (ticket_id,)).fetchone()
        if row is None:
            remedy = "Use list_tickets to see the tickets there are"
            raise BadArgument("ticket_id", ticket_id, "there is no such ticket", remedy)
        return _ticket(row)

    def add_note(self, customer_id: int, text: str, key: str | None) -> NoteAdded:
        """Store a note; the same key again returns the note that it stored first.

        Raises:
            BadArgument: no such customer, empty text, or the key belongs to another note.
        """
        if not text.strip():
            raise BadArgument("text", text, "it is empty", "Give the note's text")
        with connected(self._path) as db:
            # Taken before the look-up, so that two calls with one key cannot both find nothing.
            db.execute("BEGIN IMMEDIATE")
            _customer_row(db, customer_id)
            earlier = _noted_before(db, customer_id, text, key)
            if earlier is not None:
                return NoteAdded(note=earlier, already_recorded=True)
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            insert = (
                "INSERT INTO notes (customer_id, text, idempotency_key, created_at) "
                "VALUES (?, ?, ?, ?) RETURNING *"
            )
            row = db.execute(insert, (customer_id, text, key, now)).fetchone()
            return NoteAdded(note=_note(row), already_recorded=False)


def _customer_row(db: sqlite3.Connection, customer_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM customers WHERE id = ?", (customer_id,)
    ).fetchone()
    if row is None:
        remedy = "Use find_customers to find the number"
        raise BadArgument("customer_id", customer_id, "there is no such customer", remedy)
    return row


def _check_incident(db: sqlite3.Connection, incident: str) -> None:
    query = "SELECT DISTINCT incident FROM tickets WHERE incident IS NOT NULL ORDER BY incident"
    known = [str(row["incident"]) for row in db.execute(query)]
    if incident not in known:
        remedy = f"Use one of: {', '.join(known)}"
        raise BadArgument("incident", incident, "no ticket is tied to it", remedy)


def _noted_before(
    db: sqlite3.Connection, customer_id: int, text: str, key: str | None
) -> Note | None:
    if key is None:
        return None
    row = db.execute("SELECT * FROM notes WHERE idempotency_key = ?", (key,)).fetchone()
    if row is None:
        return None
    if (row["customer_id"], row["text"]) != (customer_id, text):
        problem = f"it belongs to another note, number {row['id']}"
        raise BadArgument("idempotency_key", key, problem, "Use a new key for a new note")
    return _note(row)


def _orders(db: sqlite3.Connection, customer_id: int, limit: int) -> list[Order]:
    query = "SELECT * FROM orders WHERE customer_id = ? ORDER BY placed_at DESC, id DESC LIMIT ?"
    return [_order(db, row) for row in db.execute(query, (customer_id, limit)).fetchall()]


def _order(db: sqlite3.Connection, row: sqlite3.Row) -> Order:
    query = "SELECT * FROM items WHERE order_id = ? ORDER BY position"
    return Order(
        id=row["id"],
        customer_id=row["customer_id"],
        status=row["status"],
        placed_at=row["placed_at"],
        total=_money(row["total_minor"]),
        shipping=_money(row["shipping_minor"]),
        currency=row["currency"],
        items=[_item(item) for item in db.execute(query, (row["id"],))],
        shipped_at=row["shipped_at"],
        delivered_at=row["delivered_at"],
        tracking=row["tracking"],
    )


def _item(row: sqlite3.Row) -> Item:
    return Item(
        sku=row["sku"],
        name=row["name"],
        quantity=row["quantity"],
        unit_price=_money(row["unit_minor"]),
        line_total=_money(row["unit_minor"] * row["quantity"]),
    )


def _contact(row: sqlite3.Row) -> Contact:
    return Contact(
        id=row["id"],
        name=f"{row['first_name']} {row['last_name']}",
        salutation=row["salutation"],
        pronouns=row["pronouns"],
        company=row["company"],
        email=row["email"],
        phone=row["phone"],
        city=row["city"],
        country=row["country"],
        country_code=row["country_code"],
        segment=row["segment"],
        customer_since=row["created_at"],
    )


def _ticket(row: sqlite3.Row) -> Ticket:
    return Ticket.model_validate(dict(row))


def _note(row: sqlite3.Row) -> Note:
    return Note(
        id=row["id"],
        customer_id=row["customer_id"],
        text=row["text"],
        created_at=row["created_at"],
    )


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
