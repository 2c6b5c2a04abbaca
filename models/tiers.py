"""The one door to models: a caller names a tier and says on whose behalf, nothing more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel

from ledger.store import Ledger
from models.config import ModelsConfig
from models.deployment import TIERS, Deployment, Tier
from models.door import Door
from runtime.canonical import Json
from runtime.context import RunContext

if TYPE_CHECKING:
    from models.session import Session

__all__ = ["TIERS", "Models", "Tier", "open_models"]


class Models:
    """The tiers of one configuration. Cheap until the first call, which loads litellm (seconds)."""

    def __init__(self, config: ModelsConfig, ledger: Ledger) -> None:
        self.config = config
        self._door = Door(config, ledger)
        self._session: Session | None = None
        # `warm` loads in a thread while the event loop may ask for a model: one session, not two.
        self._loading = threading.Lock()

    def mask_by(self, mask: Callable[[Json], Json]) -> None:
        """Take secrets out of every answer from now on, before it is checked or anybody has it.

        Args:
            mask: Gets a JSON value; the same object where there is nothing to take out.
        """
        self._door.mask = mask

    def chat(
        self, tier: Tier, context: RunContext, *, avoid: frozenset[str] = frozenset()
    ) -> BaseChatModel:
        """A chat model that answers from the tier within the run's boundary and budget.

        Its answers carry `response_metadata`: tier, deployment (id), model, cost in US dollars,
        and `self_judged` when nothing but a deployment to `avoid` was cleared.

        Args:
            avoid: ids of deployments not to use when another one is cleared.
        """
        return self._loaded().chat(tier, context, avoid)

    async def embed(self, texts: Sequence[str], context: RunContext) -> list[list[float]]:
        """The vectors of texts from tier `embed`, in their order.

        Raises:
            BoundaryBreach, BudgetExceeded, ModelUnavailable, ModelFault: as from a chat.
        """
        await self.warm()
        return await self._loaded().embed(texts, context)

    def deployments(self, tier: Tier) -> tuple[Deployment, ...]:
        """The deployments of a tier in the order in which they are tried, whatever they may see."""
        return self.config.tier(tier)

    async def warm(self) -> None:
        """Load litellm now, in a thread, so that the first call need not wait for it."""
        if self._session is None:
            await asyncio.to_thread(self._loaded)

    def _loaded(self) -> Session:
        with self._loading:
            if self._session is None:
                # Late on purpose: litellm takes seconds to import; most commands call no model.
                session: type[Session] = import_module("models.session").Session
                self._session = session(self.config, self._door)
            return self._session

    async def close(self) -> None:
        """End what the first call began."""
        if self._session is not None:
            await self._session.close()
            self._session = None


@asynccontextmanager
async def open_models(config: ModelsConfig, ledger: Ledger) -> AsyncIterator[Models]:
    """The tiers of a configuration, booked in a ledger. Opens no connection by itself."""
    models = Models(config, ledger)
    try:
        yield models
    finally:
        await models.close()
