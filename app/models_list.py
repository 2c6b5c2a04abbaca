"""`switchyard models`: what serves each tier, for how much, and how its latest calls went.

Health is read from the ledger: nobody is called to tell it.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.spend_sums import Recent
from ledger.store import open_ledger
from models.config import load_models
from models.deployment import TIERS, Deployment
from runtime.canonical import Json
from runtime.errors import UserError
from runtime.settings import Settings

RECENT = 50
"""How many of a deployment's latest calls its health is told by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the latest calls of a deployment went."""

    calls: int
    failed: int
    last: str
    """The outcome of the last one: `ok`, or the fault's short name."""
    last_at: float
    median_seconds: float | None
    """Of those that went well; None where none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A deployment of the listed profile."""

    deployment: Deployment
    health: Health | None
    """None where the ledger knows no call of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The deployments of a profile, tier by tier in the order in which they are tried."""

    profile: str
    active: bool
    profiles: tuple[str, ...]
    served: tuple[Served, ...]


async def list_models(settings: Settings, profile: str = "") -> Listed:
    """The deployments of a profile, by default the active one, with their health.

    Raises:
        ConfigError: the models file is wrong; missing keys do not matter here.
        UserError: there is no such profile.
    """
    config = load_models(settings.config / "models.yaml", keys=False)
    name = profile or config.profile
    if name not in config.profiles:
        raise UserError(
            f"There is no profile {name!r} in {config.file}.",
            remedy=f"Use one of: {', '.join(sorted(config.profiles))}.",
        )
    async with open_ledger(settings.ledger) as ledger:
        recent = await ledger.spend.recent(RECENT)
    ordered = sorted(config.profiles[name], key=lambda one: (TIERS.index(one.tier), one.order))
    return Listed(
        profile=name,
        active=name == config.profile,
        profiles=tuple(config.profiles),
        served=tuple(Served(deployment=one, health=health(one.id, recent)) for one in ordered),
    )


def health(id: str, recent: Sequence[Recent]) -> Health | None:
    """The health of a deployment by its latest calls, the newest first."""
    calls = [one for one in recent if one.deployment == id and _says_something(one.outcome)]
    if not calls:
        return None
    good = [one.seconds for one in calls if one.outcome == "ok"]
    return Health(
        calls=len(calls),
        failed=len(calls) - len(good),
        last=calls[0].outcome,
        last_at=calls[0].at,
        median_seconds=statistics.median(good) if good else None,
    )


def _says_something(outcome: str) -> bool:
    """Whether the deployment is to blame or to praise: not for calls that were taken back, nor
    for those that never left (our own cache answered, or the outcome is one of our errors)."""
    return outcome not in ("cancelled", "cached") and not outcome[:1].isupper()


def listed_json(found: Listed) -> Json:
    """The list as data. Prices are US dollars a token."""
    return {
        "profile": found.profile,
        "active": found.active,
        "profiles": list(found.profiles),
        "deployments": [
            {
                "tier": one.deployment.tier,
                "order": one.deployment.order,
                "weight": one.deployment.weight,
                "id": one.deployment.id,
                "model": one.deployment.model,
                "cleared_for": one.deployment.cleared_for.value,
                "input_cost_per_token": one.deployment.input_cost_per_token,
                "output_cost_per_token": one.deployment.output_cost_per_token,
                "cache_read_input_token_cost": one.deployment.cache_read_input_token_cost,
                "cache_creation_input_token_cost": one.deployment.cache_creation_input_token_cost,
                **one.deployment.of_long_prompts,
                "max_input_tokens": one.deployment.max_input_tokens,
                "health": dataclasses.asdict(one.health) if one.health else None,
            }
            for one in found.served
        ],
    }
