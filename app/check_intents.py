"""Whether requests can reach each specialist: examples that collide, and more than one fallback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.routing.local import LocalClassifier
from agents.routing.settings import Routing
from agents.routing.split import sure
from agents.spec import Intent, Specialist
from app.spec_source import Source
from runtime.errors import ConfigError

_FOLDS = 5
"""Each example is routed once by a classifier that has not seen it, nor a fifth of the others."""


def problems_of_intents(
    sources: Sequence[Source], routing: Routing | None
) -> Iterator[ConfigError]:
    """What is wrong between specialists, as far as routing goes."""
    yield from _fallbacks(sources)
    same = list(_same(sources))
    yield from same
    if routing is not None and not same:
        yield from _nearer(sources, routing)


def _fallbacks(sources: Sequence[Source]) -> Iterator[ConfigError]:
    takers = [source for source in sources if source.specialist.fallback]
    for source in takers[1:]:
        yield source.problem(
            ["fallback"],
            f"{takers[0].specialist.name!r} is the fallback already",
            "Keep 'fallback: true' in one file; only one specialist takes what no other does.",
        )


def _same(sources: Sequence[Source]) -> Iterator[ConfigError]:
    """Two specialists that show the same example: no router could tell them apart."""
    first: dict[str, str] = {}
    for source in sources:
        for path, example in _examples(source.specialist):
            owner = first.setdefault(_plain(example), source.specialist.name)
            if owner != source.specialist.name:
                yield source.problem(
                    path,
                    f"the example {example!r} is also one of {owner!r}",
                    "Keep it in one of the two, or say in it what tells them apart.",
                )


def _nearer(sources: Sequence[Source], routing: Routing) -> Iterator[ConfigError]:
    """An example that the local stage would surely send to another specialist."""
    everyone = [source.specialist for source in sources]
    for fold in range(_FOLDS):
        rest = [_without(one, fold) for one in everyone]
        if len([one for one in rest if one.intents]) < 2:
            continue
        classifier = LocalClassifier(rest)
        for source in sources:
            for number, (path, example) in enumerate(_examples(source.specialist)):
                if number % _FOLDS != fold:
                    continue
                taken = sure(classifier.candidates(example), routing)
                if taken and taken.specialist != source.specialist.name:
                    yield source.problem(
                        path,
                        f"the example {example!r} is nearest to those of {taken.specialist!r}"
                        f" ({taken.probability:.0%})",
                        "Reword it with what is special to this specialist, or add examples here.",
                    )


def _examples(one: Specialist) -> list[tuple[list[str | int], str]]:
    return [
        (["intents", at, "examples", place], example)
        for at, intent in enumerate(one.intents)
        for place, example in enumerate(intent.examples)
    ]


def _without(one: Specialist, fold: int) -> Specialist:
    """The specialist without the examples of a fold; for the classifier only."""
    left: list[Intent] = []
    number = 0
    for intent in one.intents:
        kept = []
        for example in intent.examples:
            if number % _FOLDS != fold:
                kept.append(example)
            number += 1
        left.append(intent.model_copy(update={"examples": tuple(kept)}))
    return one.model_copy(update={"intents": tuple(left)})


def _plain(example: str) -> str:
    return " ".join(example.casefold().split()).rstrip(".?!")
