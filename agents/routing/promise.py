"""When the local stage is sure enough: a promise about its error rate, and how it is kept.

From held-out scores a logistic regression learns how often the first candidate is right (Platt,
Probabilistic outputs for support vector machines, 1999). The threshold is the lowest one above
which the expected share of right answers is still the promised one (selective classification,
Geifman and El-Yaniv 2017, by the mean of calibrated confidences). It errs on the safe side in three
ways: a scorer in held-out scoring has a tenth fewer examples than the one that serves, a share of
the traffic is assumed to belong to nobody, and a standard error is kept as a distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from agents.routing.features import Rows
from agents.routing.held_out import HeldOut
from agents.routing.scores import Owners

Floats = NDArray[np.float64]

_STRANGERS = 0.15
"""Share of requests that belong to nobody, in the traffic for which the promise is made."""
_LOST = 0.01
"""Share of requests with a specialist that may be declined outright, or miss the short list."""
_CAUTION = 1.0
"""Standard errors by which the expected share must lie above the promised one: with few held-out
examples the estimate itself may be wrong."""
_FEWEST = 20
"""Held-out examples below which nothing can be promised."""
_FARTHEST = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What scores say before any calibration, one row a text."""

    shares: Floats
    """Of each specialist, as if the text belonged to one of them; rows sum to 1."""
    signals: Floats
    """Log odds of the first share, the total of all scores, and its distance to `none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Turns standings into probabilities and says what they suffice for."""

    right: Floats
    """Log odds that the first specialist is right: a weight for each signal, then a constant."""
    inside: Floats
    """Log odds that the text belongs to any specialist."""
    threshold: float
    """Probability from which on the first specialist is taken. Above 1: never."""
    declined: float
    """Probability of belonging to anybody below which a text is declined. Below 0: never."""
    mass: float
    """Share that the short list covers."""


_NOTHING = Promise(
    right=np.array([1.0, 0, 0, 0]),
    inside=np.array([0, 0, 1.0, 0]),
    threshold=inf,
    declined=-inf,
    mass=1 - _LOST,
)
"""Where nothing can be promised, nothing is taken and nothing declined."""


def standing(scores: Rows, starts: Owners) -> Standing:
    """`starts` is the first class of each specialist; the last column of scores is `none`."""
    classes = scores[:, :-1].astype(np.float64)
    top = classes.max(axis=1, keepdims=True)
    parts = np.exp(classes - top)
    total = parts.sum(axis=1, keepdims=True)
    shares = np.add.reduceat(parts, starts, axis=1) / total
    first = shares.max(axis=1)
    odds = np.log(first) - np.log(np.maximum(1 - first, 1e-9))
    energy = top[:, 0] + np.log(total[:, 0])
    signals = np.stack([np.minimum(odds, _FARTHEST), energy, energy - scores[:, -1]], axis=1)
    return Standing(shares=shares, signals=signals)


def make_promise(held: HeldOut, owners: Owners, starts: Owners, precision: float) -> Promise:
    """Calibrate on held-out scores. `owners` is the specialist of each held-out example.

    With too few examples nothing is promised: the promise then takes and declines no text.
    """
    if len(held.places) < _FEWEST or not len(held.outside):
        return _NOTHING
    own = standing(held.inside, starts)
    correct = own.shares.argmax(axis=1) == owners
    if not correct.any():
        return _NOTHING
    strangers = [standing(held.outside, starts).signals]
    if len(starts) > 1:
        strangers.append(standing(_unknown(held.inside, owners, starts), starts).signals)
    signals = np.vstack([own.signals, *strangers])
    right = np.concatenate([correct, np.zeros(len(signals) - len(correct), bool)])
    known = np.arange(len(signals)) < len(correct)
    traffic = _weights([len(one) for one in (own.signals, *strangers)], _STRANGERS)
    right_odds = _logistic(signals, right, traffic)
    inside_odds = _logistic(signals, known, _weights([len(correct), *map(len, strangers)], 0.5))
    sure = probability(right_odds, signals)
    threshold = _lowest(sure, traffic, precision)
    return Promise(
        right=right_odds,
        inside=inside_odds,
        threshold=threshold,
        declined=_declined(probability(inside_odds, own.signals)),
        mass=_mass(own.shares, owners, sure[: len(correct)] < threshold),
    )


def probability(odds: Floats, signals: Floats) -> Floats:
    """The probabilities that calibrated log odds give to signals."""
    found: Floats = 1 / (1 + np.exp(-(signals @ odds[:-1] + odds[-1])))
    return found


def _unknown(scores: Rows, owners: Owners, starts: Owners) -> Rows:
    """The same texts as if nobody had ever shown an example of their specialist."""
    ends = np.append(starts[1:], scores.shape[1] - 1)
    classes = np.arange(scores.shape[1])
    own = (classes >= starts[owners][:, None]) & (classes < ends[owners][:, None])
    unknown: Rows = np.where(own, np.float32(-1e3), scores)
    return unknown


def _weights(sizes: list[int], strangers: float) -> Floats:
    """Weights by which the first group makes up all but the strangers' share of the traffic."""
    shares = [1 - strangers] + [strangers / (len(sizes) - 1)] * (len(sizes) - 1)
    return np.concatenate(
        [np.full(size, sizes[0] * share / size) for size, share in zip(sizes, shares, strict=True)]
    )


def _logistic(signals: Floats, right: NDArray[np.bool_], weights: Floats) -> Floats:
    fitted = LogisticRegression(C=1.0).fit(signals, right, sample_weight=weights)
    return np.append(fitted.coef_[0], fitted.intercept_[0])


def _lowest(sure: Floats, weights: Floats, precision: float) -> float:
    """The lowest threshold above which the mean probability of being right is the promised one."""
    order = np.argsort(-sure, kind="stable")
    taken = np.cumsum(weights[order])
    means = np.cumsum((weights * sure)[order]) / taken
    errors = np.sqrt(np.maximum(means * (1 - means), 0) / taken)
    kept = np.flatnonzero(means - _CAUTION * errors >= precision)
    return float(sure[order][kept[-1]]) if len(kept) else inf


def _declined(inside: Floats) -> float:
    """The value below which at most the share that may be lost lies (split conformal prediction,
    Vovk, Gammerman and Shafer 2005); minus infinity where there are too few examples to tell."""
    rank = int(_LOST * (len(inside) + 1))
    return float(np.sort(inside)[rank - 1]) if rank else -inf


def _mass(shares: Floats, owners: Owners, unsure: NDArray[np.bool_]) -> float:
    """The share that a list must cover so that the right one is on it, but for those that may be
    lost (adaptive prediction sets, Romano, Sesia and Candès 2020), over the unsure examples."""
    rank = ceil((1 - _LOST) * (int(unsure.sum()) + 1))
    if rank > unsure.sum():
        # Too few to tell: the shares themselves are the best guess.
        return 1 - _LOST
    ranked = -np.sort(-shares[unsure], axis=1)
    own = shares[unsure, owners[unsure]]
    before = np.where(ranked > own[:, None], ranked, 0).sum(axis=1)
    return float(np.sort(before)[rank - 1])
