"""Scores of the examples as a classifier gives them that has not seen them (cross-fitting).

What a classifier says of its own examples promises nothing. Each example is scored by one that was
trained on the rest (Stone, Cross-validatory choice and assessment, 1974), and so are the requests
that belong to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from agents.routing.features import Rows
from agents.routing.scores import Owners, Sample, Scorer

_FOLDS = 10
_ENOUGH = 1000
"""Held-out examples after which no further fold is scored: more would only cost time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Scores of rows that the scorer had not seen."""

    places: Owners
    """Which rows of the sample were scored."""
    inside: Rows
    outside: Rows


def hold_out(sample: Sample, fixed: NDArray[np.bool_], nearest: float) -> HeldOut:
    """Score each example by a scorer trained without it.

    `fixed` are rows that are learned from but never scored, such as names of intents.
    """
    fold, folds = _folds(sample.owners, fixed)
    outside_fold = np.arange(len(sample.outside)) % max(folds, 2)
    scored = min(folds, ceil(_ENOUGH * folds / max(1, int((fold >= 0).sum()))))
    places, inside, outside = [], [], []
    for turn in range(scored):
        rows, strangers = fold == turn, outside_fold == turn
        scorer = Scorer(sample.without(rows, strangers), nearest)
        places.append(np.flatnonzero(rows))
        inside.append(scorer.scores(sample.rows[rows]))
        outside.append(scorer.scores(sample.outside[strangers]))
    none = np.zeros((0, sample.classes + 1), np.float32)
    return HeldOut(
        places=np.concatenate([np.zeros(0, np.intp), *places]),
        inside=np.vstack([none, *inside]),
        outside=np.vstack([none, *outside]),
    )


def _folds(owners: Owners, fixed: NDArray[np.bool_]) -> tuple[Owners, int]:
    """The fold of each row, -1 for fixed ones: the examples of a class go round in their order."""
    fold = np.full(len(owners), -1, np.intp)
    seen: dict[int, int] = defaultdict(int)
    for at in np.flatnonzero(~fixed):
        fold[at] = seen[owners[at]] % _FOLDS
        seen[owners[at]] += 1
    return fold, int(fold.max(initial=-1)) + 1
