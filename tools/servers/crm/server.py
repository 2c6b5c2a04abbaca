"""The tools of the CRM server; what they answer comes from `store`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from tools.servers.crm.database import VARIABLE, prepare
from tools.servers.crm.records import (
    Customer,
    CustomerMatches,
    NoteAdded,
    Order,
    OrderList,
    Ticket,
    TicketList,
    TicketStatus,
)
from tools.servers.crm.store import Crm
from tools.servers.server import ADD, READ, ToolServer

CustomerId = Annotated[int, Field(description="Number of the customer, 1 or higher.", ge=1)]
Limit = Annotated[int, Field(description="How many to list at most, 1 to 100.", ge=1, le=100)]
IdempotencyKey = Annotated[
    str | None,
    Field(
        description="Any text up to 200 characters; a second call with the same key and the same "
        "arguments changes nothing and returns the first result.",
        min_length=1,
        max_length=200,
    ),
]

_INSTRUCTIONS = (
    "Customers, orders and support tickets of an invented office-furniture shop (sample data). "
    "Times are UTC. Amounts are decimal texts in the order's currency."
)


class CrmTools:
    """The tools, each an async method whose docstring is its description."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    async def get_customer(self, customer_id: CustomerId) -> Customer:
        """Look up one customer by number: name, pronouns, company, e-mail, telephone, city,
        segment, the last order with its status and items, and how many tickets are open."""
        return await asyncio.to_thread(self._crm.customer, customer_id)

    async def find_customers(
        self,
        query: Annotated[
            str,
            Field(
                description="Words that must all occur in the name, company, e-mail address, city "
                "or country, in any order; case and accents do not matter.",
                min_length=1,
                max_length=200,
            ),
        ],
        limit: Limit = 10,
    ) -> CustomerMatches:
        """Search customers by name, company, e-mail address, city or country."""
        return await asyncio.to_thread(self._crm.find_customers, query, limit)

    async def list_orders(self, customer_id: CustomerId, limit: Limit = 10) -> OrderList:
        """List a customer's orders with status, total, items and tracking, newest first."""
        return await asyncio.to_thread(self._crm.orders, customer_id, limit)

    async def get_order(
        self,
        order_id: Annotated[int, Field(description="Number of the order, 10001 or higher.", ge=1)],
    ) -> Order:
        """Look up one order by number: status, times, total, items and tracking."""
        return await asyncio.to_thread(self._crm.order, order_id)

    async def list_tickets(
        self,
        customer_id: Annotated[
            int | None, Field(description="Only tickets of this customer, 1 or higher.", ge=1)
        ] = None,
        incident: Annotated[
            str | None,
            Field(
                description="Only tickets tied to this incident, for example INC-2026-014.",
                min_length=1,
                max_length=40,
            ),
        ] = None,
        status: Annotated[
            TicketStatus | None,
            Field(description="Only tickets with this status: open, pending, resolved or closed."),
        ] = None,
        limit: Limit = 20,
    ) -> TicketList:
        """List support tickets with subject, text, severity, status and times, newest first; by
        customer, by incident, by status, or any of these together."""
        return await asyncio.to_thread(self._crm.tickets, customer_id, incident, status, limit)

    async def get_ticket(
        self,
        ticket_id: Annotated[int, Field(description="Number of the ticket, 5001 or higher.", ge=1)],
    ) -> Ticket:
        """Look up one support ticket by number: subject, text, severity, status, times,
        incident and how it was resolved."""
        return await asyncio.to_thread(self._crm.ticket, ticket_id)

    async def add_note(
        self,
        customer_id: CustomerId,
        text: Annotated[
            str, Field(description="The note, 1 to 4000 characters.", min_length=1, max_length=4000)
        ],
        idempotency_key: IdempotencyKey = None,
    ) -> NoteAdded:
        """Add a note to a customer; it shows in get_customer. Changes data."""
        return await asyncio.to_thread(self._crm.add_note, customer_id, text, idempotency_key)


def build() -> ToolServer:
    """The server, its database made and filled if need be.

    Raises:
        BadSetup: the database file cannot be used.
    """
    path = Path(os.environ.get(VARIABLE) or Path(".switchyard", "crm.sqlite"))
    prepare(path)
    tools = CrmTools(Crm(path))
    server = ToolServer("crm", instructions=_INSTRUCTIONS)
    for read in (
        tools.get_customer,
        tools.find_customers,
        tools.list_orders,
        tools.get_order,
        tools.list_tickets,
        tools.get_ticket,
    ):
        server.offer(read, READ)
    server.offer(tools.add_note, ADD)
    return server
