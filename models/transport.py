"""The last look at what comes back: how much of it, whether it is an answer at all, whether each
event of a stream is whole, why it ended, and whether it is a refusal.

litellm reads whatever is sent, tens of megabytes or a proxy's page, and tells of neither. Of a
stream it leaves out events that it cannot read, and of any answer why it really ended.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

import httpx

from models import wire
from runtime.canonical import Json

_STREAM = "text/event-stream"
_BASE = 1_000_000
_BYTES_PER_TOKEN = 1_024
"""What one token may take on the wire: in a stream each comes in an event of its own."""
_BYTES_PER_VECTOR = 262_144
"""What the vector of one text may take: 8,192 numbers with all their digits."""


class Oversized(Exception):
    """More bytes than what was asked for can take."""


class NotAnAnswer(Exception):
    """A page for people in the place of an answer."""


class BrokenEvent(Exception):
    """An event of a stream that is not JSON: a piece of the answer is missing."""


@dataclass(slots=True, kw_only=True)
class Look:
    """What is seen of one answer."""

    limit: int
    """Bytes, after which it is cut off."""
    reads: bool = True
    """Whether it is a chat's, which says why it ended."""
    refusal: list[str] = field(default_factory=list)
    """The pieces of a refusal, where the vendor has a field for it."""
    end: str | None = None
    """Why it ended, in the vendor's word; empty where it gave none, None where nobody can tell."""
    line: bytes = b""
    """The beginning of a line of a stream, whose end has not come yet."""

    def events(self, chunk: bytes) -> None:
        """Read on in a stream of server-sent events.

        Raises:
            BrokenEvent: one of them is not whole.
        """
        *lines, self.line = (self.line + chunk).split(b"\n")
        for line in lines:
            data = line[5:].strip() if line.startswith(b"data:") else b""
            if data and data != b"[DONE]":
                try:
                    self._heard(json.loads(data))
                except ValueError as error:
                    raise BrokenEvent("an event of the stream was cut off") from error

    def whole(self, body: bytes) -> None:
        """Read an answer that came in one piece. What is no JSON, litellm has to make sense of."""
        with suppress(ValueError):
            self._heard(json.loads(body))

    def _heard(self, said: Json) -> None:
        end = wire.end(said)
        if end is not None:
            self.end = end or self.end or ""
        if words := wire.refusal(said):
            self.refusal.append(words)


class _Reading:
    """One answer while it is read."""

    def __init__(self, look: Look, response: httpx.Response) -> None:
        """
        Raises:
            NotAnAnswer: it is a page.
        """
        self._look = look
        self._kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._good = response.status_code < 300
        self._seen = 0
        self._parts: list[bytes] = []
        if self._good and self._kind == "text/html":
            raise NotAnAnswer("an HTML page came in the place of an answer")

    def more(self, chunk: bytes) -> None:
        """
        Raises:
            Oversized: it is too much by now.
            BrokenEvent: an event of its stream is not whole.
        """
        self._seen += len(chunk)
        if self._seen > self._look.limit:
            raise Oversized(f"the answer went on after {self._look.limit:,} bytes")
        if self._kind == _STREAM:
            self._look.events(chunk)
        elif self._good and self._look.reads:
            self._parts.append(chunk)

    def over(self) -> None:
        """
        Raises:
            BrokenEvent: the last event of its stream is not whole.
        """
        if self._kind == _STREAM:
            self._look.events(b"\n")  # The last line may have had no end.
        elif self._parts:
            self._look.whole(b"".join(self._parts))


_look: ContextVar[Look | None] = ContextVar("look", default=None)
# Behind whichever transport, and after a compressed answer has been unpacked.
_read = httpx.Response.aiter_bytes
_read_sync = httpx.Response.iter_bytes


def _reading(response: httpx.Response) -> _Reading | None:
    look = _look.get()
    # One with a content was read, and looked at, before.
    return _Reading(look, response) if look and not hasattr(response, "_content") else None


async def _looked_at(
    response: httpx.Response, chunk_size: int | None = None
) -> AsyncIterator[bytes]:
    try:
        reading = _reading(response)
        async for chunk in _read(response, chunk_size):
            if reading:
                reading.more(chunk)
            yield chunk
        if reading:
            reading.over()
    except (BrokenEvent, NotAnAnswer, Oversized):
        await response.aclose()
        raise


def _looked_at_sync(response: httpx.Response, chunk_size: int | None = None) -> Iterator[bytes]:
    try:
        reading = _reading(response)
        for chunk in _read_sync(response, chunk_size):
            if reading:
                reading.more(chunk)
            yield chunk
        if reading:
            reading.over()
    except (BrokenEvent, NotAnAnswer, Oversized):
        response.close()
        raise


@contextmanager
def looking(tokens: int) -> Iterator[Look]:
    """Within, look at an answer that may have so many tokens."""
    with _within(Look(limit=_BASE + tokens * _BYTES_PER_TOKEN)) as look:
        yield look


@contextmanager
def measuring(texts: int) -> Iterator[Look]:
    """Within, look at the size and the kind of an answer that brings the vectors of texts."""
    with _within(Look(limit=_BASE + texts * _BYTES_PER_VECTOR, reads=False)) as look:
        yield look


@contextmanager
def _within(look: Look) -> Iterator[Look]:
    token = _look.set(look)
    try:
        yield look
    finally:
        _look.reset(token)


def set_up() -> None:
    """Look at everything that litellm reads from now on, in this process."""
    httpx.Response.aiter_bytes = _looked_at  # type: ignore[method-assign, assignment]
    httpx.Response.iter_bytes = _looked_at_sync  # type: ignore[method-assign, assignment]
