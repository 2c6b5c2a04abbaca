"""What the gateway adds to a call of a tool: `make bench-gateway`.

The same server over stdio, held open, is called through the gateway and by the bare adapter, in
turns within one run. Time is the processor's, of our process with all its threads; the server's
own is not in it.
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

READ, EFFECT = "crm_get_customer", "crm_add_note"
TERMS: dict[str, Json] = {
    "cleared_for": "internal",
    "untrusted": False,
    "actions": {"add_note": "write"},
    "keys": {"add_note": "idempotency_key"},
}
GOALS = {"decision_us_p50": 100, "gateway_added_cpu_ms": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The gateway and the bare tool, side by side."""

    gateway: Gateway
    policy: Policy
    bare: BaseTool
    context: RunContext


async def nobody(question: Approval) -> Answer:
    """Nothing here asks."""
    raise AssertionError(question)


@asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    """Both ways to the bundled CRM server, each with a process of its own."""
    policy = load_policy(ROOT / "config" / "policy")
    with tempfile.TemporaryDirectory() as folder:
        file, args = Path(folder) / "mcp.json", ["-m", "tools.servers.crm"]
        env = {"SWITCHYARD_CRM_DB": str(Path(folder) / "crm.sqlite")}
        entry = {"command": sys.executable, "args": args, "env": env, "cwd": str(ROOT)}
        file.write_text(json.dumps({"mcpServers": {"crm": entry | {"switchyard": TERMS}}}))
        connection = StdioConnection(
            transport="stdio", command=sys.executable, args=args, env=env, cwd=str(ROOT)
        )
        async with (
            open_ledger(f"sqlite:///{folder}/ledger.sqlite") as ledger,
            open_gateway(load_tools(file), policy, ledger, environment={}) as gateway,
            create_session(connection) as session,
        ):
            await session.initialize()
            tools = {one.name: one for one in await load_mcp_tools(session)}
            context = await _begun(ledger)
            yield Bench(gateway=gateway, policy=policy, bare=tools["get_customer"], context=context)


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
    tools = frozenset((READ, EFFECT))
    return RunContext(run="bench", specialist="bench", task="d1", tools=tools, foreseen=tools)


async def spent(work: Callable[[int], Awaitable[object]], calls: range) -> float:
    """Milliseconds of processor time of one call."""
    began = time.process_time()
    for number in calls:
        await work(number)
    return 1000 * (time.process_time() - began) / len(calls)


def decisions(bench: Bench, count: int) -> list[float]:
    """Microseconds of each decision, from the question to the verdict."""
    entry = bench.gateway.catalogue[READ]
    took = []
    for number in range(count):
        began = time.perf_counter()
        question = asked(
            bench.context, entry, Label.internal, at=0.0, arguments={"customer_id": number}
        )
        bench.policy.decide(question)
        took.append(1e6 * (time.perf_counter() - began))
    return took


async def measure(bench: Bench, *, rounds: int, calls: int) -> Json:
    """Figures of reads, effects and decisions."""

    async def read(number: int) -> object:
        context = replace(bench.context, task=f"d1/{number}")
        return await bench.gateway.call(
            context, READ, {"customer_id": 42}, call=str(number), ask=nobody
        )

    async def bare(_number: int) -> object:
        return await bench.bare.ainvoke({"customer_id": 42})

    async def effect(number: int) -> object:
        given = {"customer_id": 42, "text": f"note {number}"}
        context = replace(bench.context, task=f"d1/{number}")
        reply = await bench.gateway.call(context, EFFECT, given, call=str(number), ask=nobody)
        assert reply.outcome == "ok", reply
        return reply

    reads: list[float] = []
    bares: list[float] = []
    effects: list[float] = []
    for number in range(-1, rounds):
        span = range((number + 1) * calls, (number + 2) * calls)
        figures = await spent(read, span), await spent(bare, span), await spent(effect, span)
        if number < 0:
            continue  # The first round warms caches up.
        for kept, one in zip((reads, bares, effects), figures, strict=True):
            kept.append(one)
        progress(f"round {number + 1} of {rounds}")
    took = sorted(decisions(bench, 50 * calls))
    ours, theirs = statistics.median(reads), statistics.median(bares)
    return {
        "decision_us_p50": round(statistics.median(took), 1),
        "decision_us_p99": round(took[int(0.99 * len(took))], 1),
        "gateway_cpu_ms": round(ours, 3),
        "bare_cpu_ms": round(theirs, 3),
        "gateway_added_cpu_ms": round(ours - theirs, 3),
        "effect_cpu_ms": round(statistics.median(effects), 3),
        "rounds": {"gateway": reads, "bare": bares, "effect": effects},
        "calls": calls,
    }


async def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="What the gateway adds to a call.")
    parser.add_argument("--small", action="store_true", help="a sample")
    given = parser.parse_args()
    async with opened() as bench:
        figures = await measure(
            bench, rounds=2 if given.small else 9, calls=20 if given.small else 200
        )
    rows = [[name, figures[name], GOALS.get(name, "–")] for name in figures if name != "rounds"]
    show("The gateway beside the bare adapter", ["figure", "read", "goal"], rows[:-1])
    figures |= {"goals": GOALS, "about": machine("cedarpy", "mcp", "langchain-mcp-adapters")}
    progress(f"written to {write('gateway', figures, small=given.small)}")


if __name__ == "__main__":
    asyncio.run(main())
