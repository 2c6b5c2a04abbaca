"""MCP servers that nobody here wrote, through the gateway: `make bench-foreign`, which needs Node.

The npm servers "everything" (over stdio and over streamable HTTP) and "filesystem" are installed
in a temporary folder, their tools are counted against the servers' own lists, and some are called.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from rich.console import Console
from rich.table import Table

from ledger.approvals import Answer, Approval
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import ROOT
from tools.config import load_tools
from tools.gateway import Gateway, open_gateway
from tools.policy import load_policy

PACKAGES = ("server-everything", "server-filesystem")
HERE = ROOT / "bench" / "foreign"
RESULTS = ROOT / "bench" / "results" / "foreign.json"

_KEY = "a-key-that-no-server-may-see"

RULES = """
@id("bench/nothing-moves")
@reason("Files are not moved in this benchmark.")
forbid (principal, action, resource == Tool::"filesystem_move_file");
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, and what must come of it."""

    tool: str
    arguments: dict[str, Json]
    outcome: str = "ok"
    holds: str = ""
    """Text that the reply must hold."""
    lacks: str = ""
    """Text that the reply must not hold."""
    file: str = ""
    """A file of the served folder that must be there afterwards."""
    absent: str = ""
    """A file of the served folder that must not be there afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A call as it went."""

    tool: str
    wanted: str
    outcome: str
    milliseconds: float
    right: bool


def calls_of(program: str, server: str, folder: Path) -> list[Call]:
    """The calls of one of the programs, at a server that runs it."""
    text = (HERE / "calls.json").read_text().replace("FOLDER", str(folder))
    return [
        Call(**call | {"tool": f"{server}_{call['tool']}"}) for call in json.loads(text)[program]
    ]


async def answer(question: Approval) -> Answer:
    """Stands for the person: agrees to all but new directories."""
    return "refused" if question.question["tool"].endswith("create_directory") else "approved"


def install(folder: Path) -> dict[str, Path]:
    """Install the servers below a folder; where each begins."""
    shutil.copy(HERE / "package.json", folder)
    command = "npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error"
    subprocess.run(command.split(), cwd=folder, check=True, timeout=300, stdout=sys.stderr)
    at = folder / "node_modules" / "@modelcontextprotocol"
    return {name: at / name for name in PACKAGES}


def release(package: Path) -> str:
    found: str = json.loads((package / "package.json").read_text())["version"]
    return found


@asynccontextmanager
async def over_http(package: Path) -> AsyncIterator[str]:
    """The server "everything" over streamable HTTP, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["node", str(package / "dist" / "index.js"), "streamableHttp"]
    environment = os.environ | {"PORT": str(port)}
    async with await anyio.open_process(
        command, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stderr is not None
            with anyio.fail_after(20):
                while b"listening" not in await process.stderr.receive():
                    continue
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


async def own_list(program: StdioServerParameters, silence: TextIO) -> set[str]:
    """The names of a server's tools, asked of the server itself."""
    async with stdio_client(program, silence) as streams, ClientSession(*streams) as session:
        await session.initialize()
        return {tool.name for tool in (await session.list_tools()).tools}


def program(package: Path, *args: str) -> dict[str, Json]:
    return {"command": "node", "args": [str(package / "dist" / "index.js"), *args]}


async def made(gateway: Gateway, context: RunContext, call: Call, id: str, folder: Path) -> Told:
    began = time.perf_counter()
    reply = await gateway.call(
        context,
        call.tool,
        call.arguments,
        call=id,
        ask=answer,
    )
    took = time.perf_counter() - began
    right = reply.outcome == call.outcome and call.holds in reply.text
    right = right and not (call.lacks and call.lacks in reply.text)
    right = right and not (call.file and not (folder / call.file).exists())
    right = right and not (call.absent and (folder / call.absent).exists())
    return Told(
        tool=call.tool,
        wanted=call.outcome,
        outcome=reply.outcome,
        milliseconds=round(took * 1000, 1),
        right=right,
    )


async def measure(folder: Path) -> Json:
    """Install, open, count and call; the figures."""
    packages = install(folder)
    served = folder / "served"
    served.mkdir()
    (served / "read.txt").write_text("to be read")
    (served / "large.txt").write_text("x" * 100_000)
    programs = {
        "everything": program(packages["server-everything"]),
        "filesystem": program(packages["server-filesystem"], str(served)),
    }
    os.environ["OPENAI_API_KEY"] = _KEY
    async with over_http(packages["server-everything"]) as url:
        servers = programs | {"everything-http": {"type": "http", "url": url}}
        terms = {"cleared_for": "internal", "timeout_seconds": 3, "max_bytes": 50_000}
        for server in servers.values():
            server["switchyard"] = terms
        config = folder / "mcp.json"
        config.write_text(json.dumps({"mcpServers": servers}))
        rules = folder / "policy"
        shutil.copytree(ROOT / "config" / "policy", rules)
        (rules / "bench.cedar").write_text(RULES)
        async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
            counts, calls = await through_gateway(ledger, config, rules, served, programs)
            rows = await ledger.calls.of_run("bench")
    return {
        "python": platform.python_version(),
        "mcp": version("mcp"),
        "packages": {name: release(package) for name, package in packages.items()},
        "tools": counts,
        "calls": [asdict(call) for call in calls],
        "right": sum(call.right for call in calls),
        "audit_rows": len(rows),
    }


async def through_gateway(
    ledger: Ledger, config: Path, rules: Path, served: Path, programs: dict[str, dict[str, Json]]
) -> tuple[dict[str, dict[str, int]], list[Told]]:
    """Open the servers, count their tools, and make every call."""
    await ledger.runs.start(
        "bench", thread="", request="", tenant="", user="", label=Label.internal, docs=""
    )
    async with open_gateway(
        load_tools(config), load_policy(rules), ledger, environment={}
    ) as gateway:
        if gateway.unavailable:
            raise SystemExit(f"Not every server started: {dict(gateway.unavailable)}")
        counts: dict[str, dict[str, int]] = {}
        for server in ("everything", "everything-http", "filesystem"):
            # The server over HTTP is the same program, and lists the same tools.
            start = programs[server.removesuffix("-http")]
            with tempfile.TemporaryFile("w") as silence:
                own = await own_list(StdioServerParameters(**start), silence)
            ours = {tool.remote for tool in gateway.catalogue.values() if tool.server == server}
            counts[server] = {"listed": len(own), "in_gateway": len(ours), "same": own == ours}
        context = RunContext(
            run="bench", task="d1", specialist="bench", tools=frozenset(gateway.catalogue)
        )
        # The key is in the environment of this process, and must not get into that of a server.
        shown = Call(tool="everything_get-env", arguments={}, holds="PATH", lacks=_KEY)
        wanted = [shown]
        for server in counts:
            wanted += calls_of(server.removesuffix("-http"), server, served)
        calls = [
            await made(gateway, context, call, f"call-{number}", served)
            for number, call in enumerate(wanted)
        ]
    return counts, calls


def show(figures: Json) -> None:
    table = Table("tool", "wanted", "outcome", "ms", "right")
    for call in figures["calls"]:
        right = "yes" if call["right"] else "NO"
        table.add_row(
            call["tool"], call["wanted"], call["outcome"], str(call["milliseconds"]), right
        )
    console = Console()
    console.print(table)
    for server, count in figures["tools"].items():
        console.print(f"{server}: {count['in_gateway']} of {count['listed']} tools")
    console.print(f"{figures['right']} of {len(figures['calls'])} calls as expected")


def main() -> None:
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed} was not found. Install Node 20 or newer, then try again.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            node = subprocess.check_output(["node", "--version"], text=True).strip()
            figures = {"node": node} | asyncio.run(measure(Path(folder).resolve()))
        except subprocess.CalledProcessError as error:
            told = f"{error.cmd[0]} failed with exit code {error.returncode}; see its words above."
            raise SystemExit(told) from error
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    show(figures)
    same = all(count["same"] for count in figures["tools"].values())
    if not same or figures["right"] != len(figures["calls"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
