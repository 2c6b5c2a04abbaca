"""Ways to route that everybody knows, on the same examples and the same vectors as ours.

Each has a threshold for the promised precision, chosen from its examples alone: five folds are
answered by what was learnt from the other four, and the threshold is the lowest score from which
these answers are right as often as promised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from bench.router_answers import PROMISE, Answers, Floats, Ints, System, threshold_at
from bench.router_data import Sample
from models.encoder import Encoder

FOLDS = 5
_SHOWN = 20
Scorer = Callable[[tuple[str, ...]], Floats]
"""Scores of texts: a column for each intent."""
Fit = Callable[[tuple[str, ...], Ints, int], Scorer]
"""Learns from texts with their labels, of so many intents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A score for each intent, and the cross-fitted threshold on the best one."""

    name: str
    fit: Fit
    promise: float = PROMISE

    def train(self, sample: Sample) -> Fitted:
        """Six fits: one for each fold, one for all."""
        width = len(sample.names)
        score = self.fit(sample.texts, sample.labels, width)
        best, right = self._held_out(sample)
        return Fitted(score=score, threshold=threshold_at(best, right, self.promise))

    def alone(self, sample: Sample) -> Fitted:
        """One fit and no threshold: what this costs where nothing is promised."""
        score = self.fit(sample.texts, sample.labels, len(sample.names))
        return Fitted(score=score, threshold=float("inf"))

    def _held_out(self, sample: Sample) -> tuple[Floats, NDArray[np.bool_]]:
        best = np.zeros(len(sample.texts))
        right = np.zeros(len(sample.texts), dtype=np.bool_)
        texts = np.array(sample.texts, dtype=object)
        for known, asked in folds(sample.labels):
            score = self.fit(tuple(texts[known]), sample.labels[known], len(sample.names))
            scores = score(tuple(texts[asked]))
            best[asked] = scores.max(axis=1)
            right[asked] = scores.argmax(axis=1) == sample.labels[asked]
        return best, right


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A baseline that has learnt."""

    score: Scorer
    threshold: float

    def answer(self, texts: tuple[str, ...]) -> Answers:
        """The best score stands for the probability, and for being inside."""
        scores = self.score(texts)
        ranked = np.argsort(-scores, axis=1, kind="stable")[:, :_SHOWN]
        best = scores.max(axis=1)
        return Answers(
            ranked=ranked,
            first=best,
            inside=best,
            sure=best >= self.threshold,
            outside=np.zeros(len(best), dtype=np.bool_),
        )


def folds(labels: Ints) -> list[tuple[Ints, Ints]]:
    """What is learnt from and what is asked, with every intent on both sides."""
    cut = StratifiedKFold(n_splits=FOLDS, shuffle=True, random_state=0)
    return list(cut.split(np.zeros(len(labels)), labels))


def baselines(encoder: Encoder) -> list[System]:
    """Those of this file."""
    fits = {"tf-idf + logistic": _words, **on(encoder)}
    return [Baseline(name=name, fit=fit) for name, fit in fits.items()]


def on(encoder: Encoder) -> dict[str, Fit]:
    """Three that see nothing but the vectors."""

    def nearest(texts: tuple[str, ...], labels: Ints, width: int) -> Scorer:
        order = np.argsort(labels, kind="stable")
        known = encoder.encode(texts)[order]
        starts = np.searchsorted(labels[order], np.arange(width))

        def score(asked: tuple[str, ...]) -> Floats:
            similar = encoder.encode(asked) @ known.T
            return np.maximum.reduceat(similar, starts, axis=1).astype(np.float64)

        return score

    def centroid(texts: tuple[str, ...], labels: Ints, width: int) -> Scorer:
        sums = np.zeros((width, encoder.width))
        np.add.at(sums, labels, encoder.encode(texts))
        means = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return lambda asked: encoder.encode(asked) @ means.T

    def logistic(texts: tuple[str, ...], labels: Ints, _width: int) -> Scorer:
        # By the development split of CLINC150: C of 1 to 100 was tried, and a finer tolerance takes
        # four times as long for the same.
        learnt = LogisticRegression(C=10, tol=1e-3, max_iter=300).fit(encoder.encode(texts), labels)
        return lambda asked: learnt.predict_proba(encoder.encode(asked))

    return {
        "nearest neighbour": nearest,
        "centroid": centroid,
        "embeddings + logistic": logistic,
    }


def _words(texts: tuple[str, ...], labels: Ints, _width: int) -> Scorer:
    learnt = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=30, tol=1e-3, max_iter=300),
    ).fit(texts, labels)
    return lambda asked: learnt.predict_proba(asked)
