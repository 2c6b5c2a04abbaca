"""The rows of the sample data, one type per table; field names are column names."""

from dataclasses import dataclass, field
from datetime import datetime


def stamp(moment: datetime) -> str:
    """`moment` (UTC) as it is stored: ISO 8601 with seconds and Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A person who buys, for a company or for herself."""

    id: int
    salutation: str
    pronouns: str
    first_name: str
    last_name: str
    company: str | None
    email: str
    phone: str | None
    city: str
    country: str
    country_code: str
    currency: str
    segment: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One line of an order; money in minor units."""

    order_id: int
    position: int
    sku: str
    name: str
    quantity: int
    unit_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order; money in minor units, times as `stamp` writes them."""

    id: int
    customer_id: int
    placed_at: str
    status: str
    currency: str
    shipping_minor: int
    total_minor: int
    shipped_at: str | None
    delivered_at: str | None
    tracking: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A support ticket; `incident` is set when support tied it to one."""

    id: int
    customer_id: int
    order_id: int | None
    subject: str
    body: str
    severity: str
    status: str
    channel: str
    incident: str | None
    opened_at: str
    resolved_at: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleData:
    """All tables, each ordered by its key."""

    customers: list[CustomerRow] = field(default_factory=list)
    orders: list[OrderRow] = field(default_factory=list)
    items: list[ItemRow] = field(default_factory=list)
    tickets: list[TicketRow] = field(default_factory=list)
