"""Opens the desk that commands route at: the specialists, examples and settings of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.registry import Registry, load_registry
from agents.routing.desk import Desk
from agents.routing.encoding import AskedEncoder, routing_encoder
from agents.routing.local import LocalClassifier
from agents.routing.settings import Routing, load_routing, refuse_unknown
from agents.spec import Specialist
from app.route_model import open_asking
from models.encoder import Encoder
from runtime.labels import Label
from runtime.settings import Settings

LOCAL = "local"
"""The tenant and the user of whoever is at this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A desk, and what it was trained with.

    Use the desk in a thread: with vectors of tier `embed` it waits for the event loop.
    """

    desk: Desk
    encoder: Encoder | None
    """None where words alone decide."""

    def trained_on(self, specialists: Iterable[Specialist]) -> Desk:
        """The same desk with other examples, or some left out."""
        there = {one.name: one for one in specialists}
        routing = self.desk.routing
        trained = LocalClassifier(there.values(), self.encoder, promise=routing.promise)
        return Desk(registry=there, trained=trained, routing=routing, tenant=self.desk.tenant)


@asynccontextmanager
async def open_desk(
    settings: Settings, tenant: str = LOCAL, label: Label = Label.internal
) -> AsyncIterator[Opened]:
    """Read the files and train. With tier `embed`, new examples and requests cost tokens: they are
    booked on a run of their own, which has the label of what is asked.

    Raises:
        ConfigError: a configuration file is wrong, or the encoder's files are not the published
            ones.
        BoundaryBreach, BudgetExceeded, ModelUnavailable, ModelFault: tier `embed` cannot serve.
    """
    registry, routing = await asyncio.to_thread(_read, settings)
    opened = partial(_opened, registry, routing, tenant)
    if routing.embeddings == "tier":
        from models.encoder.tier import TierEncoder  # noqa: PLC0415 - only where a tier serves

        async with open_asking(
            settings, request="Vectors for routing", tenant=tenant, label=label
        ) as asking:
            tier = TierEncoder(asking.models, settings.home.resolve())
            encoder = AskedEncoder(tier, asking.context, asyncio.get_running_loop())
            yield await asyncio.to_thread(opened, encoder)
    else:
        with _memory(settings) as home:
            local = routing.embeddings == "local"
            found = await asyncio.to_thread(routing_encoder, home) if local else None
            yield await asyncio.to_thread(opened, found)


def _read(settings: Settings) -> tuple[Registry, Routing]:
    registry = load_registry(settings.specialists)
    file = settings.config / "routing.yaml"
    routing = load_routing(file)
    there = {one.stem for one in settings.specialists.glob("*.md")}
    refuse_unknown(routing, {*registry, *there}, file)
    return registry, routing


def _opened(registry: Registry, routing: Routing, tenant: str, encoder: Encoder | None) -> Opened:
    trained = LocalClassifier(registry.values(), encoder, promise=routing.promise)
    desk = Desk(registry=registry, trained=trained, routing=routing, tenant=tenant)
    return Opened(desk=desk, encoder=encoder)


@contextmanager
def _memory(settings: Settings) -> Iterator[Path]:
    """Where vectors of examples are kept: in the home, if there is one. To ask makes none."""
    home = settings.home.resolve()
    if home.is_dir():
        yield home
    else:
        with TemporaryDirectory() as folder:
            yield Path(folder)
