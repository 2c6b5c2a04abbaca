"""A target of effects, in a process that nobody kills: it counts what happened and when.

One tool takes a key and does nothing twice under it, the other takes none. Each effect is told on
standard output at the instant when it has happened; commands come on standard input.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from types import TracebackType
from typing import Self

from mcp.server.fastmcp import FastMCP

from bench.world_process import serve
from runtime.canonical import Json
from runtime.settings import ROOT

KEYED, KEYLESS = "record", "send"


class Books:
    """What reached the target, by case."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.receipts: dict[str, str] = {}
        self.hold = 0.0
        """Seconds between an effect and the answer that tells of it."""

    async def take(self, case: str, key: str) -> str:
        """Make an effect, unless it was made under this key; its receipt."""
        self.calls[case] += 1
        kept = self.receipts.get(key) if key else None
        if kept is not None:
            return kept
        self.effects[case] += 1
        receipt = f"receipt {sum(self.effects.values())} of {case}"
        if key:
            self.receipts[key] = receipt
        say({"effect": case})
        await asyncio.sleep(self.hold)
        return receipt


def tools(books: Books) -> FastMCP:
    """The server of the target."""
    server = FastMCP("target", stateless_http=True, json_response=True, log_level="ERROR")

    @server.tool()
    async def record(case: str, key: str = "") -> str:
        """Record a case once for each key."""
        return await books.take(case, key)

    @server.tool()
    async def send(case: str) -> str:
        """Send word of a case; the same once more is sent once more."""
        return await books.take(case, "")

    return server


class Target:
    """`with Target() as target: …` runs it beside this process."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.effects_target"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.address = str(self._next()["address"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Its input ends, and so does it.
        self._process.communicate(timeout=20)

    def hold(self, seconds: float) -> None:
        """Let so much time pass between an effect and its answer, from now on."""
        self._ask({"hold": seconds})

    def happened(self, case: str) -> float:
        """Wait for the effect of a case; when it was heard of, by `time.monotonic`."""
        while self._next().get("effect") != case:
            pass
        return time.monotonic()

    def counts(self) -> dict[str, dict[str, int]]:
        """Effects and calls so far, each by case."""
        counts: dict[str, dict[str, int]] = self._ask({"counts": True})
        return counts

    def _ask(self, command: dict[str, Json]) -> Json:
        assert self._process.stdin is not None, "it was opened with a pipe"
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        while "answer" not in (told := self._next()):
            pass
        return told["answer"]

    def _next(self) -> dict[str, Json]:
        assert self._process.stdout is not None, "it was opened with a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the target has ended; see its words above")
        told: dict[str, Json] = json.loads(line)
        return told


def say(value: Json) -> None:
    """One line to whoever runs the target."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    books = Books()
    say({"address": serve(tools(books))})
    for line in sys.stdin:
        command = json.loads(line)
        books.hold = command.get("hold", books.hold)
        counts = {"effects": dict(books.effects), "calls": dict(books.calls)}
        say({"answer": counts if "counts" in command else None})


if __name__ == "__main__":
    main()
