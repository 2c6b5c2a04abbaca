"""The last look at what comes back, byte by byte: how much of it, whether it is an answer at all,
whether each event of a stream is whole, and whether it is a refusal.

litellm reads whatever is sent, tens of megabytes or a proxy's page, and tells of neither. Of a
stream it leaves out events that it cannot read, and the words by which a model will not answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from litellm.llms.custom_httpx.aiohttp_transport import AiohttpResponseStream

_BASE = 1_000_000
_BYTES_PER_TOKEN = 1_024
"""What one token may take on the wire: in a stream each comes in an event of its own."""
# Inside of a text the quotes would be escaped, so that only the field itself is found.
_REFUSAL = re.compile(rb'"refusal"\s*:\s*("(?:[^"\\]|\\.)+")')


class Oversized(Exception):
    """More bytes than the tokens that were asked for can take."""


class NotAnAnswer(Exception):
    """A page for people in the place of an answer."""


class BrokenEvent(Exception):
    """An event of a stream that is not JSON: a piece of the answer is missing."""


@dataclass(slots=True, kw_only=True)
class Look:
    """What is seen of one answer."""

    limit: int
    """Bytes, after which it is cut off."""
    refusal: list[str] = field(default_factory=list)
    """The pieces of a refusal, where the vendor has a field for it."""
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
                    json.loads(data)
                except ValueError as error:
                    raise BrokenEvent("an event of the stream was cut off") from error


_look: ContextVar[Look | None] = ContextVar("look", default=None)
_read = AiohttpResponseStream.__aiter__


@contextmanager
def looking(tokens: int) -> Iterator[Look]:
    """Within, look at an answer that may have so many tokens."""
    look = Look(limit=_BASE + tokens * _BYTES_PER_TOKEN)
    token = _look.set(look)
    try:
        yield look
    finally:
        _look.reset(token)


async def _looked_at(stream: AiohttpResponseStream) -> AsyncIterator[bytes]:
    look, response = _look.get(), stream._aiohttp_response
    if look is None:
        async for chunk in _read(stream):
            yield chunk
        return
    if response.status < 300 and response.content_type == "text/html":
        response.close()
        raise NotAnAnswer("an HTML page came in the place of an answer")
    seen, streams = 0, response.content_type == "text/event-stream"
    async for chunk in _read(stream):
        seen += len(chunk)
        if seen > look.limit:
            response.close()
            raise Oversized(f"the answer went on after {look.limit:,} bytes")
        if streams:
            look.events(chunk)
        look.refusal += [json.loads(found) for found in _REFUSAL.findall(chunk)]
        yield chunk


def set_up() -> None:
    """Look at everything that litellm reads from now on, in this process."""
    AiohttpResponseStream.__aiter__ = _looked_at  # type: ignore[method-assign, assignment]
