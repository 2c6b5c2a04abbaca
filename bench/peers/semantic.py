"""Routes by the package semantic-router, in the peers' own environment, on vectors made by us.

Each line of standard input names a file of arrays: `known` and `labels`, what the routes hold, and
`asked`, in numpy's format. The answers go to a second file, and one line tells that they are there.
"""

# The package is not installed where types are checked.
# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from semantic_router import IndexedRouter, Route
from semantic_router.calibration import Calibrator
from semantic_router.encoders import DenseEncoder

SHOWN = 5
"""Its score is that of the five nearest utterances: there are no more routes than these."""


class Given(DenseEncoder):
    """Looks up vectors; a text is the number of its vector."""

    name: str = "given"
    vectors: Any = None

    def __call__(self, docs: list[Any]) -> list[list[float]]:
        """The vectors of these."""
        rows: list[list[float]] = self.vectors[[int(number) for number in docs]].tolist()
        return rows

    async def acall(self, docs: list[Any]) -> list[list[float]]:
        """The same at once: nothing is waited for."""
        return self(docs)


def router(vectors: NDArray[Any], labels: NDArray[Any], rows: Sequence[int]) -> IndexedRouter:
    """A router as its documentation builds one; the routes hold these rows."""
    held: dict[int, list[str]] = {}
    for row in rows:
        held.setdefault(int(labels[row]), []).append(str(row))
    routes = [Route(name=str(label), utterances=texts) for label, texts in held.items()]
    return IndexedRouter(encoder=Given(vectors=vectors), routes=routes)


async def ranked(asked: IndexedRouter, texts: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The routes of each text, the best first, with their scores.

    By the scores that its `fit` and `evaluate` read. Its call sorts out the same routes, but looks
    each one's threshold up among all; with 150 routes that is eight times slower, and the time of
    a call is measured elsewhere.
    """
    names = np.full((len(texts), SHOWN), -1)
    scores = np.zeros((len(texts), SHOWN))
    for row, said in enumerate(await asked._scores_many(texts)):
        # A route that none of the nearest utterances belongs to scores nothing.
        found = sorted(((score, name) for name, score in said.items() if score), reverse=True)
        names[row, : len(found)] = [int(name) for _, name in found]
        scores[row, : len(found)] = [score for score, _ in found]
    return names, scores


async def answer(question: dict[str, str]) -> None:
    """Scores of what is asked, and calibrated confidences as its `fit` makes them."""
    given = np.load(question["file"])
    known, labels, asked = given["known"], given["labels"], given["asked"]
    vectors = np.concatenate([known, asked])
    texts = [str(len(known) + row) for row in range(len(asked))]
    names, scores = await ranked(router(vectors, labels, range(len(known))), texts)
    best, right = await held_out(known, labels, given["fold"])
    confidence = Calibrator.fit(best, right.astype(float), "platt")(scores[:, 0])
    np.savez(
        question["answers"],
        names=names,
        scores=scores,
        confidence=confidence,
        held_best=best,
        held_right=right,
    )


async def held_out(
    known: NDArray[Any], labels: NDArray[Any], fold: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each fold asked of the others: best score, and whether it was right. -1 is in no fold."""
    best, right = np.zeros(len(known)), np.zeros(len(known), dtype=bool)
    for number in range(int(fold.max()) + 1):
        (rows,) = np.nonzero(fold == number)
        (others,) = np.nonzero(fold != number)
        names, scores = await ranked(
            router(known, labels, [int(row) for row in others]), [str(row) for row in rows]
        )
        best[rows], right[rows] = scores[:, 0], names[:, 0] == labels[rows]
    return best[fold >= 0], right[fold >= 0]


def tell(value: object) -> None:
    """One line for the process that asks."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer line by line until standard input ends."""
    logging.disable(logging.WARNING)
    packages = ("semantic-router", "numpy")
    tell({name: version(name) for name in packages})
    for line in sys.stdin:
        asyncio.run(answer(json.loads(line)))
        tell({"done": True})


if __name__ == "__main__":
    main()
