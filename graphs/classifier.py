"""The local routing stage of an installation, trained when its services open."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

from agents.registry import Registry
from agents.routing.encoding import AskedEncoder, routing_encoder
from agents.routing.local import LocalClassifier
from agents.routing.settings import Routing
from ledger.ceilings import Ceiling
from ledger.store import Ledger
from models.encoder import Encoder
from models.encoder.tier import TierEncoder
from models.tiers import Models
from runtime.context import RunContext
from runtime.errors import BoundaryBreach, LimitBreached, ModelFault, ModelUnavailable
from runtime.labels import Label

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStage:
    """The classifier, and what it stands on."""

    classifier: LocalClassifier
    encoder: Encoder | None
    """The installed encoder: for plans too, whatever routing uses."""
    words: LocalClassifier | None = None
    """Where vectors come from a tier: decides by words alone when the tier may not be asked."""
    tier: TierEncoder | None = None

    def on_behalf_of(self, context: RunContext) -> LocalClassifier:
        """The classifier for a request. Call it on the event loop, and score in a thread."""
        if self.tier is None:
            return self.classifier
        loop = asyncio.get_running_loop()
        return self.classifier.encoding_by(AskedEncoder(self.tier, context, loop))


async def train_local_stage(
    registry: Registry,
    routing: Routing,
    home: Path,
    ledger: Ledger,
    models: Models,
    ceiling: Ceiling,
) -> LocalStage:
    """Train on the specialists' examples, by the vectors that the settings name.

    With tier `embed`, new examples cost tokens: they are booked on a run of their own, below
    `ceiling`, and kept for the next start. While the tier cannot serve, words decide.

    Raises:
        ConfigError: the installed encoder's files are not the published ones.
    """
    found = await asyncio.to_thread(routing_encoder, home)
    specialists = tuple(registry.values())

    def trained(encoder: Encoder | None) -> LocalClassifier:
        return LocalClassifier(specialists, encoder, promise=routing.promise)

    if routing.embeddings != "tier":
        used = found if routing.embeddings == "local" else None
        return LocalStage(classifier=await asyncio.to_thread(trained, used), encoder=found)
    tier = TierEncoder(models, home)
    words = await asyncio.to_thread(trained, None)
    context = await _booked(ledger, ceiling)
    asked = AskedEncoder(tier, context, asyncio.get_running_loop())
    try:
        classifier = await asyncio.to_thread(trained, asked)
    except (BoundaryBreach, LimitBreached, ModelFault, ModelUnavailable) as error:
        # Routing by words is better than no start at all; the next start asks again.
        _log.warning("Tier 'embed' cannot encode the examples, words alone decide: %s", error)
        await ledger.runs.finish(context.run, "failed", {"text": str(error)})
        return LocalStage(classifier=words, encoder=found)
    await ledger.runs.finish(context.run, "done", {"text": "Encoded the examples."})
    return LocalStage(classifier=classifier, encoder=found, words=words, tier=tier)


async def _booked(ledger: Ledger, ceiling: Ceiling) -> RunContext:
    """A run that pays for the vectors of new examples."""
    run = f"examples-{uuid.uuid4()}"
    await ledger.budgets.open(run, ceiling.dollars, ceiling.tokens)
    await ledger.runs.start(
        run,
        thread="",
        request="Vectors of the specialists' examples",
        tenant="local",
        user="local",
        label=Label.internal,
        docs="",
        holder=ledger.budgets.process,
    )
    return RunContext(run=run, specialist="router", task="examples")
