"""The seam between the server and the vendors' formats.
The server knows requests, answers and bytes; only a wire knows how a vendor spells them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from tests.provider.answer import Answer
from tests.provider.exchange import Exchange, JsonObject, Wire
from tests.provider.faults import HttpError


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `name` is the `event:` line, which only Anthropic writes."""

    data: JsonObject | str
    name: str | None = None

    def encode(self) -> bytes:
        text = self.data if isinstance(self.data, str) else json.dumps(self.data)
        head = f"event: {self.name}\n" if self.name else ""
        return f"{head}data: {text}\n\n".encode()


class BadRequestError(Exception):
    """The request breaks the vendor's rules; answered with status 400 as the vendor would."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


def complaint(error: ValidationError) -> BadRequestError:
    """The first thing that is wrong with a body, as a vendor would say it."""
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"])
    return BadRequestError(f"Invalid value for '{param}': {first['msg']}", param=param)


class WireFormat(Protocol):
    """One vendor's way to write a conversation."""

    name: Wire

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Exchange:
        """Raises: BadRequestError, for what the real provider would refuse as well."""

    def body(self, exchange: Exchange, answer: Answer) -> JsonObject:
        """The whole answer as one JSON document."""

    def events(self, exchange: Exchange, answer: Answer) -> Sequence[Event]:
        """The whole answer as a stream, end marker included."""

    def error(self, fault: HttpError) -> JsonObject:
        """The body of an error status."""

    def error_event(self, message: str) -> Event:
        """An error in the middle of a stream."""
