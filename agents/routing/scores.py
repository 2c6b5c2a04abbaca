"""What the examples say of a text: one score for each intent, and one for none of them.

A linear score (multinomial logistic regression) plus the likeness to the intent's nearest example:
the first knows what tells intents apart, the second has seen this very wording.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.routing.features import Rows
from agents.routing.softmax import fit_softmax

Owners = NDArray[np.intp]
_OUTSIDE_WEIGHT = 0.5
"""What a request outside of everything counts in training, beside 1 for an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows to learn from: examples with the class of each, and rows that belong to none."""

    rows: Rows
    owners: Owners
    outside: Rows
    classes: int

    def without(self, rows: NDArray[np.bool_], outside: NDArray[np.bool_]) -> Sample:
        """The same, some rows left out."""
        return Sample(
            rows=self.rows[~rows],
            owners=self.owners[~rows],
            outside=self.outside[~outside],
            classes=self.classes,
        )


class Scorer:
    """Scores rows. Every class keeps its column, also one that has no row in the sample."""

    def __init__(self, sample: Sample, nearest: float) -> None:
        """`nearest` is the weight of the likeness to the nearest example."""
        self._classes, self._weight = sample.classes, nearest
        weights = np.ones(len(sample.rows) + len(sample.outside), np.float32)
        weights[len(sample.rows) :] = _OUTSIDE_WEIGHT
        self._coefficients = fit_softmax(
            np.vstack([sample.rows, sample.outside]),
            np.append(sample.owners, np.full(len(sample.outside), sample.classes)),
            sample.classes + 1,
            weights,
        )
        order = np.argsort(sample.owners, kind="stable")
        self._present, self._starts = np.unique(sample.owners[order], return_index=True)
        self._examples = np.ascontiguousarray(unit(sample.rows[order]))

    def scores(self, rows: Rows) -> Rows:
        """One column for each class, and the last one for none of them."""
        scores: Rows = rows @ self._coefficients
        scores[:, self._present] += self._weight * self.likeness(rows)
        return scores

    def likeness(self, rows: Rows) -> Rows:
        """Cosine with the nearest example of each class that has one."""
        cosines = unit(rows) @ self._examples.T
        nearest: Rows = np.maximum.reduceat(cosines, self._starts, axis=1)
        return nearest


def likeness_to(examples: Rows, rows: Rows) -> Rows:
    """Cosine of each row with its nearest example, of whatever class."""
    nearest: Rows = (unit(rows) @ unit(examples).T).max(axis=1)
    return nearest


def unit(rows: Rows) -> Rows:
    """The rows with length one; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Rows = rows / np.maximum(lengths, 1e-9)
    return scaled
