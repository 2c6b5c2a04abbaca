"""Which intents are easily confused, told by their very examples.

Each example is left out once and decided by the others (leave-one-out): by the example that is
nearest to it, and by the mean of each intent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from app.route_near import Example, Neighbours
from models.encoder import Encoder

_AT_ONCE = 1000
"""Examples compared with all others at once: 10,000 of them then take 40 MB, not 400."""
_MARGIN = 0.05
"""By so much nearer to the other intent than to its own: less is chance with few examples."""
_NEAR_BY_MEANING = 0.55
_NEAR_BY_WORDS = 0.35
"""Below these similarities of the encoder, or of words, two examples have nothing in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """An example that would go to another intent, if it were not there itself."""

    example: Example
    nearest: Example
    """Of the other intent."""
    similarity: float
    own: float
    """Similarity to the nearest other example of its own intent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusable:
    """Two intents, and the examples of either that would go to the other."""

    strays: tuple[Stray, ...]
    """The worst first."""

    @property
    def within(self) -> bool:
        """Both are of one specialist, so that requests reach it either way."""
        first = self.strays[0]
        return first.example.specialist == first.nearest.specialist


def confusable(examples: Sequence[Example], encoder: Encoder | None) -> list[Confusable]:
    """The pairs of intents that are confused; those with most strays first.

    Deterministic. Seconds for 1,500 examples with an encoder, less without.
    """
    classes = [_class(one) for one in examples]
    starts = [0, *(at for at in range(1, len(classes)) if classes[at] != classes[at - 1])]
    if len(starts) < 2:
        return []
    neighbours = Neighbours(examples, encoder)
    near = _NEAR_BY_WORDS if encoder is None else _NEAR_BY_MEANING
    found = [
        stray
        for start in range(0, len(examples), _AT_ONCE)
        for stray in _strays(neighbours, np.array(starts), start, near)
    ]
    found.sort(key=lambda one: (_pair(one), one.own - one.similarity, one.example.text))
    pairs = [Confusable(strays=tuple(members)) for _, members in groupby(found, key=_pair)]
    return sorted(pairs, key=lambda one: (one.within, -len(one.strays), _pair(one.strays[0])))


def _strays(
    neighbours: Neighbours, starts: NDArray[np.intp], begin: int, near: float
) -> list[Stray]:
    examples = neighbours.examples
    similar = neighbours.rows(begin, begin + _AT_ONCE)
    sizes = np.diff(np.append(starts, len(examples)))
    rows = np.arange(len(similar))
    mine = np.searchsorted(starts, rows + begin, side="right") - 1
    similar[rows, rows + begin] = -1.0
    best = np.maximum.reduceat(similar, starts, axis=1)
    similar[rows, rows + begin] = 0.0
    held = np.tile(sizes.astype(np.float32), (len(rows), 1))
    held[rows, mine] -= 1
    means = np.add.reduceat(similar, starts, axis=1) / np.maximum(held, 1)
    score = best + means
    decided = score.argmax(axis=1)
    own = best[rows, mine]
    other = best[rows, decided]
    stray = (decided != mine) & (other >= near) & (other >= own + _MARGIN)
    found = []
    for row in np.flatnonzero(stray):
        start = starts[decided[row]]
        at = start + int(similar[row, start : start + sizes[decided[row]]].argmax())
        found.append(
            Stray(
                example=examples[row + begin],
                nearest=examples[at],
                similarity=round(float(other[row]), 4),
                own=round(max(0.0, float(own[row])), 4),
            )
        )
    return found


def _class(one: Example) -> tuple[str, str]:
    return one.specialist, one.intent


def _pair(one: Stray) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((_class(one.example), _class(one.nearest))))
