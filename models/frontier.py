"""What calls would have cost on one strong model: the figure that says what tiering saves.

The tokens stay as they were counted, only the prices change. Embeddings keep their own price: no
chat model makes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models import usage
from models.config import ModelsConfig
from models.deployment import Deployment
from models.usage import Usage
from runtime.errors import UserError

_EMBED = "embed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What calls of one tier consumed. The cached tokens are a part of the prompt."""

    tier: str
    prompt: int
    completion: int
    cache_read: int
    cache_creation: int
    cost: float
    """US dollars, as recorded."""
    length: int = 0
    """How long each of their prompts is, at least as far as a price depends on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """The cost of some calls beside that of the same calls on one deployment, in US dollars."""

    frontier: str
    """Id of that deployment."""
    cost: float
    there: float

    @property
    def saved(self) -> float:
        return self.there - self.cost

    @property
    def share(self) -> float | None:
        """Of what the calls would have cost there; None where they would have cost nothing."""
        return self.saved / self.there if self.there else None


def frontier_of(config: ModelsConfig, id: str = "") -> Deployment | None:
    """What to compare with: this id, else the one that the file names, else the dearest that chats.

    Args:
        id: A deployment of the active profile, else of another; `PROFILE/ID` for one of several.

    Returns:
        None when none is named and the whole profile is free: there is nothing to save.

    Raises:
        UserError: there is none of this id, or none that chats.
    """
    if named := id or config.frontier:
        return known(config, named)
    chats = [one for one in config.deployments if one.tier != _EMBED]
    dearest = max(chats, key=lambda one: one.input_cost_per_token + one.output_cost_per_token)
    free = not dearest.input_cost_per_token and not dearest.output_cost_per_token
    return None if free else dearest


def known(config: ModelsConfig, id: str) -> Deployment:
    """A deployment that chats, by its id or by `PROFILE/ID`; the active profile comes first.

    Raises:
        UserError: there is none.
    """
    order = sorted(config.profiles, key=lambda name: name != config.profile)
    for name in order:
        for one in config.profiles[name]:
            if one.tier != _EMBED and id in (one.id, f"{name}/{one.id}"):
                return one
    ids = [one.id for name in order for one in config.profiles[name] if one.tier != _EMBED]
    raise UserError(
        f"No chat deployment {id!r} in {config.file}.",
        remedy=f"Name one of: {', '.join(dict.fromkeys(ids))}.",
    )


def lengths(deployments: Iterable[Deployment]) -> frozenset[int]:
    """The lengths of prompts from which on one of these has other prices: calls on different sides
    of one may not be priced together."""
    return frozenset(least for one in deployments for least, _ in one.ladder if least)


def priced(deployment: Deployment, tokens: Tokens) -> float:
    """What these tokens cost on a deployment, in US dollars."""
    return usage.cost_at(
        deployment.prices(tokens.length),
        Usage(
            prompt=tokens.prompt,
            completion=tokens.completion,
            cache_read=tokens.cache_read,
            cache_creation=tokens.cache_creation,
        ),
    )


def saving(deployment: Deployment, calls: Iterable[Tokens]) -> Saving:
    """The same calls, with the same tokens, all on this deployment."""
    cost = there = 0.0
    for one in calls:
        cost += one.cost
        there += one.cost if one.tier == _EMBED else priced(deployment, one)
    return Saving(frontier=deployment.id, cost=cost, there=there)
