"""Routing as a caller meets it: `langgraph dev` over the shipped specialists, asked by the SDK.

A run is interrupted before anybody is sent to work, so that what is measured is the decision: a
review of licences two hundred times would say nothing more about it. The models are those of the
profile `offline`, as after an installation.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from bench.report import progress, show
from bench.router_course import Course
from bench.router_data import FOLDER
from bench.router_encoder import Remembering
from runtime.canonical import Json
from runtime.settings import ROOT

REPEATS = 20
_WIDTH = 8
_READY = "End it with Ctrl-C."
FALLBACK = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request and who should get it, in order; nobody for one that is out of scope."""

    text: str
    expect: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the server decided."""

    kind: str
    stage: str
    specialists: tuple[str, ...]
    tokens: int
    seconds: float
    """Of the decision itself, as the route tells."""
    reason: str

    def right(self, expect: tuple[str, ...]) -> bool:
        """Whether those got it who should; the fallback or a decline where nobody should."""
        if not expect:
            return self.kind == "decline" or self.specialists == (FALLBACK,)
        return self.kind == "dispatch" and self.specialists == expect


def shipped() -> list[Asked]:
    """The 200 requests."""
    lines = (FOLDER / "shipped_200.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [Asked(text=row["text"], expect=tuple(row["expect"])) for row in rows]


class Server:
    """A dev server on a free port with a home of its own, until the block is left."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        bare = {name: value for name, value in os.environ.items() if not _ours(name)}
        self._log = home / "server.log"
        with self._log.open("w") as log:
            self._work = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "dev", "--port", str(port)],
                env=bare | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "SWITCHYARD_HOME": str(home)},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 120
        while _READY not in self._log.read_text():
            if self._work.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise SystemExit(f"The server did not start:\n{self._log.read_text()[-3000:]}")
            select.select([], [], [], 0.2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._work.send_signal(signal.SIGINT)
        try:
            self._work.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._work.kill()
            self._work.wait()


def measure(course: Course, _encoder: Remembering) -> Json:
    """Shares by stage, accuracy, tokens, errors; and whether the same input goes the same way."""
    asked = shipped()[:: 10 if course.small else 1]
    again = asked[:: 5 if course.small else 1]
    repeats = 2 if course.small else REPEATS
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        return asyncio.run(routed(server.url, asked, again, repeats))


async def routed(url: str, asked: Sequence[Asked], again: Sequence[Asked], repeats: int) -> Json:
    """Route all once, and some again and again, at the server of this address."""
    async with get_client(url=url) as client:
        first = await decide(client, [one.text for one in asked])
        progress(f"{len(asked)} requests routed by the server")
        once = {one.text: route for one, route in zip(asked, first, strict=True)}
        differing: set[str] = set()
        for number in range(1, repeats):
            for one, route in zip(
                again, await decide(client, [a.text for a in again]), strict=True
            ):
                if _plain(route) != _plain(once[one.text]):
                    differing.add(one.text)
            progress(f"{len(again)} of them again: {number + 1} of {repeats}")
    figures = of(asked, first) | {
        "repeats": repeats,
        "repeated": len(again),
        "same_route": len(again) - len(differing),
        "differing": sorted(differing),
    }
    tell(figures)
    return {"end_to_end": figures}


async def decide(client: LangGraphClient, texts: Sequence[str]) -> list[Decided | str]:
    """The decision on each text, or what went wrong."""
    places = asyncio.Semaphore(_WIDTH)

    async def one(text: str) -> Decided | str:
        async with places:
            return await _decided(client, text)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(text)) for text in texts]
    return [task.result() for task in tasks]


async def _decided(client: LangGraphClient, text: str) -> Decided | str:
    thread = (await client.threads.create())["thread_id"]
    request: Json = {"messages": [{"role": "user", "content": text}]}
    async with asyncio.timeout(120):
        said = await client.runs.wait(
            thread,
            "supervisor",
            input=request,
            interrupt_before=["dispatch"],
            raise_error=False,
        )
        values = (await client.threads.get_state(thread))["values"]
    route = values.get("route") if isinstance(values, dict) else None
    if not route:
        return str(said)[:300]
    return Decided(
        kind=route["kind"],
        stage=route["stage"],
        specialists=tuple(one["specialist"] for one in route["dispatches"]),
        tokens=route["tokens"],
        seconds=route["seconds"],
        reason=route["reason"],
    )


def of(asked: Sequence[Asked], routes: Sequence[Decided | str]) -> Json:
    """The figures of one pass."""
    pairs = list(zip(asked, routes, strict=True))
    decided = [(one, route) for one, route in pairs if isinstance(route, Decided)]
    stages = Counter(route.stage for _, route in decided)
    right = [one for one, route in decided if route.right(one.expect)]
    by_stage = Counter(route.stage for one, route in decided if route.right(one.expect))
    seconds = sorted(route.seconds for _, route in decided)
    return {
        "requests": len(pairs),
        "share_by_stage": {name: round(count / len(pairs), 4) for name, count in stages.items()},
        "accuracy": round(len(right) / len(pairs), 4),
        "accuracy_by_stage": {
            name: round(by_stage[name] / count, 4) for name, count in stages.items()
        },
        "kinds": dict(Counter(route.kind for _, route in decided)),
        "tokens": sum(route.tokens for _, route in decided),
        "decision_ms_p50": round(seconds[len(seconds) // 2] * 1000, 3) if seconds else None,
        "errors": [str(route) for _, route in pairs if isinstance(route, str)],
        "wrong": [
            [one.text, list(one.expect), list(route.specialists), route.stage, route.kind]
            for one, route in decided
            if not route.right(one.expect)
        ],
    }


def tell(figures: Json) -> None:
    """The tables."""
    rows = [
        [stage, share, figures["accuracy_by_stage"][stage]]
        for stage, share in figures["share_by_stage"].items()
    ]
    title = f"{figures['requests']} requests through the dev server"
    show(title, ["stage", "share", "of these right"], [*rows, ["all", 1.0, figures["accuracy"]]])
    same = f"{figures['same_route']} of {figures['repeated']}"
    show(
        "The same again",
        ["repeats", "same route", "tokens of tier route", "errors"],
        [[figures["repeats"], same, figures["tokens"], len(figures["errors"])]],
    )


def _plain(route: Decided | str) -> tuple[object, ...]:
    """What must be equal when a request is sent again."""
    if isinstance(route, str):
        return (route,)
    return route.kind, route.stage, route.specialists, route.reason


def _ours(name: str) -> bool:
    return name.startswith(("SWITCHYARD_", "LANGSMITH_", "LANGCHAIN_"))
