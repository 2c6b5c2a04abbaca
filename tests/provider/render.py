"""An answer and a fault into status, headers and the pieces of a body.
What spoils the form of an answer is done here; what spoils its content was done before."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.provider.answer import Answer
from tests.provider.exchange import Exchange, JsonObject
from tests.provider.faults import BrokenJson, ErrorFrame, Fault, Html, HttpError
from tests.provider.wire import Event, WireFormat

PAGE = "<!doctype html><html><head><title>Bad gateway</title></head><body>Bad gateway</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    pieces: Sequence[bytes]
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    stream: bool = False


def render(wire: WireFormat, exchange: Exchange, answer: Answer, fault: Fault | None) -> Rendered:
    """What goes onto the connection."""
    match fault:
        case HttpError():
            return render_error(wire, fault)
        case Html(status=status):
            return _page(status)
    if exchange.stream:
        events = _spoil(wire, list(wire.events(exchange, answer)), fault)
        pieces = [event.encode() for event in events]
        return Rendered(pieces=pieces, media_type="text/event-stream", stream=True)
    match fault:
        case ErrorFrame(message=message):
            return Rendered(pieces=[_json(wire.error(HttpError(status=500, message=message)))])
        case BrokenJson():
            return _half(wire.body(exchange, answer))
        case _:
            return Rendered(pieces=[_json(wire.body(exchange, answer))])


def render_error(wire: WireFormat, fault: HttpError) -> Rendered:
    body = _json(wire.error(fault))
    return Rendered(pieces=[body], status=fault.status, headers=fault.headers)


def render_plain(wire: WireFormat, body: JsonObject, fault: Fault | None = None) -> Rendered:
    """A body that is no answer of a model, with the faults that such a body can have."""
    match fault:
        case HttpError():
            return render_error(wire, fault)
        case Html(status=status):
            return _page(status)
        case BrokenJson():
            return _half(body)
        case _:
            return Rendered(pieces=[_json(body)])


def _spoil(wire: WireFormat, events: list[Event], fault: Fault | None) -> list[Event]:
    match fault:
        case ErrorFrame(at=at, message=message):
            return [*events[: math.ceil(len(events) * at)], wire.error_event(message)]
        case BrokenJson():
            middle = len(events) // 2
            text = json.dumps(events[middle].data)
            events[middle] = replace(events[middle], data=text[: len(text) // 2])
            return events
        case _:
            return events


def _page(status: int) -> Rendered:
    return Rendered(pieces=[PAGE.encode()], status=status, media_type="text/html")


def _half(body: JsonObject) -> Rendered:
    whole = _json(body)
    return Rendered(pieces=[whole[: len(whole) // 2]])


def _json(body: JsonObject) -> bytes:
    return json.dumps(body).encode()
