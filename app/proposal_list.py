"""The proposals as an operator sees them: what each would change, in its file and in routing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.feedback import KIND, Example
from app.golden import Golden
from app.proposal_change import addition, removal
from app.proposal_effect import Rerouted, known_requests, rerouted
from app.proposals import words_for
from app.route_desk import Opened, open_desk
from app.spec_source import Source, read_all
from ledger.proposals import Proposal, State
from ledger.store import Ledger, open_ledger
from runtime.errors import UserError
from runtime.labels import Label
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A proposal as an operator sees it."""

    proposal: Proposal
    example: Example
    """Without the words of a run whose data is regulated by now."""
    diff: str = ""
    problem: str = ""
    """Why it cannot be approved as it stands."""
    effects: tuple[Rerouted, ...] | None = None
    """Requests that would go another way; None where it was not tried."""
    tried: int = 0
    """Requests that were routed with and without it."""


async def listed(
    settings: Settings, state: str, *, golden: Path | None = None, quick: bool = False
) -> list[Seen]:
    """The proposals of a state (`all` for any), the oldest first, with what each would do.

    Args:
        golden: Requests whose place is known; else those of the configuration, if there are any.
        quick: Do not try what each would do to routing.

    Raises:
        ConfigError: the golden set is wrong, or a configuration file.
    """
    wanted: State | None = None if state == "all" else state  # type: ignore[assignment]
    async with open_ledger(settings.ledger) as ledger:
        found = [one for one in await ledger.proposals.listed(wanted) if one.kind == KIND]
        sources, _ = read_all(settings.specialists)
        seen = [await _seen(ledger, one, sources) for one in found]
    if quick or not any(one.diff for one in seen):
        return seen
    async with open_desk(settings) as opened:
        return await asyncio.to_thread(_with_effects, opened, settings, seen, sources, golden)


async def _seen(ledger: Ledger, one: Proposal, sources: Sequence[Source]) -> Seen:
    example = Example.model_validate(one.payload)
    regulated = await ledger.runs.label(one.sources[0]) is Label.regulated
    if regulated and not example.include_regulated and one.state == "proposed":
        example = example.model_copy(update={"text": ""})
    if one.state != "proposed":
        return Seen(proposal=one, example=example, problem=_amiss(one, example, sources))
    try:
        words = await words_for(ledger, one, example, include_regulated=False)
        change = addition(example.model_copy(update={"text": words}), sources)
        return Seen(proposal=one, example=example, diff=change.diff)
    except UserError as error:
        return Seen(proposal=one, example=example, problem=f"{error.message} {error.remedy}")


def _amiss(one: Proposal, example: Example, sources: Sequence[Source]) -> str:
    """What is on record and not so: a process may have died between the record and the file."""
    if one.state != "approved":
        return ""
    try:
        there = removal(example, sources) is not None
    except UserError as error:
        return error.message
    return "" if there else "The example is not in the file (any more)."


def _with_effects(
    opened: Opened,
    settings: Settings,
    seen: Sequence[Seen],
    sources: Sequence[Source],
    golden: Path | None,
) -> list[Seen]:
    texts = known_requests(settings.config, opened.desk, golden)
    return [_with_effect(one, opened, sources, texts) for one in seen]


def _with_effect(
    one: Seen, opened: Opened, sources: Sequence[Source], texts: Sequence[Golden]
) -> Seen:
    if not one.diff:
        return one
    change = addition(one.example, sources)
    itself = Golden(text=one.example.text, specialist=(one.example.specialist,))
    tried = [itself, *(each for each in texts if each.text != itself.text)]
    return replace(one, effects=tuple(rerouted(opened, change, tried)), tried=len(tried))
