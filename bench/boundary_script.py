"""What the endpoints of `make bench-boundary` answer: on two wires, right and in many wrong ways.

Which way follows from the seed, the marker and how often it has arrived, so that a case can be
run again.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from bench.boundary_places import Asked, Place
from runtime.canonical import Json
from runtime.labels import Label

Raise = Callable[[str, Label], Awaitable[None]]
ACTS = {
    "ok": 50,
    "rate_limited": 6,
    "server_error": 8,
    "reset": 5,
    "redirect": 9,
    "hang": 1,
    "refusal": 3,
    "garbage": 4,
    "page": 3,
    "empty": 5,
    "cut_off": 3,
    "rise": 7,
}
"""Weights. `rise` raises the run's label, and fails in a way that leads to another attempt."""
_AGAIN = ("rate_limited", "server_error", "reset", "empty", "garbage")
HANG = 0.4
"""Seconds: longer than the time limit of any deployment here."""


class Script:
    """Answers for all endpoints."""

    def __init__(self, seed: int, raised: Raise) -> None:
        self.seed = seed
        self.targets: list[Place] = []
        """Where redirects lead."""
        self.acts: Counter[str] = Counter()
        self._raised = raised

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        draw = random.Random(f"{self.seed} {asked.marker.decode()} {asked.time}")
        act = draw.choices(list(ACTS), list(ACTS.values()))[0]
        self.acts[act] += 1
        if act == "rise":
            await self._raised(asked.marker.decode(), draw.choice(list(Label)))
            act = draw.choice(_AGAIN)
        if act == "hang":
            await asyncio.sleep(HANG)
            writer.close()
        elif act == "reset":
            writer.transport.abort()
        elif act == "redirect":
            target = draw.choice(self.targets)
            status = draw.choice([301, 302, 303, 307, 308])
            _send(writer, b"", status, f"location: {target.url}{asked.path}\r\n")
        elif act in ("rate_limited", "server_error"):
            status, wait = (429, draw.choice(["0", "600"])) if act == "rate_limited" else (500, "0")
            told = {"error": {"message": "not now", "type": "overloaded"}}
            _send(writer, json.dumps(told).encode(), status, f"retry-after: {wait}\r\n")
        elif act == "page":
            _send(writer, b"<html>Sign in</html>", 200, kind="text/html")
        elif act == "garbage":
            _send(writer, b'{"choices": [{"mess', 200)
        else:
            self._said(asked, writer, draw, act)

    def _said(
        self, asked: Asked, writer: asyncio.StreamWriter, draw: random.Random, act: str
    ) -> None:
        body = json.loads(asked.body or b"{}")
        word = f"an{draw.getrandbits(60):x}"
        if asked.path.endswith("/embeddings"):
            texts = body.get("input", [])
            data = [{"index": i, "embedding": [0.5, 0.5]} for i in range(len(texts))]
            whole = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 3}}
            _send(writer, json.dumps(whole).encode(), 200)
            return
        text = "" if act == "empty" else f"It is {word}."
        finish = {"refusal": "refused", "cut_off": None}.get(act, "done")
        wire = _anthropic if asked.path.endswith("/messages") else _openai
        events = wire(
            text, _tool_of(body) if act == "ok" else None, finish, bool(body.get("stream"))
        )
        if body.get("stream"):
            _send(writer, "".join(events).encode(), 200, kind="text/event-stream")
        else:
            _send(writer, events[0].encode(), 200)


def _send(
    writer: asyncio.StreamWriter,
    body: bytes,
    status: int,
    headers: str = "",
    kind: str = "application/json",
) -> None:
    head = (
        f"HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\n{headers}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)


def _tool_of(body: Json) -> str | None:
    """The tool to call: the first one, where one is demanded."""
    if not body.get("tools") or not body.get("tool_choice"):
        return None
    first = body["tools"][0]
    return str(first.get("function", first)["name"])


def _openai(text: str, tool: str | None, finish: str | None, stream: bool) -> list[str]:
    reason = {"refused": "content_filter", "done": "tool_calls" if tool else "stop", None: None}
    message: dict[str, Json] = {"role": "assistant", "content": None if tool else text}
    if tool:
        function = {"name": tool, "arguments": '{"ok": true}'}
        message["tool_calls"] = [{"index": 0, "id": "c1", "type": "function", "function": function}]
    usage = {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}
    base = {"id": "x", "created": 1, "model": "m"}
    if not stream:
        choice = {"index": 0, "message": message, "finish_reason": reason[finish]}
        return [
            json.dumps(base | {"object": "chat.completion", "choices": [choice], "usage": usage})
        ]
    delta = {"index": 0, "delta": message, "finish_reason": None}
    frames: list[Json] = [{"choices": [delta]}]
    if finish:
        frames.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason[finish]}]})
        frames.append({"choices": [], "usage": usage})
    told = [
        f"data: {json.dumps(base | {'object': 'chat.completion.chunk'} | f)}\n\n" for f in frames
    ]
    return [*told, "data: [DONE]\n\n"]


def _anthropic(text: str, tool: str | None, finish: str | None, stream: bool) -> list[str]:
    reason = {"refused": "refusal", "done": "tool_use" if tool else "end_turn", None: None}[finish]
    block: dict[str, Json] = {"type": "text", "text": text}
    if tool:
        block = {"type": "tool_use", "id": "c1", "name": tool, "input": {"ok": True}}
    usage = {"input_tokens": 30, "output_tokens": 5}
    message = {"id": "x", "type": "message", "role": "assistant", "model": "m", "usage": usage}
    if not stream:
        return [json.dumps(message | {"content": [block], "stop_reason": reason})]
    empty = {**block, "text": ""} if not tool else {**block, "input": {}}
    kind = "input_json_delta" if tool else "text_delta"
    part = {"partial_json": '{"ok": true}'} if tool else {"text": text}
    frames: list[dict[str, Json]] = [
        {"type": "message_start", "message": message | {"content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **part}},
        {"type": "content_block_stop", "index": 0},
    ]
    if reason:
        frames.append({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})
        frames.append({"type": "message_stop"})
    return [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n" for frame in frames]
