"""What the foreign servers of the benchmark work on, and how each is started.

A folder with files, a git repository, an empty database and an empty memory, all in one temporary
folder; two of the servers are spoken to over HTTP and run in processes of their own.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from anyio.abc import ByteReceiveStream, Process

from bench.foreign_install import Package
from runtime.canonical import Json
from runtime.settings import ROOT

_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
_START_SECONDS = 30
_TERMS: dict[str, Json] = {
    "cleared_for": "internal",
    "timeout_seconds": 10,
    # All start side by side, on whatever machine this is.
    "start_seconds": 120,
    "max_bytes": 50_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What there is to work on."""

    folder: Path

    @property
    def served(self) -> Path:
        """The folder that the server `filesystem` may touch."""
        return self.folder / "served"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def words(self, text: str) -> str:
        """A text of a file of calls, with the places of this world put in."""
        return text.replace("FOLDER", str(self.served)).replace("REPO", str(self.repository))


def lay_out(folder: Path) -> World:
    """Make everything that the servers work on."""
    # Servers compare real paths: a temporary folder may be behind a link.
    world = World(folder=folder.resolve())
    world.served.mkdir()
    (world.served / "read.txt").write_text("to be read\nline two\nline three\n")
    (world.served / "large.txt").write_text("x" * 100_000)
    (world.served / "dot.png").write_bytes(base64.b64decode(_PNG))
    (world.served / "deep").mkdir()
    (world.served / "deep" / "inner.md").write_text("# Inside\n")
    (world.served / "way-out").symlink_to("/etc")
    _repository(world.repository)
    return world


def _repository(at: Path) -> None:
    at.mkdir()
    _git(at, "init", "--quiet", "--initial-branch=main")
    _git(at, "config", "user.name", "Ann Bench")
    _git(at, "config", "user.email", "ann@bench.example")
    # Not the machine's own settings: a commit must not ask for a key.
    _git(at, "config", "commit.gpgsign", "false")
    for number, words in enumerate(("First note", "Second note"), start=1):
        (at / "notes.txt").write_text("".join(f"note {one}\n" for one in range(1, number + 1)))
        _git(at, "add", "notes.txt")
        _git(at, "commit", "--quiet", "-m", words, date=f"2024-0{number}-15T12:00:00+00:00")
    (at / "notes.txt").write_text("note 1\nnote 2\nnote 3\n")


def _git(at: Path, *words: str, date: str = "") -> None:
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    # Without the settings of whoever runs this.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *words], cwd=at, check=True, env=os.environ | alone | dates)


@asynccontextmanager
async def entries(world: World, packages: Mapping[str, Package]) -> AsyncIterator[dict[str, Json]]:
    """The servers as `mcp.json` names them; those over HTTP run until the context is left."""
    everything = packages["everything"].command
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_everything_over_http(everything))
        apis = await stack.enter_async_context(bookshops(world))
        programs = {
            name: _program(packages[name].command, *args, env=env)
            for name, args, env in _arguments(world)
        }
        http = _entry({"type": "http", "url": url}, timeout_seconds=3)
        found = programs | {"everything-http": http} | apis
        found["everything"]["switchyard"]["timeout_seconds"] = 3
        # This server says of none of its tools that it only reads.
        found["sqlite"]["switchyard"]["actions"] = dict.fromkeys(
            ("list_tables", "describe_table", "read_query"), "read"
        )
        yield found


@asynccontextmanager
async def bookshops(world: World) -> AsyncIterator[dict[str, Json]]:
    """The API by the address of its document, and by the document as a file."""
    # Each way has an API of its own, so that both begin with the same books.
    async with _bookshop() as live, _bookshop() as filed:
        saved = world.folder / "bookshop.json"
        async with httpx.AsyncClient(trust_env=False) as client:
            saved.write_text((await client.get(f"{filed}/openapi.json")).text)
        key = {"keys": {"place_order_orders_post": "idempotency-key"}}
        yield {
            "api": _entry({"openapi": f"{live}/openapi.json"}, **key),
            "api-file": _entry({"openapi": saved.name, "base_url": filed}, **key),
        }


def _arguments(world: World) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    """How each program is started: its arguments and its variables."""
    memory = {"MEMORY_FILE_PATH": str(world.folder / "memory.jsonl")}
    database = str(world.folder / "shop.sqlite")
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return [
        ("everything", (), {}),
        ("filesystem", (str(world.served),), {}),
        ("memory", (), memory),
        ("git", ("--repository", str(world.repository)), alone),
        ("time", ("--local-timezone", "Europe/Berlin"), {}),
        ("sqlite", ("--db-path", database), {}),
    ]


def _program(command: tuple[str, ...], *args: str, env: Mapping[str, str]) -> dict[str, Json]:
    return _entry({"command": command[0], "args": [*command[1:], *args], "env": dict(env)})


def _entry(start: dict[str, Json], **terms: Json) -> dict[str, Json]:
    return start | {"switchyard": _TERMS | terms}


@asynccontextmanager
async def _everything_over_http(command: tuple[str, ...]) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with _running((*command, "streamableHttp"), {"PORT": str(port)}) as process:
        assert process.stderr is not None, "it was started with a pipe"
        async with _emptied(process.stderr, b"listening"):
            yield f"http://127.0.0.1:{port}/mcp"


@asynccontextmanager
async def _bookshop() -> AsyncIterator[str]:
    command = (sys.executable, "-m", "bench.foreign_api")
    async with _running(command, {}) as process:
        assert process.stdout is not None, "it was started with a pipe"
        with anyio.fail_after(_START_SECONDS):
            address = (await process.stdout.receive()).decode().strip()
        yield address


@asynccontextmanager
async def _running(command: tuple[str, ...], env: Mapping[str, str]) -> AsyncIterator[Process]:
    async with await anyio.open_process(
        command, env=os.environ | env, cwd=ROOT, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def _emptied(stream: ByteReceiveStream, word: bytes) -> AsyncIterator[None]:
    """Go on once a program has said the word; what it says later is thrown away."""
    with anyio.fail_after(_START_SECONDS):
        while word not in await stream.receive():
            continue
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_drain, stream)
        yield
        tasks.cancel_scope.cancel()


async def _drain(stream: ByteReceiveStream) -> None:
    with suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
        while True:
            await stream.receive()


def write_config(world: World, servers: Mapping[str, Json]) -> Path:
    """The servers as a file that the gateway reads."""
    file = world.folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": dict(servers)}, indent=2))
    return file
