"""The world around a run, in a process of its own: the model provider and a tool server.

So their time is not counted as ours, and they outlive a run that is killed and count what it did.
Commands come as lines of JSON on standard input, answers go as lines to standard output; the end of
the input ends the process.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache

import uvicorn
from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations
from pydantic import JsonValue

from bench.brain import Pace, Paced, StepBrain
from bench.dags import SHAPES, Dag, draw
from bench.job import source
from bench.job_brain import JobBrain, Pacing
from bench.prompts import count
from tests.provider import Brain, Exchange, JsonObject, Reply, ScriptedProvider
from tests.provider.faults import Fault

_PACINGS: dict[str, Pacing] = {"calls": "calls", "length": "length"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What the world is like. `bench/world.py` writes it."""

    median: float = 1.0
    """Seconds that a step takes."""
    reads: float = 1 / 3
    """Share of the steps that call a tool first."""
    effect_seconds: float = 0.0
    """How long an effect takes; it happens half way."""
    tokens: bool = False
    """Count the tokens of every prompt."""
    job: float = 0.0
    """Median seconds of a model call of the fixed job; 0 plays random plans instead."""


class Books:
    """Everything that reached the world, for whoever asks. Written from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}

    def note(self, kind: str, name: str, by: int = 1) -> None:
        """Count `name` under `kind`."""
        with self._lock:
            self._counts.setdefault(kind, Counter())[name] += by

    def take(self, kind: str, name: str) -> bool:
        """Count it only if it was not there; whether it was not."""
        with self._lock:
            counts = self._counts.setdefault(kind, Counter())
            fresh = not counts[name]
            counts[name] += 1
            return fresh

    def told(self) -> dict[str, dict[str, int]]:
        """All counts by kind and name."""
        with self._lock:
            return {kind: dict(counts) for kind, counts in self._counts.items()}

    def forget(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._counts.clear()


class Counting(Paced, Brain):
    """Counts the calls and prompt tokens of a brain, by its system, before it answers."""

    def __init__(self, brain: StepBrain | JobBrain, books: Books, *, tokens: bool) -> None:
        super().__init__()
        self._brain = brain
        self._books = books
        self._tokens = tokens

    def reply(self, exchange: Exchange) -> Reply | Fault:
        """The brain's own answer."""
        self._books.note("provider", "calls")
        if self._tokens:
            self._books.note("provider", "prompt_tokens", count(exchange.body))
        return self._brain.reply(exchange)

    def seconds(self, digest: str) -> float:
        """The brain's own pace."""
        return self._brain.seconds(digest)


def tool_server(books: Books, spec: Spec) -> FastMCP:
    """Tools to read with, and effects: one that takes a key, one that does not."""
    server = FastMCP("world", stateless_http=True, json_response=True, log_level="ERROR")
    pause = spec.effect_seconds / 2

    @server.tool(annotations=ToolAnnotations(readOnlyHint=True))
    async def look_up(job: str, step: str) -> str:
        """What is known about a step."""
        books.note("look_up", f"{job} {step}")
        return f"Nothing stands against step {step}."

    @server.tool()
    async def record(job: str, step: str, key: str = "") -> str:
        """Record a step once for each key."""
        books.note("record_calls", f"{job} {step}")
        await asyncio.sleep(pause)
        # As a target with keys does: the same key again changes nothing.
        if books.take("keys", key):
            books.note("record", f"{job} {step}")
        await asyncio.sleep(pause)
        return f"Step {step} is recorded."

    @server.tool()
    async def send(job: str, step: str) -> str:
        """Send word of a step. It cannot be told from another one that says the same."""
        books.note("send_calls", f"{job} {step}")
        await asyncio.sleep(pause)
        books.note("send", f"{job} {step}")
        await asyncio.sleep(pause)
        return f"Word of step {step} was sent."

    @server.tool(annotations=ToolAnnotations(readOnlyHint=True))
    async def read_source(topic: str) -> str:
        """The source on a topic."""
        books.note("read_source", topic)
        return source(topic)

    return server


def serve(server: FastMCP) -> str:
    """Serve the tools on a free loopback port, in a thread; the address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    running = uvicorn.Server(config)
    threading.Thread(target=lambda: running.run(sockets=[listening]), daemon=True).start()
    deadline = time.monotonic() + 20
    while not running.started:
        if time.monotonic() > deadline:
            raise SystemExit("The tool server of the benchmark did not start within 20 s.")
        time.sleep(0.01)
    return f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"


def _brain(spec: Spec, books: Books) -> StepBrain | JobBrain:
    if spec.job:
        return JobBrain(median=spec.job, pacing="calls", seen=books.note)

    @cache
    def dag_of(name: str) -> Dag:
        shape, size, seed = name.split("-")
        known = next(one for one in SHAPES if one == shape)
        return draw(known, int(size), int(seed), median=spec.median, reads=spec.reads)

    def seen(job: str, step: str) -> None:
        books.note("model", f"{job} {step}")

    return StepBrain(dag_of, seen)


def _answer(command: JsonObject, books: Books, played: StepBrain | JobBrain) -> JsonValue:
    match command, played:
        case {"ask": "counts"}, _:
            kinds: JsonObject = {kind: {**counts} for kind, counts in books.told().items()}
            return kinds
        case {"ask": "forget"}, _:
            books.forget()
            return True
        case {"ask": "rescale", "to": int() | float() as to}, StepBrain():
            played.scale = float(to)
            return True
        case {"ask": "begin", "pacing": str() as named}, JobBrain():
            played.begin(_PACINGS[named])
            return True
    raise ValueError(f"unknown command {command}")


def main() -> None:
    """Open both servers, tell their addresses, and answer until the input ends."""
    spec = Spec(**json.loads(sys.argv[1]))
    books = Books()
    played = _brain(spec, books)
    brain = Counting(played, books, tokens=spec.tokens)
    with ScriptedProvider(brain, latency=Pace(brain=brain)) as provider:
        tools = serve(tool_server(books, spec))
        _say({"provider": provider.openai_base, "tools": tools})
        for line in sys.stdin:
            _say(_answer(json.loads(line), books, played))


def _say(value: JsonValue) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
