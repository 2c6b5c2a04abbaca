"""The second stage: a classifier trained in memory from the specialists' own examples.

It costs no tokens, knows when it is not sure, and keeps a promise about how often it is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict

import numpy as np

from agents.routing.decision import MOST_CANDIDATES, Candidate, Scored
from agents.routing.features import Rows
from agents.routing.promise import Floats, Standing, probability, standing
from agents.routing.training import (
    SERVING,
    Example,
    Recipe,
    Trained,
    examples_of,
    strangers,
    train,
)
from agents.spec import Specialist
from models.encoder import Encoder
from runtime.canonical import digest

_VERSION = 1
"""Counts up when the same examples may give other decisions."""
_FEWEST_LISTED, _MOST_LISTED = 2, 20
_NOTHING = Scored(candidates=(), none=1.0, threshold=1.0, sure=False, outside=False, short_list=0)


class LocalClassifier:
    """Deterministic: the same specialists and the same text give the same decision."""

    def __init__(
        self,
        specialists: Iterable[Specialist],
        encoder: Encoder | None = None,
        *,
        promise: float = 0.98,
        recipe: Recipe = SERVING,
    ) -> None:
        """`promise` is the share of right ones among the requests that are answered locally.

        Without an encoder the words alone decide. A `Cached` encoder computes new examples only.
        """
        self.promise = promise
        self.encoder = encoder
        self.examples = examples_of(specialists, recipe)
        self.identity = digest(
            {
                "version": _VERSION,
                "examples": [asdict(one) for one in self.examples],
                "encoder": encoder.name if encoder else "",
                "promise": promise,
                "recipe": asdict(recipe),
                "outside": list(strangers()),
            }
        )[:16]
        self._known = _known(self.examples)
        self._trained = train(self.examples, encoder, promise, recipe) if self.examples else None

    def encoding_by(self, encoder: Encoder) -> LocalClassifier:
        """The same classifier, requests encoded by another encoder of the same vectors."""
        other = copy(self)
        other.encoder = encoder
        return other

    def score(self, text: str) -> Scored:
        """What the examples say of a text."""
        return self.score_all([text])[0]

    def score_all(self, texts: Sequence[str], most: int = MOST_CANDIDATES) -> list[Scored]:
        """What the examples say of each text; together they cost less than one by one.

        `most` bounds the candidates of each.
        """
        if self._trained is None or not texts:
            return [_NOTHING] * len(texts)
        vectors = self.encoder.encode(texts) if self.encoder else None
        scores = self._trained.scorer.scores(self._trained.features.rows(texts, vectors))
        found = standing(scores, self._trained.starts)
        return [
            _scored(self._trained, found, at, scores[at], self._known.get(_plain(text), ""), most)
            for at, text in enumerate(texts)
        ]


def _scored(
    trained: Trained, found: Standing, at: int, scores: Rows, known: str, most: int
) -> Scored:
    """`known` is the specialist that has this very text as an example, or empty."""
    promise, shares = trained.promise, found.shares[at]
    signals = found.signals[at : at + 1]
    first = float(probability(promise.right, signals)[0])
    inside = max(first, float(probability(promise.inside, signals)[0]))
    order = np.argsort(-shares, kind="stable")
    if known:
        # An example belongs where its author put it; no estimate is needed.
        order = np.array(sorted(order, key=lambda one: trained.specialists[one] != known))
        first = inside = 1.0
    rest = _rest(shares[order[1:most]], 1 - float(shares[order[0]]), first, inside)
    candidates = tuple(
        # Not checked once more: to check twenty takes a tenth of a decision by words alone.
        Candidate.model_construct(
            specialist=trained.specialists[one],
            intent=_intent(trained, scores, one),
            probability=round(value, 6),
        )
        for one, value in zip(order[:most], (first, *rest), strict=True)
    )
    return Scored(
        candidates=candidates,
        none=round(1 - inside, 6),
        threshold=min(promise.threshold, 1.0),
        sure=bool(known) or first >= promise.threshold,
        outside=not known and inside < promise.declined,
        short_list=_listed(shares[order], promise.mass),
    )


def _rest(shares: Floats, whole: float, first: float, inside: float) -> list[float]:
    """The probabilities of the others: what is left of belonging to anybody, by their shares."""
    return [min(first, (inside - first) * float(one) / whole) if whole else 0.0 for one in shares]


def _listed(shares: Floats, mass: float) -> int:
    """How many of the first it takes until no other one is needed to cover the mass."""
    before = np.cumsum(shares) - shares
    wanted = max(_FEWEST_LISTED, int((before <= mass).sum()))
    return min(wanted, _MOST_LISTED, len(shares))


def _intent(trained: Trained, scores: Rows, specialist: int) -> str:
    start, *following = trained.starts[specialist : specialist + 2]
    end = following[0] if following else len(scores) - 1
    if end - start == 1:
        return trained.intents[int(start)]
    nearest = int(start) + int(scores[start:end].argmax())
    return trained.intents[nearest]


def _known(examples: Sequence[Example]) -> Mapping[str, str]:
    """The specialist of each example that stands in one specialist only."""
    owners: dict[str, set[str]] = defaultdict(set)
    for one in examples:
        if not one.name:
            owners[_plain(one.text)].add(one.specialist)
    return {text: next(iter(names)) for text, names in owners.items() if len(names) == 1}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".?! ")
