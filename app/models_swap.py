"""`switchyard models swap`: one model for another, held against what was recorded before.

Only config/models.yaml changes. The estimate takes the tokens of past calls as they were counted;
another model counts and writes a little differently.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import yaml

from app.models_choice import Choice, Pair, choose
from app.models_edit import put, read, rewritten
from app.spec_edit import difference
from ledger.spend_sums import Span, Sum
from ledger.store import open_ledger
from models.config import load_models
from models.deployment import Deployment
from models.frontier import Tokens, lengths, priced
from runtime.errors import ConfigError, UserError
from runtime.labels import Label
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Recorded calls of one deployment at its own prices and at those of its successor."""

    tier: str
    old: str
    new: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    recorded: float
    """US dollars, as they were booked."""
    before: float
    """At the prices in the file now."""
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """What a swap changes, and what it would have cost."""

    file: Path
    kind: str
    diff: str
    estimates: tuple[Estimate, ...]
    notes: tuple[str, ...]
    written: bool


class SwapRefused(UserError):
    """What was recorded could not have been served by the successor."""

    def __init__(self, reasons: list[str], diff: str) -> None:
        self.reasons = tuple(reasons)
        self.diff = diff
        super().__init__(
            "Not swapped: " + "; ".join(reasons) + ".",
            remedy="Choose a model that fits, add a second deployment to the tier for these runs,"
            " or leave older runs out with --since.",
        )


async def swap(
    settings: Settings, old: str, new: str, *, since: float | None = None, dry_run: bool = False
) -> Swap:
    """Put NEW in the place of OLD in config/models.yaml; with `dry_run`, only say what would be.

    Raises:
        UserError: OLD or NEW is not known, or they do not fit.
        SwapRefused: recorded calls needed more than NEW may see or can hold.
        ConfigError: the file is wrong.
    """
    file = settings.config / "models.yaml"
    text = read(file)
    config = load_models(file, keys=False)
    chosen = choose(config, yaml.safe_load(text), old, new)
    after = rewritten(file, text, chosen.data)
    diff = difference(file, text, after)
    async with open_ledger(settings.ledger) as ledger:
        apart = lengths(one for pair in chosen.pairs for one in (pair.old, *pair.new))
        sums = await ledger.spend.sums(
            ("tier", "deployment", "label"), Span(since=since), lengths=apart
        )
    estimates, reasons = _estimated(chosen, sums)
    if reasons:
        raise SwapRefused(reasons, diff)
    notes = _checked(after, chosen)
    if not dry_run and diff:
        put(file, text, after)
    return Swap(
        file=file,
        kind=chosen.kind,
        diff=diff,
        estimates=tuple(estimates),
        notes=tuple(notes),
        written=bool(diff) and not dry_run,
    )


def _estimated(chosen: Choice, sums: list[Sum]) -> tuple[list[Estimate], list[str]]:
    estimates: list[Estimate] = []
    reasons: list[str] = []
    for pair in chosen.pairs:
        served = [one for one in sums if one.key[:2] == (pair.old.tier, pair.old.id)]
        for key, some in groupby(served, lambda one: one.key):
            calls = list(some)
            need = _need(pair.old, key[2])
            longest = max(one.longest_prompt for one in calls)
            found = next((new for new in pair.new if _fits(new, need, longest)), None)
            if found is None:
                reasons += _why(pair, need, longest, sum(one.calls for one in calls))
            else:
                estimates += [_estimate(pair.old, found, one) for one in calls]
    return _merged(estimates), list(dict.fromkeys(reasons))


def _need(old: Deployment, label: str) -> Label:
    """The label that these calls needed. A run's label may have risen after them, but never over
    what the deployment was cleared for when it was called."""
    of_run = Label(label) if label in set(Label) else Label.regulated
    return min(of_run, old.cleared_for, key=lambda label: label.rank)


def _fits(new: Deployment, need: Label, longest: int) -> bool:
    return new.cleared_for.permits(need) and longest <= new.max_input_tokens


def _why(pair: Pair, need: Label, longest: int, calls: int) -> list[str]:
    cleared = [new for new in pair.new if new.cleared_for.permits(need)]
    if not cleared:
        best = max(pair.new, key=lambda new: new.cleared_for.rank)
        return [
            f"{best.id} is cleared for {best.cleared_for} data, and {calls} recorded calls of"
            f" {pair.old.id} (tier {pair.old.tier}) were made with {need} data"
        ]
    widest = max(cleared, key=lambda new: new.max_input_tokens)
    return [
        f"{widest.id} takes {widest.max_input_tokens:,} tokens, and the longest recorded prompt of"
        f" {pair.old.id} (tier {pair.old.tier}) has {longest:,}"
    ]


def _estimate(old: Deployment, new: Deployment, one: Sum) -> Estimate:
    tokens = Tokens(
        tier=old.tier,
        prompt=one.prompt_tokens,
        completion=one.completion_tokens,
        cache_read=one.cache_read,
        cache_creation=one.cache_creation,
        cost=one.cost,
        length=one.length,
    )
    return Estimate(
        tier=old.tier,
        old=old.id,
        new=new.id,
        calls=one.calls,
        prompt_tokens=one.prompt_tokens,
        completion_tokens=one.completion_tokens,
        recorded=one.cost,
        before=priced(old, tokens),
        after=priced(new, tokens),
    )


def _merged(estimates: list[Estimate]) -> list[Estimate]:
    """One row for each pair, whatever the labels and the lengths of its calls."""
    groups: dict[tuple[str, str, str], list[Estimate]] = {}
    for one in estimates:
        groups.setdefault((one.tier, one.old, one.new), []).append(one)
    return [
        Estimate(
            tier=tier,
            old=old,
            new=new,
            calls=sum(one.calls for one in some),
            prompt_tokens=sum(one.prompt_tokens for one in some),
            completion_tokens=sum(one.completion_tokens for one in some),
            recorded=sum(one.recorded for one in some),
            before=sum(one.before for one in some),
            after=sum(one.after for one in some),
        )
        for (tier, old, new), some in groups.items()
    ]


def _checked(after: str, chosen: Choice) -> list[str]:
    """Load the new text as the next start will. What only the environment lacks is a note.

    Raises:
        ConfigError: it would not load.
    """
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "models.yaml"
        copy.write_text(after, encoding="utf-8", newline="")
        load_models(copy, keys=False)
        # As it will be without the variable, which is where a profile is tried first.
        environ = {key: value for key, value in os.environ.items() if key != "SWITCHYARD_MODELS"}
        try:
            load_models(copy, environ if chosen.kind == "profile" else os.environ)
        except ConfigError as error:
            notes.append(f"Before the next call: {error.remedy}")
    if chosen.kind == "profile" and (set_to := os.environ.get("SWITCHYARD_MODELS")):
        notes.append(f"SWITCHYARD_MODELS is set to {set_to!r} here, which comes before the file.")
    return notes
