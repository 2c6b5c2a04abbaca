"""A small installation behind the MCP facade: its scripted tool server counts what reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from mcp import ClientSession
from mcp.client.session import ElicitationFnT, MessageHandlerFnT
from mcp.shared.memory import create_connected_server_and_client_session
from mcp.types import CallToolResult, TextContent

from app.facade import CALLER, Facade
from app.facade_config import FacadeFile, load_facade
from app.facade_open import Way, open_facade
from app.facade_session import Caller
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.settings import Settings
from tests.graphs.installation import received, scripted_server, written

RUN = "switchyard/run"
CALL = "switchyard/call"


@dataclass(frozen=True)
class Place:
    """The files of an installation, and the facade where it is open in this process."""

    home: Path
    settings: Settings
    facade: Facade | None = None

    @property
    def received(self) -> list[Json]:
        """Every call that reached the tool server."""
        return received(self.home)

    def ledger(self) -> str:
        return self.settings.ledger

    @asynccontextmanager
    async def client(
        self, elicit: ElicitationFnT | None = None, heard: MessageHandlerFnT | None = None
    ) -> AsyncIterator[ClientSession]:
        """A client with a session of its own."""
        assert self.facade is not None, "it is open"
        CALLER.set(Caller(tenant="acme", user="ann", way="stdio"))
        async with create_connected_server_and_client_session(
            self.facade, elicitation_callback=elicit, message_handler=heard
        ) as session:
            yield session


def place(
    home: Path, *, rules: str = "", deadline: float = 10, server: Json = None, **facade: Json
) -> Place:
    """Write the files; `facade` are the keys of facade.yaml, `rules` go beside the base policy,
    `deadline` is that of the tool server; `server` are the keys that change its entry."""
    home.mkdir(parents=True, exist_ok=True)
    server = scripted_server(home) | (server or {})
    server["switchyard"]["timeout_seconds"] = deadline
    config = written(home, servers={"s": server})
    (config / "facade.yaml").write_text(yaml.safe_dump({"version": 1, **facade}))
    if rules:
        (config / "policy" / "test.cedar").write_text(rules)
    return Place(home=home, settings=Settings(home=home, config=config))


@asynccontextmanager
async def opened(
    home: Path, *, rules: str = "", deadline: float = 10, server: Json = None, **facade: Json
) -> AsyncIterator[Place]:
    """The facade in this process."""
    files = place(home, rules=rules, deadline=deadline, server=server, **facade)
    file: FacadeFile = load_facade(files.settings.config)
    async with open_facade(files.settings, file, Way(docs=home, home="")) as it:
        yield Place(home=home, settings=files.settings, facade=it)


def text(result: CallToolResult) -> str:
    """The first text of a result."""
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


def said(result: CallToolResult, name: str) -> str:
    """What `_meta` of a result says; empty for nothing."""
    return str((result.meta or {}).get(name, ""))


async def rows(place: Place, run: str) -> list[Json]:
    """The tool calls of a run, as the ledger has them, in the order of their beginning."""
    async with open_ledger(place.ledger()) as ledger:
        found = await ledger.calls.of_run(run)
    return [
        {"tool": one.tool, "decision": one.decision, "outcome": one.outcome, "tenant": one.tenant}
        | {"user": one.user, "specialist": one.specialist, "id": one.id, "task": one.task}
        for one in found
    ]


async def first_question(ledger: Ledger) -> str:
    """The id of the first question that somebody is asked; waits for it, at most 10 s."""
    async with asyncio.timeout(10):
        # Another process or task asks it; there is no event to wait for.
        while not (pending := await ledger.approvals.pending()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return pending[0].id
