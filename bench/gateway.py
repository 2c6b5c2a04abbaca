"""What the gateway adds to a call of a tool: `make bench-gateway`.

The same server over stdio, held open, is called by an agent's tool that goes through the gateway
and by the bare adapter's, in turns within one run. Time is the processor's, of our process with
all its threads; the server's own is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from langchain_core.tools import BaseTool
from langchain_mcp_adapters.sessions import StdioConnection, create_session
from langchain_mcp_adapters.tools import load_mcp_tools

from bench.report import machine, progress, show, write
from ledger.approvals import Answer, Approval
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import ROOT
from tools.config import load_tools
from tools.entities import asked
from tools.gateway import Gateway, open_gateway
from tools.policy import Policy, load_policy

TERMS: dict[str, Json] = {
    "cleared_for": "internal",
    "untrusted": False,
    "actions": {"note": "write"},
    "keys": {"note": "idempotency_key"},
}
KINDS = ("untyped", "typed", "note")
GOALS = {"decision_us_p50": 100, "gateway_added_cpu_ms": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The gateway and the bare tools, side by side."""

    gateway: Gateway
    policy: Policy
    bare: dict[str, BaseTool]
    context: RunContext


async def nobody(question: Approval) -> Answer:
    """Nothing here asks."""
    raise AssertionError(question)


@asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    """Both ways to the server, each with a process of its own."""
    policy = load_policy(ROOT / "config" / "policy")
    with tempfile.TemporaryDirectory() as folder:
        file, args = Path(folder) / "mcp.json", ["-m", "bench.plain_tools"]
        entry = {"command": sys.executable, "args": args, "cwd": str(ROOT), "switchyard": TERMS}
        file.write_text(json.dumps({"mcpServers": {"plain": entry}}))
        connection = StdioConnection(
            transport="stdio", command=sys.executable, args=args, cwd=str(ROOT)
        )
        async with (
            open_ledger(f"sqlite:///{folder}/ledger.sqlite") as ledger,
            open_gateway(load_tools(file), policy, ledger, environment={}) as gateway,
            create_session(connection) as session,
        ):
            await session.initialize()
            tools = {one.name: one for one in await load_mcp_tools(session)}
            context = await _begun(ledger)
            yield Bench(gateway=gateway, policy=policy, bare=tools, context=context)


async def _begun(ledger: Ledger) -> RunContext:
    await ledger.runs.start(
        "bench",
        thread="",
        request="bench",
        tenant="local",
        user="local",
        label=Label.internal,
        docs="",
    )
    tools = frozenset(f"plain_{kind}" for kind in KINDS)
    return RunContext(run="bench", specialist="bench", task="d1", tools=tools, foreseen=tools)


def _given(kind: str, number: int) -> dict[str, Json]:
    return {"id": number % 50} | ({"text": f"note {number}"} if kind == "note" else {})


async def spent(work: Callable[[int], Awaitable[object]], calls: range) -> float:
    """Milliseconds of processor time of one call."""
    began = time.process_time()
    for number in calls:
        await work(number)
    return 1000 * (time.process_time() - began) / len(calls)


def decisions(bench: Bench, count: int) -> dict[str, float]:
    """Microseconds of a decision from the question to the verdict: one that was never asked, one
    like others before it, and the first one of a caller that was never seen."""
    entry = bench.gateway.catalogue["plain_typed"]
    took: dict[str, list[float]] = {"new": [], "repeated": [], "stranger": []}
    for number in range(count):
        for kind, figures in took.items():
            if kind == "new":
                bench.policy._decided.cache_clear()
            context = bench.context
            if kind == "stranger":
                context = replace(context, user=f"user {number}")
            began = time.perf_counter()
            given = _given("typed", number)
            question = asked(context, entry, Label.internal, at=0.0, arguments=given)
            bench.policy.decide(question)
            figures.append(1e6 * (time.perf_counter() - began))
    return {
        "decision_us_p50": round(statistics.median(took["new"]), 1),
        "decision_us_p99": round(sorted(took["new"])[int(0.99 * count)], 1),
        "repeated_decision_us_p50": round(statistics.median(took["repeated"]), 1),
        "strangers_decision_us_p50": round(statistics.median(took["stranger"]), 1),
    }


async def measure(bench: Bench, *, rounds: int, calls: int) -> dict[str, Json]:
    """Figures of reads, effects and decisions."""

    def through(kind: str) -> Callable[[int], Awaitable[object]]:
        [tool, *_] = bench.gateway.tools(bench.context, [f"plain_{kind}"], ask=nobody)

        async def call(number: int) -> object:
            reply = await tool.ainvoke(_called(f"plain_{kind}", kind, number))
            assert reply.status == "success", reply
            return reply

        return call

    def bare(kind: str) -> Callable[[int], Awaitable[object]]:
        async def call(number: int) -> object:
            return await bench.bare[kind].ainvoke(_called(kind, kind, number))

        return call

    read: dict[str, list[float]] = {
        f"{way} {kind}": [] for kind in KINDS for way in ("gateway", "bare")
    }
    for number in range(-1, rounds):
        span = range((number + 1) * calls, (number + 2) * calls)
        for kind in KINDS:
            for way, work in (("gateway", through(kind)), ("bare", bare(kind))):
                figure = await spent(work, span)
                if number >= 0:  # The round before that warms caches up.
                    read[f"{way} {kind}"].append(figure)
        progress(f"round {number + 1} of {rounds}")
    middle = {name: statistics.median(figures) for name, figures in read.items()}
    return {
        **decisions(bench, 25 * calls),
        "gateway_cpu_ms": round(middle["gateway untyped"], 3),
        "bare_cpu_ms": round(middle["bare untyped"], 3),
        "gateway_added_cpu_ms": round(middle["gateway untyped"] - middle["bare untyped"], 3),
        "typed_gateway_cpu_ms": round(middle["gateway typed"], 3),
        "typed_bare_cpu_ms": round(middle["bare typed"], 3),
        "effect_gateway_cpu_ms": round(middle["gateway note"], 3),
        "effect_bare_cpu_ms": round(middle["bare note"], 3),
        "rounds": read,
        "calls": calls,
    }


def _called(name: str, kind: str, number: int) -> dict[str, Json]:
    arguments = _given(kind, number)
    return {"type": "tool_call", "name": name, "args": arguments, "id": f"c{number}"}


async def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="What the gateway adds to a call.")
    parser.add_argument("--small", action="store_true", help="a sample")
    given = parser.parse_args()
    async with opened() as bench:
        figures = await measure(
            bench, rounds=3 if given.small else 9, calls=40 if given.small else 200
        )
    hidden = ("rounds", "calls")
    rows = [[name, figures[name], GOALS.get(name)] for name in figures if name not in hidden]
    show("The gateway beside the bare adapter", ["figure", "read", "goal"], rows)
    figures |= {"goals": GOALS, "about": machine("cedarpy", "mcp", "langchain-mcp-adapters")}
    progress(f"written to {write('gateway', figures, small=given.small)}")


if __name__ == "__main__":
    asyncio.run(main())
