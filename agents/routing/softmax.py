"""Multinomial logistic regression that stays fast with a thousand classes.

The usual solver needs minutes and gigabytes there. Here the problem is turned so that its curvature
is nearly the same in all directions (by a bound on the Hessian that all classes share: Böhning,
Multinomial logistic regression algorithm, 1992), after which a dozen steps of L-BFGS do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from agents.routing.features import Rows

_PENALTY = 0.05
_CURVATURE = 0.02
"""p(1-p) of a typical class, which makes the bound a good guess of the curvature."""
_STEPS = 12


def fit_softmax(rows: Rows, owners: NDArray[np.intp], classes: int, weights: Rows) -> Rows:
    """The coefficients, one column a class: `rows @ coefficients` are the scores of the classes.

    Args:
        owners: the class of each row.
        weights: how much each row counts.
    """
    size = rows.shape[1]
    turn = _even_out(rows)
    turned = np.ascontiguousarray(rows @ turn)
    # The penalty is on the coefficients as they are outside, not as they are turned.
    penalty = _PENALTY * (turn.T @ turn)
    at = np.arange(len(rows))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        coefficients = flat.reshape(size, classes).astype(np.float32)
        scores = turned @ coefficients
        scores -= scores.max(axis=1, keepdims=True)
        own = scores[at, owners]
        np.exp(scores, out=scores)
        totals = scores.sum(axis=1)
        pulled = penalty @ coefficients
        value = float(weights @ (np.log(totals) - own)) + 0.5 * float(np.vdot(coefficients, pulled))
        scores /= totals[:, None]
        scores[at, owners] -= 1
        scores *= weights[:, None]
        return value, (turned.T @ scores + pulled).ravel().astype(np.float64)

    found = minimize(
        loss,
        np.zeros(size * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "maxcor": 4},
    )
    coefficients: Rows = turn @ found.x.reshape(size, classes).astype(np.float32)
    return coefficients


def _even_out(rows: Rows) -> Rows:
    bound = _CURVATURE * (rows.T @ rows) + _PENALTY * np.eye(rows.shape[1], dtype=np.float32)
    values, directions = np.linalg.eigh(bound)
    turn: Rows = (directions / np.sqrt(np.maximum(values, _PENALTY / 2))).astype(np.float32)
    return turn
