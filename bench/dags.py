"""Random plans of three shapes with their task times, and what no scheduler can beat.

All of it is a function of a seed, so that every system gets the same work, and so does the
provider that plays the model.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Shape = Literal["wide", "layered", "chains"]
SHAPES: tuple[Shape, ...] = ("wide", "layered", "chains")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task: what it waits for, how long its model thinks in all, and whether it reads first."""

    number: int
    parents: tuple[int, ...]
    seconds: float
    reads: bool
    """Calls a tool before it delivers: two model calls, each with half of the seconds."""

    @property
    def id(self) -> str:
        return f"s{self.number:03d}"


@dataclass(frozen=True)
class Dag:
    """A plan as numbers. `name` is unique and stands in every objective."""

    name: str
    shape: Shape
    seed: int
    steps: tuple[Step, ...]

    @cached_property
    def urgency(self) -> dict[int, float]:
        """Seconds of the longest chain that starts with a step."""
        longest: dict[int, float] = {}
        below = dict.fromkeys((step.number for step in self.steps), 0.0)
        for step in reversed(self.steps):
            longest[step.number] = step.seconds + below[step.number]
            for parent in step.parents:
                below[parent] = max(below[parent], longest[step.number])
        return longest

    @property
    def critical(self) -> float:
        """Seconds of the longest chain."""
        return max(self.urgency.values())

    @property
    def work(self) -> float:
        """Seconds of all steps together."""
        return sum(step.seconds for step in self.steps)

    def bound(self, width: int) -> float:
        """Seconds that nobody can beat: the longest chain, or the work shared out evenly."""
        return max(self.critical, self.work / width)

    def depths(self) -> list[list[Step]]:
        """The steps in topological waves: each waits for steps of earlier waves only."""
        depth: dict[int, int] = {}
        waves: list[list[Step]] = []
        for step in self.steps:
            own = max((depth[parent] + 1 for parent in step.parents), default=0)
            depth[step.number] = own
            if own == len(waves):
                waves.append([])
            waves[own].append(step)
        return waves


def draw(
    shape: Shape,
    size: int,
    seed: int,
    *,
    median: float,
    sigma: float = 0.6,
    reads: float = 1 / 3,
) -> Dag:
    """A random plan of `size` tasks, parents first, with lognormal times.

    `median` is in seconds; a share `reads` of the tasks calls a tool first.
    """
    rng = random.Random(f"{shape}:{size}:{seed}")
    parents = {"wide": _wide, "layered": _layered, "chains": _chains}[shape](size, rng)
    steps = tuple(
        Step(
            number=number,
            parents=tuple(sorted(set(waits))),
            seconds=round(median * math.exp(rng.gauss(0.0, sigma)), 4),
            reads=rng.random() < reads,
        )
        for number, waits in enumerate(parents)
    )
    return Dag(name=f"{shape}-{size}-{seed}", shape=shape, seed=seed, steps=steps)


def _wide(size: int, rng: random.Random) -> list[list[int]]:
    """A few sources, many tasks on one of them or on none, and a few that join many."""
    sources = max(1, size // 10)
    joins = max(1, size // 20)
    found: list[list[int]] = [[] for _ in range(sources)]
    for _ in range(size - sources - joins):
        found.append([rng.randrange(sources)] if rng.random() < 0.7 else [])
    middle = range(sources, size - joins)
    for _ in range(joins):
        found.append(rng.sample(middle, max(2, len(middle) // (2 * joins))))
    return found


def _layered(size: int, rng: random.Random) -> list[list[int]]:
    """Layers, each task on one to three of the layer before."""
    found: list[list[int]] = []
    before: list[int] = []
    while len(found) < size:
        count = min(size - len(found), rng.randint(max(2, size // 8), max(3, size // 4)))
        layer = list(range(len(found), len(found) + count))
        for _ in layer:
            found.append(rng.sample(before, min(len(before), rng.randint(1, 3))) if before else [])
        before = layer
    return found


def _chains(size: int, rng: random.Random) -> list[list[int]]:
    """Chains of two to six that sometimes wait for a task of another one, and a last that joins."""
    found: list[list[int]] = []
    ends: list[int] = []
    while len(found) < size - 1:
        length = min(size - 1 - len(found), rng.randint(2, 6))
        for place in range(length):
            number = len(found)
            waits = [number - 1] if place else []
            if number > 2 and rng.random() < 0.2:
                waits.append(rng.randrange(number - 1))
            found.append(waits)
        ends.append(len(found) - 1)
    return [*found, ends]
