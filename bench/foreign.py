"""Servers that nobody here wrote, through the gateway: `make bench-foreign`, which needs Node.

Three servers from npm (one of them over HTTP as well), three from PyPI, and an API by its OpenAPI
document, from its address and from a file. The tools are counted against what a bare client is
told, every call is held against what must come of it, and every call must stand in the audit.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from app.audit import chains, checked_of
from bench.foreign_bare import own_tools
from bench.foreign_calls import Told, book_of, make
from bench.foreign_install import Package, check_needs, install
from bench.foreign_processes import Watch
from bench.foreign_world import World, entries, lay_out, write_config
from bench.report import machine, progress, show, write
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import ROOT
from tools.config import load_tools
from tools.gateway import Gateway, open_gateway
from tools.policy import load_policy

KEY = "a-key-that-no-server-may-see"
LEAST = 20
"""Calls that must reach each server."""
RULES = """
@id("bench/not-there")
@reason("Nothing is moved there in this benchmark.")
forbid (principal, action, resource == Tool::"filesystem_move_file")
when { context.args has destination && context.args.destination like "*/locked/*" };
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the calls of all servers have in common."""

    gateway: Gateway
    ledger: Ledger
    world: World
    watch: Watch


async def measure(packages: Mapping[str, Package]) -> Json:
    """Open, count, call and check; the figures."""
    # It is in the environment of this process, and must not get into that of a server.
    os.environ["OPENAI_API_KEY"] = KEY
    watch = Watch()
    with tempfile.TemporaryDirectory() as name:
        world = lay_out(Path(name))
        rules = world.folder / "policy"
        shutil.copytree(ROOT / "config" / "policy", rules)
        (rules / "bench.cedar").write_text(RULES)
        async with (
            entries(world, packages) as servers,
            open_ledger(f"sqlite+aiosqlite:///{world.folder / 'ledger.sqlite'}") as ledger,
        ):
            config = load_tools(write_config(world, servers))
            own = {name: await own_tools(entry, world.folder) for name, entry in servers.items()}
            progress(f"Opening {len(servers)} servers ...")
            began = time.perf_counter()
            async with open_gateway(config, load_policy(rules), ledger, environment={}) as gateway:
                opened = time.perf_counter() - began
                if gateway.unavailable:
                    raise SystemExit(f"Not every server started: {dict(gateway.unavailable)}")
                bench = Bench(gateway=gateway, ledger=ledger, world=world, watch=watch)
                found = {name: await called(bench, name, own[name]) for name in servers}
                watch.look()
    return {
        "open_seconds": round(opened, 1),
        "servers": {name: version_of(name, packages) | one for name, one in found.items()},
        "processes": watch.seen,
        "processes_left": watch.left(),
    }


def version_of(name: str, packages: Mapping[str, Package]) -> dict[str, str]:
    """Which server it is, and which version of it; of an API, what it is made with."""
    package = packages.get(name.removesuffix("-http"))
    if package is None:
        return {"package": "fastapi", "version": version("fastapi")}
    return {"package": package.name, "version": package.version}


async def called(bench: Bench, name: str, own: set[str]) -> dict[str, Json]:
    """Count the tools of a server, and make all its calls in a run of its own."""
    progress(name)
    book, run = book_of(name, bench.world), f"bench-{name}"
    ours = {
        tool.remote: tool.name for tool in bench.gateway.catalogue.values() if tool.server == name
    }
    await bench.ledger.runs.start(
        run, thread="", request=book.request, tenant="", user="", label=Label.internal, docs=""
    )
    context = RunContext(
        run=run,
        task="d1",
        specialist="bench",
        tools=frozenset(ours.values()),
        foreseen=frozenset(book.foreseen),
    )
    began = time.perf_counter()
    calls = [
        await make(bench.gateway, context, call, ours[call.tool], number, bench.world)
        for number, call in enumerate(book.calls)
        if bench.watch.look()
    ]
    seconds = time.perf_counter() - began
    return {
        "tools_listed": len(own),
        "tools_in_gateway": len(ours),
        "same_tools": own == set(ours),
        "made": len(calls),
        "sent": sum(call.sent for call in calls),
        "right": sum(not call.wrong for call in calls),
        "approvals": sum(call.asked for call in calls),
        "seconds": round(seconds, 2),
        "ms_p50": round(statistics.median(call.milliseconds for call in calls if call.sent), 1),
        **await audited(bench.ledger, run, calls),
        "calls": [asdict(call) for call in calls],
    }


async def audited(ledger: Ledger, run: str, calls: list[Told]) -> dict[str, Json]:
    """Whether every call has its row, and the chain of the run holds."""
    rows = await ledger.calls.of_run(run)
    checked = [checked_of(ledger.audit.key, chained) async for chained in chains(ledger, run)]
    return {
        "audit_rows": len(rows),
        "audited": sorted(row.tool for row in rows) == sorted(call.tool for call in calls),
        "chain_rows": sum(one.rows for one in checked),
        "chain_damages": [asdict(damage) for one in checked for damage in one.damages],
    }


def faults(figures: Json) -> list[str]:
    """Everything that is not as it must be."""
    found: list[str] = []
    for name, one in figures["servers"].items():
        found += [f"{call['tool']}: {call['wrong']}" for call in one["calls"] if call["wrong"]]
        if one["sent"] < LEAST:
            found.append(f"{name}: only {one['sent']} calls reached it")
        if not one["same_tools"]:
            found.append(f"{name}: {one['tools_in_gateway']} of {one['tools_listed']} tools")
        if not one["audited"]:
            found.append(f"{name}: {one['audit_rows']} rows of the audit for {one['made']} calls")
        if one["chain_damages"]:
            found.append(f"{name}: the chain of the audit is broken: {one['chain_damages']}")
    if figures["processes_left"]:
        found.append(f"processes that are left: {figures['processes_left']}")
    return found


def table(figures: Json) -> None:
    columns = (
        "server",
        "version",
        "tools (own)",
        "calls ok",
        "sent",
        "asked",
        "audit",
        "s",
        "p50 ms",
    )
    rows = [
        (
            name,
            one["version"],
            f"{one['tools_in_gateway']} ({one['tools_listed']})",
            f"{one['right']}/{one['made']}",
            one["sent"],
            one["approvals"],
            f"{one['audit_rows']} rows, chain {'broken' if one['chain_damages'] else 'holds'}",
            f"{one['seconds']:.1f}",
            f"{one['ms_p50']:.1f}",
        )
        for name, one in figures["servers"].items()
    ]
    show("Servers that nobody here wrote, through the gateway", columns, rows)
    left = len(figures["processes_left"])
    sys.stdout.write(f"{figures['processes']} processes were started, {left} are left\n")


def main() -> None:
    check_needs()
    try:
        packages = install()
        node = subprocess.check_output(["node", "--version"], text=True).strip()
        figures = machine("mcp", "fastmcp-slim") | {"node": node}
        figures |= asyncio.run(measure(packages))
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"{error.cmd[0]} took longer than {error.timeout:g} s.") from error
    except subprocess.CalledProcessError as error:
        told = f"{error.cmd[0]} failed with exit code {error.returncode}; see its words above."
        raise SystemExit(told) from error
    wrong = figures["faults"] = faults(figures)
    write("foreign", figures, small=False)
    table(figures)
    for fault in wrong:
        sys.stderr.write(f"{fault}\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
