"""What the CRM tools return; the field descriptions are part of their output schema."""

from typing import Literal

from pydantic import Field

from tools.servers.server import Record

OrderStatus = Literal["processing", "shipped", "delivered", "cancelled", "returned"]
TicketStatus = Literal["open", "pending", "resolved", "closed"]
Severity = Literal["low", "normal", "high", "critical"]

_MONEY = "Decimal amount in the order's currency, two decimals."
_TIME = "UTC, ISO 8601."


class Item(Record):
    """One line of an order."""

    sku: str = Field(description="Article number.")
    name: str
    quantity: int
    unit_price: str = Field(description=_MONEY)
    line_total: str = Field(description=_MONEY)


class Order(Record):
    """An order with its lines."""

    id: int
    customer_id: int
    status: OrderStatus
    placed_at: str = Field(description=_TIME)
    total: str = Field(description=f"Goods and shipping. {_MONEY}")
    shipping: str = Field(description=_MONEY)
    currency: str = Field(description="ISO 4217.")
    items: list[Item]
    shipped_at: str | None = Field(description=_TIME)
    delivered_at: str | None = Field(description=_TIME)
    tracking: str | None = Field(description="Carrier's number, once shipped.")


class Note(Record):
    """A remark that somebody added to a customer."""

    id: int
    customer_id: int
    text: str
    created_at: str = Field(description=_TIME)


class Contact(Record):
    """Who a customer is and how to reach her or him."""

    id: int
    name: str
    salutation: str
    pronouns: str
    company: str | None
    email: str
    phone: str | None
    city: str
    country: str
    country_code: str = Field(description="ISO 3166-1 alpha-2.")
    segment: str = Field(description="standard, plus or enterprise.")
    customer_since: str = Field(description=_TIME)


class Customer(Contact):
    """A customer with the state of her or his business with us."""

    order_count: int
    open_ticket_count: int = Field(description="Tickets that are open or pending.")
    last_order: Order | None = Field(description="The newest order, whatever its status.")
    recent_notes: list[Note] = Field(description="Up to five, newest first.")


class CustomerMatches(Record):
    """Customers that match a search."""

    query: str
    total: int = Field(description="Matches in all, of which at most `limit` are listed.")
    customers: list[Contact]


class OrderList(Record):
    """A customer's orders, newest first."""

    customer_id: int
    total: int = Field(description="Orders in all, of which at most `limit` are listed.")
    orders: list[Order]


class Ticket(Record):
    """A support ticket."""

    id: int
    customer_id: int
    customer_name: str
    order_id: int | None
    subject: str
    body: str
    severity: Severity
    status: TicketStatus
    channel: str
    incident: str | None = Field(description="Incident that support tied the ticket to.")
    opened_at: str = Field(description=_TIME)
    resolved_at: str | None = Field(description=_TIME)
    resolution: str | None


class TicketList(Record):
    """Tickets that match the filters, newest first."""

    total: int = Field(description="Matches in all, of which at most `limit` are listed.")
    tickets: list[Ticket]


class NoteAdded(Record):
    """The note as it was stored."""

    note: Note
    already_recorded: bool = Field(
        description="True if an earlier call with the same idempotency key had stored it."
    )
