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
    from ledger.store import open_ledger  # noqa: PLC0415
    from models.config import load_models  # noqa: PLC0415
    from models.tiers import open_models  # noqa: PLC0415

    run = f"route-{uuid.uuid4()}"
    limits = load_limits(settings.config / "limits.yaml")
    async with (
        open_ledger(settings.ledger) as ledger,
        open_models(load_models(settings.config / "models.yaml"), ledger) as models,
    ):
        ledger.budgets.standing = limits.standing
        await ledger.runs.start(
            run,
            thread="",
            request=request,
            tenant=tenant,
            user="local",
            label=label,
            docs="",
        )
        # Here, so that the time of the first decision is not that of loading litellm.
        await models.warm()
        await ledger.budgets.open(run, limits.request_dollars * requests)
        context = RunContext(run=run, tenant=tenant, specialist="router", task="route")
        try:
            yield Asking(run=run, context=context, models=models, ledger=ledger)
        except BaseException:
            await ledger.runs.finish(run, "failed", {"text": "Routing was cut off."})
            raise
        await ledger.runs.finish(run, "done", {"text": "Routed only; nothing was executed."})
