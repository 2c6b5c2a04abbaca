"""Our local stage as a benchmark asks it: one specialist for each intent, trained from examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.routing.decision import MOST_CANDIDATES, Scored
from agents.routing.local import LocalClassifier
from agents.routing.training import Recipe
from bench.router_answers import Answers
from bench.router_data import Sample
from bench.router_specialists import specialists_of
from models.encoder import Encoder

VARIANTS: dict[str, dict[str, Any]] = {
    "tf-idf alone": {"encoder": None},
    "names hidden": {"recipe": Recipe(names=False)},
    "no nearest example": {"recipe": Recipe(nearest=0.0)},
    "no none-of-these": {"recipe": Recipe(outside=False)},
}
"""The ablation: what is changed in the arguments of the classifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """The local stage over made-up specialists."""

    encoder: Encoder | None
    name: str = "ours"
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the classifier that differ from its defaults."""

    def train(self, sample: Sample) -> Learnt:
        """Read the specialists, as at the start of a process."""
        arguments = {"encoder": self.encoder, **self.changes}
        specialists = specialists_of(sample)
        classifier = LocalClassifier(specialists, **arguments)
        return Learnt(classifier=classifier, names=tuple(one.name for one in specialists))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A trained local stage."""

    classifier: LocalClassifier
    names: tuple[str, ...]
    """Of the specialists, in the order of the intents' numbers."""

    def answer(self, texts: tuple[str, ...]) -> Answers:
        """Asked by its public door."""
        return answers_of(self.classifier.score_all(texts), self.names)


def answers_of(scored: list[Scored], names: tuple[str, ...]) -> Answers:
    """What the local stage said, in the shape of all systems."""
    numbers = {name: number for number, name in enumerate(names)}
    ranked = np.full((len(scored), MOST_CANDIDATES), -1, dtype=np.intp)
    for row, one in enumerate(scored):
        found = [numbers[candidate.specialist] for candidate in one.candidates]
        ranked[row, : len(found)] = found
    first = [one.candidates[0].probability if one.candidates else 0.0 for one in scored]
    return Answers(
        ranked=ranked,
        first=np.array(first),
        inside=np.array([1 - one.none for one in scored]),
        sure=np.array([one.sure for one in scored], dtype=np.bool_),
        outside=np.array([one.outside for one in scored], dtype=np.bool_),
        listed=np.array([one.short_list for one in scored], dtype=np.intp),
    )
