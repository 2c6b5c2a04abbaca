"""A ledger with a started run, tool servers of every temper, and the gateway before them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.approvals import Approval
from ledger.files import Quotas
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import ROOT
from tools.calls import ToolEvent, ToolReply
from tools.config import ToolsConfig, load_tools
from tools.gateway import Gateway, open_gateway
from tools.policy import Policy, load_policy, parse_policy

SERVERS = Path(__file__).parent / "servers"

OPEN = '@id("test/all") permit (principal, action, resource) when { context.declared };'
"""A policy that asks nobody."""

TERMS: dict[str, Json] = {"cleared_for": "internal", "timeout_seconds": 5, "max_bytes": 10_000}


async def nobody(question: Approval) -> str:
    pytest.fail(f"asked a person: {question}")


async def until(condition: Callable[[], object]) -> None:
    """Wait, at most 5 s, for what another process does; it has no event to wait for."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class Person:
    """Answers every question the same way, and remembers them."""

    says: str
    asked: list[Approval] = field(default_factory=list)

    async def __call__(self, question: Approval) -> str:
        self.asked.append(question)
        return self.says


@dataclass
class House:
    """A run in a ledger, and a file in which the servers count their calls."""

    ledger: Ledger
    folder: Path
    context: RunContext
    events: list[ToolEvent] = field(default_factory=list)

    @property
    def received(self) -> list[Json]:
        """Every tool call that reached a server, in order."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    @property
    def started(self) -> list[int]:
        """The process id of every scripted server that was started, in order."""
        file = self.folder / "starts"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def scripted(self, *args: str, **terms: Json) -> Json:
        return {
            "command": "${PYTHON}",
            "args": ["-S", "-E", str(SERVERS / "scripted.py"), *args],
            "env": {"CALLS": str(self.folder / "calls")},
            "switchyard": TERMS | terms,
        }

    def config(self, **servers: Json) -> ToolsConfig:
        file = self.folder / "mcp.json"
        file.write_text(json.dumps({"mcpServers": servers}, indent=2))
        return load_tools(file)

    @asynccontextmanager
    async def gate(
        self,
        policy: str | Policy = OPEN,
        *,
        environment: dict[str, str] | None = None,
        quotas: Quotas | None = None,
        pins: Path | None = None,
        **servers: Json,
    ) -> AsyncIterator[Door]:
        """The gateway before these servers; `s` is a scripted one unless others are named."""
        config = self.config(**(servers or {"s": self.scripted()}))
        rules = parse_policy(policy) if isinstance(policy, str) else policy
        async with open_gateway(
            config,
            rules,
            self.ledger,
            environment=environment or {},
            quotas=quotas,
            pins=pins,
        ) as gateway:
            yield Door(house=self, gateway=gateway)


@dataclass
class Door:
    """The gateway, with what every call of a test has in common."""

    house: House
    gateway: Gateway

    @property
    def context(self) -> RunContext:
        """The run, with every tool declared."""
        context = self.house.context
        names = frozenset(self.gateway.catalogue) | context.tools
        return RunContext(
            run=context.run,
            tenant=context.tenant,
            user=context.user,
            label=context.label,
            docs=context.docs,
            specialist=context.specialist,
            task=context.task,
            tools=names,
        )

    async def call(
        self,
        tool: str,
        *,
        context: RunContext | None = None,
        call: str = "call-1",
        ask: Callable[[Approval], Awaitable[str]] = nobody,
        **arguments: Json,
    ) -> ToolReply:
        return await self.gateway.call(
            context or self.context,
            tool,
            arguments,
            call=call,
            ask=ask,  # type: ignore[arg-type]
            report=self.house.events.append,
        )


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        yield opened


@pytest.fixture
async def house(ledger: Ledger, tmp_path: Path) -> House:
    await ledger.runs.start(
        "r1", thread="t", request="x", tenant="acme", user="ann", label=Label.public, docs=""
    )
    context = RunContext(
        run="r1",
        tenant="acme",
        user="ann",
        label=Label.public,
        docs=str(tmp_path),
        specialist="tester",
        task="d1/a",
    )
    return House(ledger=ledger, folder=tmp_path, context=context)


@pytest.fixture(scope="session")
def base() -> Policy:
    """The policy that Switchyard ships."""
    return load_policy(ROOT / "config" / "policy")
