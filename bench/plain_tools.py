"""A tool server for `bench.gateway`: one read that declares what it returns, one that does not,
and an effect that takes a key."""

from __future__ import annotations

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations
from pydantic import BaseModel

server = FastMCP("plain", log_level="ERROR")
_notes: dict[str, str] = {}


class Customer(BaseModel):
    """A customer with its orders, about 1 kB."""

    id: int
    name: str
    city: str
    orders: list[Order]


class Order(BaseModel):
    """One line of an order."""

    id: int
    article: str
    amount: float
    paid: bool


def _customer(id: int) -> Customer:
    orders = [
        Order(id=number, article=f"Article {number}", amount=9.5 * number, paid=number % 3 > 0)
        for number in range(10)
    ]
    return Customer(id=id, name=f"Customer {id}", city="Utrecht", orders=orders)


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def typed(id: int) -> Customer:
    """A customer, with an output schema."""
    return _customer(id)


@server.tool(annotations=ToolAnnotations(readOnlyHint=True), structured_output=False)
def untyped(id: int) -> str:
    """The same customer as text."""
    return _customer(id).model_dump_json()


@server.tool(structured_output=False)
def note(id: int, text: str, idempotency_key: str = "") -> str:
    """Keep a note."""
    _notes.setdefault(idempotency_key or text, f"{id}: {text}")
    return "kept"


if __name__ == "__main__":
    server.run()
