"""What a run of the router's benchmark covers, and how figures of several draws become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean, stdev

from bench.peer import Peer
from bench.router_answers import Figures, System
from bench.router_baselines import baselines
from bench.router_data import Split
from bench.router_encoder import Remembering
from bench.router_ours import Ours
from bench.router_semantic import Package, Semantic
from models.encoder import LastLayer
from runtime.canonical import Json

SHOTS: tuple[int | None, ...] = (5, 10, None)
MANY = 50
"""Examples of each intent where the promise is tested on many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How much is measured."""

    small: bool
    split: Split
    peers: bool

    @property
    def shots(self) -> tuple[int | None, ...]:
        """Examples of each intent; None is all."""
        return (5,) if self.small else SHOTS

    @property
    def draws(self) -> int:
        """How often examples are drawn for the main figures."""
        return 1 if self.small else 3


@contextmanager
def systems(course: Course, encoder: Remembering) -> Iterator[list[System]]:
    """Ours first, then what it is held against."""
    known: list[System] = [Ours(encoder=encoder), *baselines(LastLayer(encoder))]
    if not course.peers:
        yield known
        return
    with Peer("semantic") as peer:
        package = Package(peer, LastLayer(encoder))
        yield [
            *known,
            Semantic(package=package, way="cross-fitted"),
            Semantic(package=package, way="calibrated"),
        ]


def label(shots: int | None) -> str:
    """A number of examples as the results name it."""
    return "full" if shots is None else str(shots)


def together(rows: Sequence[Figures]) -> Json:
    """Means of the draws, and under `spread` their standard deviations."""
    means: Json = {}
    spread: Json = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        means[name] = round(fmean(values), 4) if values else None
        if len(values) > 1:
            spread[name] = round(stdev(values), 4)
    return {**means, "draws": len(rows), "spread": spread}
