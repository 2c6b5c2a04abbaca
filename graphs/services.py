"""What the nodes work with: opened once for a process, closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from agents.limits import LimitsFile, load_limits
from agents.registry import Registry, load_registry
from agents.routing.settings import Routing, load_routing, refuse_unknown
from graphs.classifier import LocalStage, train_local_stage
from graphs.holding import Holding, open_holding
from graphs.retention import forgetting
from graphs.traces import send_discreetly
from ledger.ceilings import Ceiling
from ledger.store import Ledger, open_ledger
from models.config import ModelsConfig, load_models
from models.tiers import Models, open_models
from runtime.errors import OperatorError
from runtime.rooms import foreign_rooms
from runtime.settings import Settings
from tools.config import ToolsConfig, load_tools
from tools.gateway import Gateway, Quotas, open_gateway
from tools.pins import FILE as PINS
from tools.policy import Policy, load_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The rooms below, ready for use."""

    settings: Settings
    ledger: Ledger
    models: Models
    gateway: Gateway
    registry: Registry
    limits: LimitsFile
    routing: Routing
    local_stage: LocalStage
    holding: Holding


_current: Services | None = None
_opening = 0


def services() -> Services:
    """The services of this process.

    Raises:
        OperatorError: nobody opened them; a node runs outside of the server and the command line.
    """
    if _current is None:
        raise OperatorError(
            "The services of Switchyard are not open.",
            remedy="Start it by `make dev` or `switchyard run`, which open them.",
        )
    return _current


async def services_when_open(seconds: float = 60.0) -> Services:
    """The services, once they are open: a server may start a run before it has opened them.

    Training for many specialists may take longer than `seconds`, which count only while nobody is
    opening them.

    Raises:
        OperatorError: nobody opened them in that time.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    # Not an event: it would belong to one loop, and each server and test has its own.
    while _current is None and (_opening or clock() < until):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return services()


@asynccontextmanager
async def open_services(settings: Settings, kind: str = "run") -> AsyncIterator[Services]:
    """Open ledger, models and tool servers, and make them the services of this process.

    `kind` begins the name under which this process holds runs.

    Raises:
        ConfigError: a configuration file is wrong.
        LedgerUnavailable: the ledger cannot be opened.
    """
    global _current, _opening
    if strangers := foreign_rooms():
        raise OperatorError(
            f"Other packages stand where ours should: {strangers}",
            remedy="Uninstall them, or start from the folder that holds langgraph.json.",
        )
    async with AsyncExitStack() as stack:
        _opening += 1
        try:
            opened = await stack.enter_async_context(_open_rooms(settings, kind))
        finally:
            _opening -= 1
        send_discreetly(opened.gateway.masking.value, opened.ledger.runs, opened.registry)
        opened.models.mask_by(opened.gateway.masking.known_in)
        before, _current = _current, opened
        try:
            yield opened
        finally:
            _current = before


@asynccontextmanager
async def _open_rooms(settings: Settings, kind: str) -> AsyncIterator[Services]:
    files = await asyncio.to_thread(_read, settings)
    async with (
        open_ledger(settings.ledger) as ledger,
        forgetting(ledger, settings.retention_days, files.models.cache.seconds),
        open_models(files.models, ledger) as models,
        open_gateway(
            files.tools,
            files.policy,
            ledger,
            environment=settings.for_servers(),
            quotas=Quotas(
                run_files=files.limits.run_files,
                run_bytes=files.limits.run_bytes,
                file_bytes=files.limits.file_bytes,
            ),
            pins=settings.home.resolve() / PINS,
        ) as gateway,
        # The last one: it ends the workers before the rooms that they work in close.
        open_holding(ledger, kind) as holding,
    ):
        ledger.budgets.standing = files.limits.standing
        await ledger.runs.close_threadless(await holding.gone(), "It was cut off.")
        local_stage = await train_local_stage(
            files.registry,
            files.routing,
            settings.home.resolve(),
            ledger,
            models,
            Ceiling(dollars=files.limits.request_dollars, tokens=files.limits.request_tokens),
        )
        yield Services(
            settings=settings,
            ledger=ledger,
            models=models,
            gateway=gateway,
            registry=files.registry,
            limits=files.limits,
            routing=files.routing,
            local_stage=local_stage,
            holding=holding,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    registry: Registry
    models: ModelsConfig
    tools: ToolsConfig
    policy: Policy
    limits: LimitsFile
    routing: Routing


def _read(settings: Settings) -> _Files:
    """Everything that is read from files. In a thread: nothing may block the event loop."""
    registry = load_registry(settings.specialists)
    file = settings.config / "routing.yaml"
    routing = load_routing(file)
    refuse_unknown(
        routing, {*registry, *(one.stem for one in settings.specialists.glob("*.md"))}, file
    )
    return _Files(
        registry=registry,
        models=load_models(settings.config / "models.yaml").keeping(settings.retention_days),
        tools=load_tools(settings.config / "mcp.json"),
        policy=load_policy(settings.config / "policy"),
        limits=load_limits(settings.config / "limits.yaml"),
        routing=routing,
    )
