"""What a deployment's tokens cost, which at some vendors depends on how long the prompt is.

The names are those of LiteLLM's price list, so that its entries can be taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.canonical import Json

NAMES = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
)
"""Of US dollars a token. Those of the cache are the full price where they are absent."""
_LONG = re.compile(rf"({'|'.join(NAMES)})_above_([1-9]\d*)(k?)_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars a token of one call."""

    prompt: float
    answer: float
    cache_read: float
    cache_creation: float

    @property
    def dearest(self) -> float:
        """Of a prompt's token, whatever becomes of it."""
        return max(self.prompt, self.cache_read, self.cache_creation)


def long(name: str) -> tuple[str, int] | None:
    """The plain name of a price that holds for long prompts, and how long they are; None for any
    other name."""
    found = _LONG.fullmatch(name)
    return (found[1], int(found[2]) * (1000 if found[3] else 1)) if found else None


def ladder(told: Mapping[str, float | None]) -> tuple[tuple[int, Prices], ...]:
    """The prices by the length of the prompt from which on they hold, the shortest first.

    Args:
        told: By the names of above, the plain ones and those of long prompts. What is not told of
            long prompts stays as it is for shorter ones.
    """
    now = {name: told[name] for name in NAMES if told.get(name) is not None}
    steps = [(0, _prices(now))]
    named = [(*found, value) for name, value in told.items() if (found := long(name))]
    for least in sorted({least for _, least, _ in named}):
        now |= {name: value for name, at, value in named if at == least}
        steps.append((least, _prices(now)))
    return tuple(steps)


def taken(listed: Mapping[str, Json]) -> dict[str, float]:
    """Every price of an entry of LiteLLM's list that this file knows, by its name there."""
    return {
        name: float(value)
        for name, value in listed.items()
        if (name in NAMES or long(name)) and value is not None
    }


def _prices(told: Mapping[str, float | None]) -> Prices:
    found = {name: value for name, value in told.items() if value is not None}
    plain = found["input_cost_per_token"]
    return Prices(
        prompt=plain,
        answer=found["output_cost_per_token"],
        cache_read=found.get("cache_read_input_token_cost", plain),
        cache_creation=found.get("cache_creation_input_token_cost", plain),
    )
