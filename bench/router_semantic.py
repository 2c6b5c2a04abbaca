"""The package semantic-router on the same examples and vectors, in the peers' environment.

It is asked as its documentation builds it (`IndexedRouter`, five nearest utterances, their mean).
It promises nothing by itself; two ways to a threshold are shown. One is the cross-fitted threshold
that every baseline has. The other is its own calibration: Platt's on queries that the routes do
not hold, here of the same five folds, and an answer where the confidence reaches the promise.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.peer import Peer
from bench.router_answers import PROMISE, Answers, Ints, threshold_at
from bench.router_baselines import folds
from bench.router_data import Sample
from models.encoder import Encoder

_MOST_HELD = 2_000
"""Held-out queries at most: each costs it more than a millisecond for a thousand utterances."""
Way = Literal["cross-fitted", "calibrated"]


_REMEMBERED = 64


class Package:
    """The package in its own process; what it was asked is remembered for its second way."""

    def __init__(self, peer: Peer, encoder: Encoder) -> None:
        self._peer, self._encoder = peer, encoder
        self._told: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, NDArray[Any]]] = {}

    def ask(self, sample: Sample, texts: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """Scores and confidences of texts by routes that hold the sample."""
        question = sample.texts, texts
        if question not in self._told:
            if len(self._told) == _REMEMBERED:
                self._told.pop(next(iter(self._told)))
            self._told[question] = self._asked(sample, texts)
        return self._told[question]

    def _asked(self, sample: Sample, texts: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        with tempfile.TemporaryDirectory() as folder:
            file, answers = Path(folder) / "asked.npz", Path(folder) / "answers.npz"
            np.savez(
                file,
                known=self._encoder.encode(sample.texts).astype(np.float64),
                labels=sample.labels,
                asked=self._encoder.encode(texts).astype(np.float64),
                fold=_fold_of(sample.labels),
            )
            self._peer.ask(file=str(file), answers=str(answers))
            with np.load(answers) as told:
                return dict(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """The package with one way to a threshold."""

    package: Package
    way: Way

    @property
    def name(self) -> str:
        """The package, and how it decides that it is sure."""
        return "semantic-router" if self.way == "cross-fitted" else "semantic-router, own fit"

    def train(self, sample: Sample) -> Filled:
        """Nothing is learnt before it is asked: its routes are the examples."""
        return Filled(package=self.package, way=self.way, sample=sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A router with routes."""

    package: Package
    way: Way
    sample: Sample

    def answer(self, texts: tuple[str, ...]) -> Answers:
        """Asked in one go."""
        told = self.package.ask(self.sample, texts)
        best = told["scores"][:, 0]
        threshold = threshold_at(told["held_best"], told["held_right"], PROMISE)
        own = self.way == "calibrated"
        return Answers(
            ranked=told["names"],
            first=best,
            inside=best,
            sure=told["confidence"] >= PROMISE if own else best >= threshold,
            outside=np.zeros(len(texts), dtype=np.bool_),
        )


def _fold_of(labels: Ints) -> Ints:
    """The fold of each example; -1 for those that are never asked."""
    fold = np.full(len(labels), -1, dtype=np.intp)
    for number, (_, asked) in enumerate(folds(labels)):
        fold[asked] = number
    chosen = np.random.default_rng(0).permutation(len(labels))[_MOST_HELD:]
    fold[chosen] = -1
    return fold
