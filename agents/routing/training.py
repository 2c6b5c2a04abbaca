"""From the specialists' examples to a trained local stage, in memory and in seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
from threadpoolctl import threadpool_limits

from agents.routing.features import Features, Rows
from agents.routing.held_out import hold_out
from agents.routing.promise import Promise, make_promise
from agents.routing.scores import Owners, Sample, Scorer, likeness_to
from agents.spec import Specialist
from models.encoder import Encoder

_TOO_NEAR = 0.85
"""Of the requests that belong to nobody, the share that is kept: the rest lies nearest to the
installation's own examples and may well belong to somebody here."""
_LARGE = 5000
"""Examples from which on training takes all cores."""
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One text that shows an intent of a specialist."""

    text: str
    specialist: str
    intent: str
    name: bool = False
    """The text is the intent's name: learned from, never held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What the classifier is made of. The defaults serve; others are there to be measured."""

    names: bool = True
    """Names of intents count as examples."""
    nearest: float = 4.0
    """Weight of the likeness to the nearest example."""
    outside: bool = True
    """Requests that belong to nobody are learned from."""


SERVING = Recipe()


@runtime_checkable
class Remembers(Protocol):
    """An encoder that keeps the vectors of what is trained on."""

    def encode_known(self, texts: Sequence[str]) -> Rows:
        """One row for each text; computes those that it has not kept."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """All that scoring a request needs."""

    features: Features
    scorer: Scorer
    promise: Promise
    specialists: tuple[str, ...]
    starts: Owners
    """The first class of each specialist; classes are intents."""
    intents: tuple[str, ...]
    """Of each class."""


def examples_of(specialists: Iterable[Specialist], recipe: Recipe) -> tuple[Example, ...]:
    """What there is to learn from, sorted by specialist and intent. Texts without a word are not
    among it."""
    found = [
        Example(text=text, specialist=one.name, intent=intent.name, name=named)
        for one in sorted(specialists, key=lambda one: one.name)
        for intent in sorted(one.intents, key=lambda intent: intent.name)
        for text, named in (
            *((example, False) for example in intent.examples),
            *([(intent.name.replace("-", " "), True)] if recipe.names else []),
        )
    ]
    return tuple(one for one in found if _WORD.search(one.text))


@cache
def strangers() -> tuple[str, ...]:
    """Requests that hardly any installation serves."""
    lines = files("agents.routing").joinpath("outside.txt").read_text(encoding="utf-8")
    return tuple(line for line in lines.splitlines() if line and not line.startswith("#"))


def train(
    examples: Sequence[Example], encoder: Encoder | None, precision: float, recipe: Recipe
) -> Trained:
    """Learn from the examples, of which there is at least one. Deterministic.

    Takes about two seconds for 150 intents with 10 examples each, once their vectors are known.
    """
    # Threads of a matrix library wait for each other by spinning: beside anything else that runs,
    # one of them is several times as fast as two, but for very large products.
    threads = 1 if len(examples) < _LARGE else None
    with threadpool_limits(limits=threads, user_api="blas"):
        return _trained(examples, encoder, precision, recipe)


def _trained(
    examples: Sequence[Example], encoder: Encoder | None, precision: float, recipe: Recipe
) -> Trained:
    texts = [one.text for one in examples]
    others = strangers() if recipe.outside else ()
    vectors = _vectors(encoder, [*texts, *others])
    features = Features(texts, None if vectors is None else vectors[: len(texts)])
    rows = features.rows([*texts, *others], vectors)
    classes = [key for key, _ in groupby(examples, key=lambda one: (one.specialist, one.intent))]
    place = {key: at for at, key in enumerate(classes)}
    sample = Sample(
        rows=rows[: len(texts)],
        owners=np.array([place[one.specialist, one.intent] for one in examples], np.intp),
        outside=rows[len(texts) :],
        classes=len(classes),
    )
    sample = _apart(sample)
    owner_of_class = np.unique([specialist for specialist, _ in classes], return_inverse=True)[1]
    _, starts = np.unique(owner_of_class, return_index=True)
    held = hold_out(sample, np.array([one.name for one in examples]), recipe.nearest)
    return Trained(
        features=features,
        scorer=Scorer(sample, recipe.nearest),
        promise=make_promise(held, owner_of_class[sample.owners[held.places]], starts, precision),
        specialists=tuple(sorted({specialist for specialist, _ in classes})),
        starts=starts,
        intents=tuple(intent for _, intent in classes),
    )


def _vectors(encoder: Encoder | None, texts: Sequence[str]) -> Rows | None:
    if encoder is None:
        return None
    return encoder.encode_known(texts) if isinstance(encoder, Remembers) else encoder.encode(texts)


def _apart(sample: Sample) -> Sample:
    """The sample without the strangers that are nearest to an example."""
    if not len(sample.outside):
        return sample
    near = likeness_to(sample.rows, sample.outside)
    kept = near <= np.quantile(near, _TOO_NEAR)
    return Sample(
        rows=sample.rows,
        owners=sample.owners,
        outside=sample.outside[kept],
        classes=sample.classes,
    )
