"""What model calls cost, summed from the ledger, beside what one strong model would have cost.

Prices and tokens are recorded facts; only the comparison takes prices from `config/models.yaml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.lookup import known_run
from ledger.spend_sums import By, Span, Sum
from ledger.store import open_ledger
from models.config import load_models
from models.deployment import Deployment
from models.frontier import Saving, Tokens, frontier_of, lengths, saving
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the answer."""

    key: str
    calls: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens, those read from the provider's cache."""
    completion_tokens: int
    cost: float
    """US dollars."""
    failed_cost: float
    saving: Saving | None
    """None where there is nothing to compare with: all models of the profile are free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The answer to `switchyard cost`."""

    by: By
    lines: tuple[Line, ...]
    """The dearest first; days in their order."""
    total: Line
    frontier: Deployment | None


async def costs(settings: Settings, by: By, span: Span, frontier: str = "") -> Costs:
    """Sum the calls of a span.

    Args:
        span: Its run may be the beginning of an id.
        frontier: Id of the deployment to compare with; by default the dearest of the profile.

    Raises:
        UnknownRun: no run has this id, or several begin with it.
        UserError: there is no such deployment.
        ConfigError: the models file is wrong; missing keys do not matter.
    """
    config = load_models(settings.config / "models.yaml", keys=False)
    compared = frontier_of(config, frontier)
    async with open_ledger(settings.ledger) as ledger:
        if span.run:
            span = replace(span, run=(await known_run(ledger, span.run)).id)
        # By tier as well: embeddings are not compared.
        apart = lengths([compared] if compared else ())
        sums = await ledger.spend.sums((by, "tier"), span, lengths=apart)
    groups: dict[str, list[Sum]] = {}
    for one in sums:
        groups.setdefault(one.key[0], []).append(one)
    lines = [_line(key, members, compared) for key, members in groups.items()]
    if by != "day":
        lines.sort(key=lambda one: (-one.cost, -one.prompt_tokens, one.key))
    return Costs(by=by, lines=tuple(lines), total=_line("total", sums, compared), frontier=compared)


def tokens_of(one: Sum) -> Tokens:
    """The tokens of a sum whose key ends with the tier."""
    return Tokens(
        tier=one.key[-1],
        prompt=one.prompt_tokens,
        completion=one.completion_tokens,
        cache_read=one.cache_read,
        cache_creation=one.cache_creation,
        cost=one.cost,
        length=one.length,
    )


def _line(key: str, members: Sequence[Sum], compared: Deployment | None) -> Line:
    return Line(
        key=key,
        calls=sum(one.calls for one in members),
        failed=sum(one.failed for one in members),
        prompt_tokens=sum(one.prompt_tokens for one in members),
        cached_tokens=sum(one.cache_read for one in members),
        completion_tokens=sum(one.completion_tokens for one in members),
        cost=sum(one.cost for one in members),
        failed_cost=sum(one.failed_cost for one in members),
        saving=saving(compared, map(tokens_of, members)) if compared else None,
    )
