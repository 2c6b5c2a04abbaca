"""Whether requests can reach each specialist: examples that collide, and more than one fallback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.routing.local import LocalClassifier
from agents.spec import Specialist
from app.spec_source import Source
from runtime.errors import ConfigError

_TOO_NEAR = 0.05
"""Share of a specialist in another one's own example from which on the two examples collide. It
corresponds to three quarters of the similarity of equal texts."""


def problems_of_intents(sources: Sequence[Source]) -> Iterator[ConfigError]:
    """What is wrong between specialists, as far as routing goes."""
    yield from _fallbacks(sources)
    yield from _same(sources)
    if any(source.specialist.intents for source in sources):
        yield from _nearer(sources, _shared(sources))


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


def _shared(sources: Sequence[Source]) -> set[str]:
    """The examples that stand in more than one specialist, which were told already."""
    owners: dict[str, set[str]] = {}
    for source in sources:
        for _, example in _examples(source.specialist):
            owners.setdefault(_plain(example), set()).add(source.specialist.name)
    return {example for example, names in owners.items() if len(names) > 1}


def _nearer(sources: Sequence[Source], told: set[str]) -> Iterator[ConfigError]:
    """Examples that the local stage can hardly tell from those of another specialist."""
    classifier = LocalClassifier([source.specialist for source in sources])
    for source in sources:
        name = source.specialist.name
        for path, example in _examples(source.specialist):
            others = [one for one in classifier.candidates(example) if one.specialist != name]
            near = bool(others) and others[0].probability >= _TOO_NEAR
            if near and _plain(example) not in told:
                yield source.problem(
                    path,
                    f"the example {example!r} is nearly one of {others[0].specialist!r}, which"
                    f" takes {others[0].probability:.0%} of it",
                    "Reword it with what is special to this specialist, or keep it in one of them.",
                )


def _examples(one: Specialist) -> list[tuple[list[str | int], str]]:
    return [
        (["intents", at, "examples", place], example)
        for at, intent in enumerate(one.intents)
        for place, example in enumerate(intent.examples)
    ]


def _plain(example: str) -> str:
    return " ".join(example.casefold().split()).rstrip(".?!")
