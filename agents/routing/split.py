"""One request, several intents: cut at declared connectives where both halves stand alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

from agents.routing.decision import Candidate, Dispatch, Route
from agents.routing.settings import Routing

_LONGEST = 2000
"""Characters of a request that the local stage looks at; its examples are sentences, not pages."""
_MOST_PLACES = 6
"""Places at which a cut is tried, for each connective."""

Classify = Callable[[str], tuple[Candidate, ...]]


def sure(candidates: tuple[Candidate, ...], routing: Routing) -> Candidate | None:
    """The first candidate when it is probable enough and far enough ahead, otherwise None."""
    if not candidates or candidates[0].probability < routing.confidence:
        return None
    second = candidates[1].probability if len(candidates) > 1 else 0.0
    return candidates[0] if candidates[0].probability >= routing.margin * second else None


def by_examples(text: str, classify: Classify, routing: Routing) -> Route | None:
    """The route of the local stage: split where that is sure, whole where that is, else None."""
    if len(text) > _LONGEST:
        return None
    parts = split(text, classify, routing)
    if parts:
        names = " then ".join(part.specialist for part in parts)
        return Route(
            kind="dispatch",
            stage="local",
            reason=f"The request has {len(parts)} parts, each sure by its examples: {names}.",
            dispatches=parts,
            candidates=classify(text)[: routing.short_list],
        )
    candidates = classify(text)
    first = sure(candidates, routing)
    if first is None:
        return None
    return Route(
        kind="dispatch",
        stage="local",
        reason=f"{first.specialist} is nearest by its examples, with {first.probability:.0%}.",
        dispatches=(Dispatch(id="d1", specialist=first.specialist, text=text),),
        candidates=candidates[: routing.short_list],
    )


def split(text: str, classify: Classify, routing: Routing) -> tuple[Dispatch, ...]:
    """The parts of a request in their order, or nothing when it is one request.

    A part waits for the one before when it refers back to it ("her", "it", "the result").
    """
    for connective in routing.connectives:
        places = re.finditer(re.escape(connective), text, re.IGNORECASE)
        for match in islice(places, _MOST_PLACES):
            head, tail = text[: match.start()].strip(), text[match.end() :].strip()
            first, second = sure(classify(head), routing), sure(classify(tail), routing)
            if first and second and first.specialist != second.specialist:
                waits = _refers_back(tail, routing) or "then" in connective
                return (
                    Dispatch(id="d1", specialist=first.specialist, text=head),
                    Dispatch(
                        id="d2",
                        specialist=second.specialist,
                        text=tail,
                        needs=("d1",) if waits else (),
                    ),
                )
    return ()


def _refers_back(text: str, routing: Routing) -> bool:
    return not routing.references.isdisjoint(re.findall(r"[a-z]+", text.casefold()))
