"""A web API as people write it: FastAPI, pydantic models, its own document at /openapi.json.

`python -m bench.foreign_api` serves it on a free port of loopback and prints the address. It knows
nothing of the gateway.
"""

from __future__ import annotations

import socket
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID, uuid5

import uvicorn
from fastapi import APIRouter, FastAPI, Header, HTTPException, Path, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

_SPACE = UUID("6f1d9f2e-3d1c-4f0a-9b58-0a5c6a3c7f10")


class Kind(StrEnum):
    """What a book is bound in."""

    paper = "paper"
    cloth = "cloth"
    audio = "audio"


class Author(BaseModel):
    """Who wrote a book."""

    name: Annotated[str, Field(min_length=1)]
    born: int | None = None


class Draft(BaseModel):
    """A book that is to be kept."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=80)]
    author: Author
    kind: Kind = Kind.paper
    price: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=2)]
    published: date | None = None
    tags: list[str] = []


class Book(Draft):
    """A book that is kept."""

    id: int


class Change(BaseModel):
    """What changes; everything else stays."""

    price: Annotated[Decimal, Field(gt=0)] | None = None
    tags: list[str] | None = None


class Review(BaseModel):
    """What somebody thinks of a book. Its `book` is another thing than the path's."""

    book: str = ""
    stars: Annotated[int, Field(ge=1, le=5)]
    words: str = ""


class Card(BaseModel):
    """Paid at once."""

    by: Literal["card"]
    last_four: Annotated[str, Field(pattern=r"^\d{4}$")]


class Bill(BaseModel):
    """Paid later."""

    by: Literal["bill"]
    days: int = 30


class Line(BaseModel):
    """So many of a book."""

    book: int
    count: Annotated[int, Field(ge=1, le=100)] = 1


class Order(BaseModel):
    """What somebody buys."""

    lines: Annotated[list[Line], Field(min_length=1)]
    payment: Annotated[Card | Bill, Field(discriminator="by")]


class Placed(BaseModel):
    """An order that was taken."""

    id: UUID
    total: Decimal
    currency: str
    payment: Card | Bill


def first_books() -> dict[int, Book]:
    """What is there at the start."""
    verne, austen = Author(name="Jules Verne", born=1828), Author(name="Jane Austen", born=1775)
    return {
        1: Book(
            id=1, title="Around the World in Eighty Days", author=verne, price=Decimal("12.50")
        ),
        2: Book(
            id=2,
            title="Emma",
            author=austen,
            kind=Kind.cloth,
            price=Decimal("18.00"),
            published=date(1815, 12, 23),
            tags=["classic", "novel"],
        ),
        3: Book(
            id=3, title="Persuasion", author=austen, kind=Kind.audio, price=Decimal("9.90"), tags=[]
        ),
    }


def app() -> FastAPI:
    """The API, with books of its own."""
    made = FastAPI(title="A bookshop", version="1.4.0")
    books = first_books()
    made.include_router(shelf(books), prefix="/books", tags=["books"])
    made.include_router(till(books), prefix="/orders", tags=["orders"])

    @made.get("/health", response_class=PlainTextResponse)
    async def health() -> str:
        """Whether the shop is open."""
        return "open"

    return made


def shelf(books: dict[int, Book]) -> APIRouter:
    """Everything about books."""
    router = APIRouter()
    reviews: dict[int, list[Review]] = {}

    def found(id: int) -> Book:
        if id not in books:
            raise HTTPException(404, f"There is no book {id}.")
        return books[id]

    @router.get("")
    async def list_books(
        author: str | None = None,
        kind: Kind | None = None,
        tag: Annotated[list[str], Query()] = [],  # noqa: B006 (FastAPI copies it for each request)
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
    ) -> list[Book]:
        """List books, the oldest entry first."""
        fit = [
            book
            for book in books.values()
            if (author is None or author.lower() in book.author.name.lower())
            and (kind is None or book.kind == kind)
            and set(tag) <= set(book.tags)
        ]
        return fit[:limit]

    @router.get("/{id}")
    async def get_book(id: Annotated[int, Path(ge=1)]) -> Book:
        """Look a book up."""
        return found(id)

    @router.post("", status_code=201)
    async def add_book(draft: Draft) -> Book:
        """Put a book on the shelf."""
        if any(book.title == draft.title for book in books.values()):
            raise HTTPException(409, f"{draft.title} is there already.")
        book = Book(id=max(books) + 1, **draft.model_dump())
        books[book.id] = book
        return book

    @router.patch("/{id}")
    async def change_book(id: int, change: Change) -> Book:
        """Change price or tags."""
        books[id] = found(id).model_copy(update=change.model_dump(exclude_none=True))
        return books[id]

    @router.delete("/{id}", status_code=204)
    async def remove_book(id: int) -> None:
        """Take a book off the shelf."""
        del books[found(id).id]

    @router.post("/{book}/reviews", status_code=201)
    async def add_review(book: int, review: Review) -> dict[str, int]:
        """Review a book."""
        of_book = reviews.setdefault(found(book).id, [])
        of_book.append(review)
        return {"book": book, "reviews": len(of_book)}

    @router.get("/{book}/reviews")
    async def list_reviews(book: int, worst_first: bool = False) -> list[Review]:
        """The reviews of a book."""
        return sorted(
            reviews.get(found(book).id, []), key=lambda one: one.stars, reverse=not worst_first
        )

    return router


def till(books: dict[int, Book]) -> APIRouter:
    """Everything about orders."""
    router = APIRouter()
    placed: dict[UUID, Placed] = {}

    @router.post("", status_code=201)
    async def place_order(
        order: Order,
        idempotency_key: Annotated[str, Header()],
        x_currency: Annotated[str, Header(pattern="^[A-Z]{3}$")] = "EUR",
    ) -> Placed:
        """Buy books. The same key never buys twice."""
        id = uuid5(_SPACE, idempotency_key)
        if id in placed:
            return placed[id]
        gone = [line.book for line in order.lines if line.book not in books]
        if gone:
            raise HTTPException(422, f"There is no book {gone[0]}.")
        total = sum((books[line.book].price * line.count for line in order.lines), Decimal(0))
        placed[id] = Placed(id=id, total=total, currency=x_currency, payment=order.payment)
        return placed[id]

    @router.get("")
    async def list_orders() -> list[Placed]:
        """All orders."""
        return list(placed.values())

    @router.get("/{id}")
    async def get_order(id: UUID) -> Placed:
        """Look an order up."""
        if id not in placed:
            raise HTTPException(404, f"There is no order {id}.")
        return placed[id]

    return router


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201 (its answer)
        config = uvicorn.Config(app(), log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
