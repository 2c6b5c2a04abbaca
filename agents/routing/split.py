"""What a request asks for: one thing, or several, each for another specialist.

Cut at a place, both parts must be more like what the examples show than the whole is, and of
different specialists. A word such as "and" alone says little: most often it joins things within
one request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log
from typing import Protocol

from agents.routing.cuts import Kind, Place, places
from agents.routing.decision import Candidate, Dispatch, Route, Scored, listed_together
from agents.routing.settings import Routing

LONGEST = 2000
"""Characters of a request that the local stage looks at; its examples are sentences, not pages."""

# Fitted to pairs and to single requests of CLINC150's development split, ten examples an intent.
_WHOLE = 1.4
"""Weight of the whole's log odds of belonging to anybody, beside the sum of those of its parts."""
_WORDS = 2.5
"""Weight of the logarithm of the words in the shorter part: single words mean little alone."""
_NEEDED: Mapping[Kind, float] = {"apart": 3.0, "begins": 6.0, "bare": 11.0}
"""Evidence that it takes to cut."""
_LEAST = 3e-4
"""Probabilities nearer to 0 or 1 than this are not told apart."""

Cutting = tuple[int, int]
"""From which to which of the pieces between places a part goes."""


class Scores(Protocol):
    """The local classifier, as far as it takes to read a request."""

    def score_all(self, texts: Sequence[str]) -> list[Scored]:
        """What the examples say of each text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a request that is for another specialist than the parts beside it."""

    text: str
    scored: Scored
    waits: bool = False
    """It refers back to the part before it, or is said to come after it."""

    @property
    def listed(self) -> tuple[Candidate, ...]:
        """Its short list."""
        return self.scored.candidates[: self.scored.short_list]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the examples say of a request and of its parts."""

    text: str
    whole: Scored
    parts: tuple[Part, ...] = ()
    """Two or more in their order; none where one thing is asked."""

    @property
    def sure(self) -> bool:
        """Nobody needs to be asked: the whole is sure, or every part of it."""
        return all(part.scored.sure for part in self.parts) if self.parts else self.whole.sure

    @property
    def listed(self) -> tuple[Candidate, ...]:
        """The short list: where there are parts, what is on the list of any of them."""
        if not self.parts:
            return self.whole.candidates[: self.whole.short_list]
        return listed_together(part.listed for part in self.parts)


def read(text: str, classifier: Scores, routing: Routing) -> Reading:
    """One thing, or several? Asks the classifier once, for the whole and its parts together.

    Of a request beyond `LONGEST` only the beginning is looked at, and it is never cut.
    """
    found = places(text, routing) if len(text) <= LONGEST else ()
    pieces = {
        (start, end): _between(text, found, start, end)
        for start, end in combinations(range(len(found) + 2), 2)
    }
    whole = (0, len(found) + 1)
    pieces[whole] = text[:LONGEST]
    scored = dict(zip(pieces, classifier.score_all(list(pieces.values())), strict=True))
    parts = _Cutter(pieces, scored, found).parts(whole)
    if len(parts) == 1:
        return Reading(text=text, whole=scored[whole])
    return Reading(
        text=text,
        whole=scored[whole],
        parts=tuple(
            Part(
                text=pieces[one],
                scored=scored[one],
                waits=one[0] > 0 and _waits(pieces[one], found[one[0] - 1], routing),
            )
            for one in parts
        ),
    )


def by_examples(text: str, classifier: Scores, routing: Routing) -> Route | None:
    """The route of the local stage; None where it is not sure of the request, or of a part."""
    return route_of(read(text, classifier, routing))


def route_of(reading: Reading) -> Route | None:
    """The route that a reading stands for; None where it is not sure, or beyond `LONGEST`."""
    if not reading.sure or len(reading.text) > LONGEST:
        return None
    made = dispatches(reading)
    told = f"{made[0].specialist} is nearest by its examples, with {_share(reading.whole)}."
    if reading.parts:
        shares = zip(made, reading.parts, strict=True)
        names = ", ".join(f"{one.specialist} ({_share(part.scored)})" for one, part in shares)
        told = f"The request has {len(made)} parts, each sure by its examples: {names}."
    return Route(
        kind="dispatch",
        stage="local",
        reason=told,
        dispatches=made,
        candidates=reading.listed,
        threshold=reading.whole.threshold,
    )


def dispatches(reading: Reading) -> tuple[Dispatch, ...]:
    """A dispatch for each part, or for the whole; one that is not sure has no specialist yet.

    A part waits for the one before it when it refers back to it ("her", "it", "the result") or is
    joined by a word that says so ("then"); parts that wait for nothing run at the same time.
    """
    parts = reading.parts or (Part(text=reading.text, scored=reading.whole),)
    return tuple(
        Dispatch(
            id=f"d{number}",
            specialist=part.scored.candidates[0].specialist if part.scored.sure else "",
            text=part.text,
            needs=(f"d{number - 1}",) if part.waits else (),
        )
        for number, part in enumerate(parts, start=1)
    )


def _share(scored: Scored) -> str:
    return f"{scored.candidates[0].probability:.0%}"


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Cuts where the evidence is strongest, then the parts in the same way."""

    pieces: Mapping[Cutting, str]
    scored: Mapping[Cutting, Scored]
    found: Sequence[Place]

    def parts(self, whole: Cutting) -> list[Cutting]:
        start, end = whole
        for at in sorted(range(start + 1, end), key=lambda at: -self._evidence(whole, at)):
            if self._evidence(whole, at) <= 0:
                break
            left, right = self.parts((start, at)), self.parts((at, end))
            if self._first(left[-1]) != self._first(right[0]):
                return [*left, *right]
        return [whole]

    def _evidence(self, whole: Cutting, at: int) -> float:
        halves = (whole[0], at), (at, whole[1])
        gained = sum(_odds(self.scored[half]) for half in halves)
        gained -= _WHOLE * _odds(self.scored[whole])
        words = min(len(self.pieces[half].split()) for half in halves)
        return gained + _WORDS * log(words) - _NEEDED[self.found[at - 1].kind]

    def _first(self, part: Cutting) -> str:
        candidates = self.scored[part].candidates
        return candidates[0].specialist if candidates else ""


def _between(text: str, found: Sequence[Place], start: int, end: int) -> str:
    begins = found[start - 1].start if start else 0
    ends = found[end - 1].end if end <= len(found) else len(text)
    return text[begins:ends].strip()


def _odds(scored: Scored) -> float:
    """Log odds of belonging to anybody."""
    inside = min(max(1 - scored.none, _LEAST), 1 - _LEAST)
    return log(inside / (1 - inside))


def _waits(text: str, place: Place, routing: Routing) -> bool:
    back = not routing.references.isdisjoint(re.findall(r"[a-z]+", text.casefold()))
    return back or any(one in place.said for one in routing.sequels)
