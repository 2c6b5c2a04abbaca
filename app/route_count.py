"""Counts the figures of a golden set from what was decided: pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy.special import betaincinv

from agents.routing.decision import Route, Scored
from app.golden import NONE, Golden
from app.route_figures import Confusion, Figures, Outcome, Share

_LEVEL = 0.95
"""Confidence of the intervals."""
_ASKED = ("a question",)
"""Where a request goes that is not clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What routing made of one request of the golden set."""

    golden: Golden
    route: Route | None
    """The decision; None where it was left to a model that was not asked."""
    scored: Scored | None
    """What the local stage said; None where it was not asked."""
    short_list: tuple[str, ...] = ()
    """Whom the model stage was shown, or would be; empty where it is not needed."""
    seconds: float = 0.0
    """Of the stages without a model."""
    fallback: str = ""
    """Says what can be done here; to send a request there that is out of scope is to decline."""

    @property
    def single(self) -> bool:
        return len(self.golden.specialist) == 1

    @property
    def free(self) -> bool:
        """Decided without any model."""
        return self.route is not None and self.route.stage != "model"

    @property
    def taken(self) -> bool:
        """Somebody got it, without any model."""
        return self.free and self.went not in ((), _ASKED)

    @property
    def declined(self) -> bool:
        """It was decided that nobody takes it."""
        return self.route is not None and not self.went

    @property
    def went(self) -> tuple[str, ...]:
        """Who got it; the best guess of the local stage where nothing was decided."""
        if self.route is not None and self.route.kind == "clarify":
            return _ASKED
        names = self._named()
        return () if not self.golden.specialist and names == (self.fallback,) else names

    def _named(self) -> tuple[str, ...]:
        if self.route is not None:
            return tuple(one.specialist for one in self.route.dispatches)
        if self.scored is None or not self.scored.candidates:
            return ()
        first = self.scored.candidates[0]
        return (first.specialist,) if first.probability > self.scored.none else ()

    @property
    def right(self) -> bool:
        return self.went == self.golden.specialist


def figures_of(
    all_decided: Sequence[Decided],
    *,
    router: str,
    promise: float,
    held_out: bool = False,
) -> Figures:
    """The figures of a golden set; `promise` is the precision that the local stage promises."""
    within = [one for one in all_decided if one.golden.specialist]
    outside = [one for one in all_decided if not one.golden.specialist]
    several = [one for one in within if not one.single]
    split = [one for one in all_decided if one.route and len(one.route.dispatches) > 1]
    open_singles = [one for one in within if one.single and one.short_list]
    precision = _share([one for one in all_decided if one.taken], lambda one: one.right)
    times = np.array([one.seconds * 1000 for one in all_decided])
    return Figures(
        router=router,
        requests=len(all_decided),
        promise=promise,
        accuracy=_share(within, lambda one: one.right),
        coverage=_share(within, lambda one: one.taken),
        precision=precision,
        verdict=verdict(precision, promise),
        stages=_stages(all_decided),
        intents=_intents(within),
        out_of_scope_declined=_share(outside, lambda one: one.declined),
        out_of_scope_taken=_share(outside, lambda one: one.taken),
        wrongly_declined=_share(within, lambda one: one.declined),
        short_list=_share(open_singles, lambda one: one.golden.specialist[0] in one.short_list),
        split_precision=_share(split, lambda one: one.right),
        split_recall=_share(several, lambda one: one.right),
        wrongly_split=_share([one for one in within if one.single], lambda one: one in split),
        p50_ms=round(float(np.percentile(times, 50)), 3),
        p99_ms=round(float(np.percentile(times, 99)), 3),
        confusions=_confusions(all_decided),
        outcomes=tuple(_outcome(one) for one in all_decided),
        held_out=held_out,
    )


def interval(count: int, of: int, level: float = _LEVEL) -> tuple[float, float]:
    """The exact interval of a share after Clopper and Pearson (1934)."""
    if not of:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return low, high


def verdict(precision: Share, promise: float) -> str:
    """Whether a promise is kept, as far as so many requests can tell."""
    if precision.low >= promise:
        return f"the promise of {promise:.0%} is kept"
    if precision.high < promise:
        return f"the promise of {promise:.0%} is broken"
    needed = math.ceil(math.log((1 - _LEVEL) / 2) / math.log(promise)) if promise < 1 else 0
    more = f"; {needed} answered without one mistake would" if precision.of < needed else ""
    return f"too few requests to tell whether the promise of {promise:.0%} is kept{more}"


def _share(members: Iterable[Decided], holds: Callable[[Decided], bool]) -> Share:
    held = [holds(one) for one in members]
    count, of = sum(held), len(held)
    low, high = interval(count, of)
    value = round(count / of, 4) if of else None
    return Share(count=count, of=of, value=value, low=round(low, 4), high=round(high, 4))


def _stages(all_decided: Sequence[Decided]) -> dict[str, Share]:
    def stage(one: Decided) -> str:
        if one.route is None:
            return "model"
        free = one.route.stage != "model"
        return one.route.kind if free and one.route.kind != "dispatch" else one.route.stage

    found = [stage(one) for one in all_decided]
    order = ("rule", "local", "clarify", "decline", "model")
    return {
        name: _share(all_decided, lambda one, name=name: stage(one) == name)  # type: ignore[misc]
        for name in order
        if name in found or name in ("local", "model")
    }


def _intents(within: Sequence[Decided]) -> Share | None:
    told = [one for one in within if one.golden.intent and one.right and _intent(one)]
    return _share(told, lambda one: _intent(one) == one.golden.intent) if told else None


def _intent(one: Decided) -> str:
    """The intent of the first candidate; empty where none was compared."""
    found = one.scored.candidates if one.scored else ()
    return found[0].intent if found else ""


def _confusions(all_decided: Sequence[Decided]) -> tuple[Confusion, ...]:
    def pair(one: Decided) -> tuple[str, str]:
        return _names(one.golden.specialist), _names(one.went)

    wrong = [one for one in all_decided if not one.right]
    found = []
    for (wanted, went), members in groupby(sorted(wrong, key=pair), key=pair):
        those = list(members)
        found.append(
            Confusion(
                wanted=wanted,
                went=went,
                count=len(those),
                sure=sum(one.free for one in those),
                requests=tuple(one.golden.text for one in those),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.count, -one.sure, one.wanted, one.went)))


def _outcome(one: Decided) -> Outcome:
    return Outcome(
        text=one.golden.text,
        wanted=_names(one.golden.specialist),
        went=_names(one.went),
        stage=one.route.stage if one.route else "open",
        right=one.right,
    )


def _names(names: Sequence[str]) -> str:
    return " → ".join(names) or NONE
