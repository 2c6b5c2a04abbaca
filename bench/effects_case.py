"""One effect call and the processes that make it: one that is killed, and those that come after.

Every process opens the real ledger, a file of SQLite, and the real gateway, and ends with it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio.to_thread

from bench.effects_target import KEYED, KEYLESS, Target
from bench.forked import Child, Tell, fork, in_child, sleep_until
from ledger.approvals import Answer, Approval
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from tools.calls import ToolEvent
from tools.config import load_tools
from tools.gateway import Gateway, Report, open_gateway
from tools.policy import parse_policy

Kind = Literal["keyed", "keyless"]
Gap = Literal["claimed", "recorded", "settled", "closed"]
GAPS: tuple[Gap, ...] = ("claimed", "recorded", "settled", "closed")
"""The last thing that a killed process had committed: its claim, the answer, the effect's outcome,
the call's end. Some may share a commit; then nobody is ever killed between them."""
_TOOLS: dict[Kind, str] = {"keyed": KEYED, "keyless": KEYLESS}
_OPEN = '@id("bench/all") permit (principal, action, resource) when { context.declared };'
_RUN = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where ledger and configuration of a benchmark lie."""

    folder: Path

    @property
    def ledger(self) -> str:
        """The address of the ledger."""
        return f"sqlite:///{self.folder}/ledger.sqlite"

    def rows(self, query: str, *values: str) -> list[tuple[Json, ...]]:
        """Rows of the ledger, read past every process that writes it."""
        with closing(sqlite3.connect(self.folder / "ledger.sqlite", timeout=10)) as opened:
            return opened.execute(query, values).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An effect with a name of its own, which the target counts by."""

    name: str
    kind: Kind
    place: Place

    @property
    def tool(self) -> str:
        """The tool's name at the gateway."""
        return f"t_{_TOOLS[self.kind]}"

    @property
    def context(self) -> RunContext:
        """The identity under which the call is made, now and after a restart."""
        return RunContext(
            run=_RUN, specialist="bench", task=f"d1/{self.name}", tools=frozenset({self.tool})
        )

    @property
    def gap(self) -> Gap:
        """The last thing that is on record of the call."""
        task = self.context.task
        if self._first("SELECT outcome FROM tool_calls WHERE task = ?", task) not in ("pending",):
            return "closed"
        if self.state == "done":
            return "settled"
        recorded = self._first("SELECT count(*) FROM exchanges WHERE task = ?", task)
        return "recorded" if recorded else "claimed"

    @property
    def state(self) -> str:
        """What the ledger says of the effect."""
        return str(self._first("SELECT state FROM effects WHERE task = ?", self.context.task))

    @property
    def key(self) -> str:
        """The key under which the effect is on record."""
        return str(self._first("SELECT key FROM effects WHERE task = ?", self.context.task))

    def _first(self, query: str, *values: str) -> Json:
        rows = self.place.rows(query, *values)
        return rows[0][0] if rows else None


def prepare(folder: Path, target: Target) -> Place:
    """An empty ledger with one run, and the target's entry."""
    place = Place(folder=folder)
    terms = {"cleared_for": "internal", "keys": {KEYED: "key"}, "timeout_seconds": 30}
    entry = {"url": target.address, "switchyard": terms}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"t": entry}}))

    async def begin(tell: Tell) -> None:
        async with open_ledger(place.ledger) as ledger:
            await ledger.runs.start(
                _RUN,
                thread="",
                request="bench",
                tenant="local",
                user="local",
                label=Label.internal,
                docs="",
            )
        tell(None)

    in_child(begin)
    return place


def first(case: Case, *, stop_at_call: bool = False) -> Child:
    """A process that makes the call for the first time; it tells when it is open, and the reply.

    Args:
        stop_at_call: Wait, after the claim and before anything is sent, to be killed.
    """

    async def live(tell: Tell) -> None:
        def report(event: ToolEvent) -> None:
            if stop_at_call and event.phase == "called":
                tell("called")
                time.sleep(60)

        async with _opened(case) as gateway:
            tell("open")
            tell(await _called(gateway, case, "call-1", report))

    return fork(live)


def killed(case: Case, target: Target, delay: float) -> bool:
    """Make the call in a process that is killed `delay` seconds after the effect has happened.

    Returns:
        False when it ended before it could be killed.
    """
    child = first(case)
    child.told()
    sleep_until(target.happened(case.name) + delay)
    return child.kill()


def again(case: Case) -> list[Json]:
    """The same call in a fresh process, then once more under another id; both replies."""

    async def live(tell: Tell) -> None:
        async with _opened(case) as gateway:
            tell([await _called(gateway, case, id) for id in ("call-1", "call-2")])

    replies: list[Json] = in_child(live)
    return replies


def at_once(case: Case, processes: int) -> list[Json]:
    """The same call from so many processes at the same instant; all replies."""
    gate, start = os.pipe()

    async def live(tell: Tell) -> None:
        os.close(start)
        async with _opened(case) as gateway:
            tell("open")
            # The end of the pipe, which all of them see when the last one has it closed.
            await anyio.to_thread.run_sync(os.read, gate, 1)
            tell(await _called(gateway, case, f"call-{os.getpid()}"))

    children = [fork(live) for _ in range(processes)]
    for child in children:
        child.told()
    os.close(start)
    os.close(gate)
    return _all(children)


def _all(children: Sequence[Child]) -> list[Json]:
    replies = [child.told() for child in children]
    for child in children:
        child.end()
    return replies


@asynccontextmanager
async def _opened(case: Case) -> AsyncIterator[Gateway]:
    folder = case.place.folder
    async with (
        open_ledger(case.place.ledger) as ledger,
        open_gateway(
            load_tools(folder / "mcp.json"),
            parse_policy(_OPEN),
            ledger,
            environment={},
            pins=folder / "pins.json",
        ) as gateway,
    ):
        yield gateway


async def _called(gateway: Gateway, case: Case, id: str, report: Report | None = None) -> Json:
    reply = await gateway.call(
        case.context, case.tool, {"case": case.name}, call=id, ask=_nobody, report=report
    )
    return {"outcome": reply.outcome, "text": reply.text}


async def _nobody(question: Approval) -> Answer:
    raise AssertionError(question)
