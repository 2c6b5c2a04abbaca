"""A model provider for benchmarks in which the provider may not be what takes time: a process of
its own that writes answers made beforehand, in OpenAI's format, and holds thousands of connections.

The first argument is the seconds that every answer takes. It tells its address in one line, answers
the line `counts` with what reached it, and ends with its input. A conversation whose first message
offers tools gets `rounds` tool calls, one an answer, then a text; without tools the text at once.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Iterator
from itertools import pairwise

ROUNDS = 2
"""Tool calls before the text, so that a session with tools has three calls."""
WORDS = " ".join(f"word{number}" for number in range(60))
_MANY = 65_536
_END = b"\r\n\r\n"


def _answer(message: dict[str, object], finish: str, prompt: int) -> dict[str, object]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _usage(prompt),
    }


def _usage(prompt: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": 90, "total_tokens": prompt + 90}


def _call(number: int) -> dict[str, object]:
    function = {"name": "look_up", "arguments": json.dumps({"key": f"k{number}"})}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _whole(body: dict[str, object], size: int) -> bytes:
    done = _done(body)
    if body.get("tools") and done < ROUNDS:
        calls = [_call(done)]
        said = _answer({"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls", 0)
    else:
        said = _answer({"role": "assistant", "content": WORDS}, "stop", 0)
    said["usage"] = _usage(max(1, size // 5))
    text = json.dumps(said).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(text) + text


def _done(body: dict[str, object]) -> int:
    """How many tool calls were answered already."""
    messages = body["messages"]
    assert isinstance(messages, list), "the wire's format"
    return sum(message["role"] == "tool" for message in messages)


def _streamed(size: int) -> bytes:
    """A stream, all at once: what it costs to read is asked, not how long it takes."""
    events = [json.dumps(event) for event in _events(size)]
    text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
    return head % len(text) + text


def _events(size: int) -> Iterator[dict[str, object]]:
    plain = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "scripted",
    }

    def choice(delta: dict[str, object], finish: str | None = None) -> list[dict[str, object]]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]

    yield {**plain, "choices": choice({"role": "assistant", "content": ""})}
    starts = [0, *(at for at, sign in enumerate(WORDS) if sign == " "), len(WORDS)]
    for start, end in pairwise(starts):
        yield {**plain, "choices": choice({"content": WORDS[start:end]})}
    yield {**plain, "choices": choice({}, "stop")}
    yield {**plain, "choices": [], "usage": _usage(max(1, size // 5))}


class Counts:
    """What reached the provider."""

    def __init__(self) -> None:
        self.calls = 0
        self.open = 0
        self.most_open = 0


class Connection(asyncio.Protocol):
    """One connection; requests follow each other on it."""

    def __init__(self, seconds: float, counts: Counts) -> None:
        self._seconds = seconds
        self._counts = counts
        self._read = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "TCP"
        self._transport = transport
        self._counts.open += 1
        self._counts.most_open = max(self._counts.most_open, self._counts.open)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - inherited
        self._counts.open -= 1

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(_END)
        if end < 0:
            return
        size = _length(bytes(self._read[:end]))
        start = end + len(_END)
        if len(self._read) < start + size:
            return
        body = json.loads(self._read[start : start + size])
        del self._read[: start + size]
        self._counts.calls += 1
        reply = _streamed(size) if body.get("stream") else _whole(body, size)
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._send, reply)
        else:
            self._send(reply)

    def _send(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def main() -> None:
    """Serve until the input ends."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, _MANY), limit))
    seconds, counts = float(sys.argv[1]), Counts()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(seconds, counts), "127.0.0.1", 0, backlog=4096
    )
    _say(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    while line := await asyncio.to_thread(sys.stdin.readline):
        assert line.strip() == "counts", line
        _say({"calls": counts.calls, "most_open": counts.most_open})


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
