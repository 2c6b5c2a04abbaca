"""Whether requests can reach each specialist: examples that collide, and more than one fallback.

What no router can tell apart is a problem. What one easily confuses is a warning: the author may
know better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.route_confusable import Confusable, Stray, confusable
from app.route_near import Example, examples_of, folded
from app.spec_source import Source
from models.encoder import Encoder
from runtime.errors import ConfigError

_TOLD = 3
"""Examples that a warning names; one would do, three show what they have in common."""
_EMPTY = frozenset({"a", "an", "the", "please"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that works and may not be meant."""

    told: ConfigError
    mild: bool
    """Between intents of one specialist: it gets the request either way."""


def problems_of_intents(sources: Sequence[Source]) -> Iterator[ConfigError]:
    """What is wrong between specialists, as far as routing goes."""
    yield from _fallbacks(sources)
    yield from _same(sources)


def warnings_of_intents(sources: Sequence[Source], encoder: Encoder | None) -> list[Warned]:
    """The pairs of intents that are easily confused, with the very examples; the worst first.

    Examples that are refused already are not warned of as well.
    """
    by_name = {source.specialist.name: source for source in sources}
    owners = _owners(sources)
    examples = [
        one
        for one in examples_of(source.specialist for source in by_name.values())
        if len(owners[plain(one.text)]) == 1
    ]
    return [_warned(pair, by_name) for pair in confusable(examples, encoder)]


def same_as(text: str, sources: Sequence[Source]) -> Example | None:
    """The example that says the same in the same words, if there is one."""
    wanted = plain(text)
    every = examples_of(source.specialist for source in sources)
    return next((one for one in every if plain(one.text) == wanted), None)


def plain(example: str) -> str:
    """An example without what never tells two intents apart: case, marks, numbers, articles."""
    words = re.findall(r"\w+", folded(example))
    return " ".join(word for word in words if word not in _EMPTY) or " ".join(words)


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
    first: dict[str, tuple[Source, Example]] = {}
    for source in sources:
        for one in examples_of([source.specialist]):
            there, other = first.setdefault(plain(one.text), (source, one))
            if other.specialist == one.specialist:
                continue
            place = f"{there.specialist.file.name}:{there.located.line(other.path)}"
            if _spelt(one.text) == _spelt(other.text):
                yield source.problem(
                    one.path,
                    f"the example {one.text!r} is also one of {other.specialist!r} ({place})",
                    "Keep it in one of the two, or say in it what tells them apart.",
                )
            else:
                yield source.problem(
                    one.path,
                    f"the example {one.text!r} is nearly one of {other.specialist!r}:"
                    f" {other.text!r} ({place})",
                    "Reword it with what is special to this specialist, or keep it in one of them.",
                )


def _owners(sources: Sequence[Source]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in examples_of(source.specialist for source in sources):
        found.setdefault(plain(one.text), set()).add(one.specialist)
    return found


def _warned(pair: Confusable, by_name: dict[str, Source]) -> Warned:
    strays = pair.strays
    first = strays[0]
    source = by_name[first.example.specialist]
    more = f"; {len(strays) - _TOLD} more" if len(strays) > _TOLD else ""
    lies = "; ".join(_lies(one, by_name) for one in strays[:_TOLD])
    remedy = (
        "Reword them with what tells the intents apart, or make the two intents one."
        if pair.within
        else "Reword them with what is special to each specialist, or move them to the other one."
    )
    return Warned(
        told=source.problem(
            first.example.path,
            f"{_named(first.example)} is easily confused with {_named(first.nearest)}:"
            f" {lies}{more}",
            remedy,
        ),
        mild=pair.within,
    )


def _lies(one: Stray, by_name: dict[str, Source]) -> str:
    there = by_name[one.nearest.specialist]
    here = by_name[one.example.specialist]
    return (
        f"{one.example.text!r} ({here.specialist.file.name}:{here.located.line(one.example.path)})"
        f" lies nearer to {one.nearest.text!r}"
        f" ({there.specialist.file.name}:{there.located.line(one.nearest.path)}) with"
        f" {one.similarity:.2f} than to its own intent with {one.own:.2f}"
    )


def _named(one: Example) -> str:
    return f"'{one.specialist}/{one.intent}'"


def _spelt(example: str) -> str:
    return " ".join(example.casefold().split()).rstrip(".?!")
