"""Tier `route` for commands that only route: asked under a run of its own, paid for, on record."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel

from agents.routing.decision import Route
from ledger.spend import Total
from ledger.store import Ledger
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import Settings

if TYPE_CHECKING:
    from models.tiers import Models


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Open models, and the run that pays for what is asked of them."""

    run: str
    context: RunContext
    models: Models
    ledger: Ledger

    @property
    def model(self) -> BaseChatModel:
        """Tier `route` on behalf of the run."""
        return self.models.chat("route", self.context)

    async def note(self, route: Route) -> None:
        """Put a decision on record."""
        await self.ledger.runs.record_route(self.run, route.model_dump(mode="json"))

    async def spent(self) -> Total:
        """What was consumed so far."""
        return await self.ledger.spend.total(self.run)


@asynccontextmanager
async def open_asking(
    settings: Settings,
    *,
    request: str,
    tenant: str,
    requests: int = 1,
    label: Label = Label.internal,
) -> AsyncIterator[Asking]:
    """Open ledger and models; the run's budget is that of so many requests, and nothing is
    sent where data of its label may not go.

    Raises:
        ConfigError: a configuration file is wrong.
    """
    from agents.limits import load_limits  # noqa: PLC0415 - litellm takes seconds to import
    from graphs.paying import paying_run  # noqa: PLC0415
    from ledger.store import open_ledger  # noqa: PLC0415
    from models.config import load_models  # noqa: PLC0415
    from models.tiers import open_models  # noqa: PLC0415

    run = f"route-{uuid.uuid4()}"
    limits = load_limits(settings.config / "limits.yaml")
    config = load_models(settings.config / "models.yaml").keeping(settings.retention_days)
    async with (
        open_ledger(settings.ledger) as ledger,
        open_models(config, ledger) as models,
        paying_run(
            ledger,
            limits,
            run,
            request=request,
            done="Routed only; nothing was executed.",
            tenant=tenant,
            label=label,
            requests=requests,
        ),
    ):
        # Here, so that the time of the first decision is not that of loading litellm.
        await models.warm()
        context = RunContext(run=run, tenant=tenant, specialist="router", task="route")
        yield Asking(run=run, context=context, models=models, ledger=ledger)
