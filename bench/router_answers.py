"""What a system answers to many requests, in one shape for all systems, and the figures of it.

The functions are pure: answers and truth in, figures out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from bench.router_data import Sample

PROMISE = 0.98
"""Precision that is promised for what is answered locally."""
ACCEPTED = 0.95
"""Share of in-scope requests that must be accepted when out-of-scope recall is read."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Row i of each array is what the system makes of text i."""

    ranked: Ints
    """Numbers of intents, the most probable first; -1 where there are no more."""
    first: Floats
    """Score of the first of them."""
    inside: Floats
    """Score of the text being one of these at all."""
    sure: Bools
    """Answered without a model."""
    outside: Bools
    """Declined without a model."""
    listed: Ints | None = None
    """Candidates that a model would be shown; None where the system has no such stage."""

    @property
    def top(self) -> Ints:
        """The first candidate of each text."""
        return self.ranked[:, 0]

    def cut(self, count: int) -> tuple[Answers, Answers | None]:
        """The first `count` rows, and the others; None where there are no others."""
        rest = self.rows(slice(count, None)) if len(self.first) > count else None
        return self.rows(slice(0, count)), rest

    def rows(self, which: slice | Bools) -> Answers:
        """Some of the rows."""
        return Answers(
            ranked=self.ranked[which],
            first=self.first[which],
            inside=self.inside[which],
            sure=self.sure[which],
            outside=self.outside[which],
            listed=None if self.listed is None else self.listed[which],
        )


class Trained(Protocol):
    """A system that has learnt."""

    def answer(self, texts: tuple[str, ...]) -> Answers:
        """One row for each text."""
        ...


class System(Protocol):
    """A way to route, which learns from examples."""

    @property
    def name(self) -> str:
        """As the tables call it."""
        ...

    def train(self, sample: Sample) -> Trained:
        """Learn; deterministic."""
        ...


def figures(inside: Answers, truth: Ints, foreign: Answers | None) -> Figures:
    """Everything that is told of one system on one draw. None where it does not apply."""
    right = inside.top == truth
    unsure = ~inside.sure
    return {
        "accuracy": float(right.mean()),
        "oos_recall_at_95": _recall(inside.inside, foreign.inside) if foreign else None,
        "oos_recall_at_95_by_first": _recall(inside.first, foreign.first) if foreign else None,
        **answered(inside, truth, foreign),
        "coverage_oracle_at_98": coverage_at(inside.first, right, PROMISE),
        "top5_recall": _within(inside, truth, 5, unsure),
        "top5_recall_all": _within(inside, truth, 5, unsure | True),
        "top10_recall": _within(inside, truth, 10, unsure),
        **_short_list(inside, truth, unsure),
        "declined_inside": float(inside.outside.mean()),
        "declined_outside": float(foreign.outside.mean()) if foreign else None,
    }


def answered(inside: Answers, truth: Ints, foreign: Answers | None) -> Figures:
    """What is answered without a model, and how much of that is right.

    `precision_mixed` counts every out-of-scope request that is answered as an error.
    """
    right = inside.sure & (inside.top == truth)
    taken = int(inside.sure.sum())
    strays = int(foreign.sure.sum()) if foreign else 0
    return {
        "coverage_at_98": taken / len(truth),
        "precision": int(right.sum()) / taken if taken else None,
        "precision_mixed": int(right.sum()) / (taken + strays) if foreign and taken else None,
        "answered_outside": strays / len(foreign.sure) if foreign else None,
    }


def kept(inside: Answers, truth: Ints) -> tuple[bool, bool]:
    """Whether the promise is kept: to the letter, and not refuted at the level of 5 %."""
    taken = int(inside.sure.sum())
    right = int((inside.sure & (inside.top == truth)).sum())
    return right >= PROMISE * taken, bool(binom.cdf(right, taken, PROMISE) >= 0.05)


def coverage_at(score: Floats, right: Bools, precision: float) -> float:
    """The largest share that can be answered at a precision, with the threshold chosen on these."""
    order = np.argsort(-score, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A threshold takes all texts of one score or none of them.
    ends = np.append(np.diff(score[order]) != 0, True)
    fits = np.flatnonzero(ends & (share >= precision))
    return float(fits[-1] + 1) / len(order) if len(fits) else 0.0


def threshold_at(score: Floats, right: Bools, precision: float) -> float:
    """The lowest score from which a precision is met; more than any score where it never is."""
    taken = round(coverage_at(score, right, precision) * len(score))
    return float(np.sort(score)[::-1][taken - 1]) if taken else float("inf")


def _recall(inside: Floats, foreign: Floats) -> float:
    needed = int(np.ceil(ACCEPTED * len(inside)))
    threshold = np.sort(inside)[::-1][needed - 1]
    return float((foreign < threshold).mean())


def _within(answers: Answers, truth: Ints, length: int, which: Bools) -> float | None:
    if not which.any():
        return None
    hit = (answers.ranked[:, :length] == truth[:, None]).any(axis=1)
    return float(hit[which].mean())


def _short_list(answers: Answers, truth: Ints, unsure: Bools) -> Figures:
    if answers.listed is None or not unsure.any():
        return {"short_list_recall": None, "short_list_mean": None, "short_list_most": None}
    place = np.arange(answers.ranked.shape[1])
    shown = place[None, :] < answers.listed[:, None]
    hit = ((answers.ranked == truth[:, None]) & shown).any(axis=1)
    return {
        "short_list_recall": float(hit[unsure].mean()),
        "short_list_mean": float(answers.listed[unsure].mean()),
        "short_list_most": float(answers.listed[unsure].max()),
    }
