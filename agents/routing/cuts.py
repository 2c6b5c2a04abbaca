"""Places where a request may fall into parts: the ends of sentences, and words that join.

Whether it does is not decided here; most of these places lie within one thing that is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

from agents.routing.settings import Routing

MOST_PLACES = 4
"""Places that are considered. All that lies between two of them is scored at once, so their number
is bounded."""

_WORD = re.compile(r"[\w'-]+")

Kind = Literal["apart", "begins", "bare"]
"""`apart`: a sentence ends, or words stand here that join requests rather than things within one.
`begins`: a comma or a conjunction, and what follows begins like a request. `bare`: it does not."""
_ORDER: tuple[Kind, ...] = ("apart", "begins", "bare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request may be cut."""

    end: int
    """Where the part before it ends."""
    start: int
    """Where the part after it starts."""
    kind: Kind
    said: str = ""
    """The words that join, in lower case; empty at the end of a sentence."""


def places(text: str, routing: Routing) -> tuple[Place, ...]:
    """The places of a request in their order, at most `MOST_PLACES`.

    Of more, those count where a request most likely ends.
    """
    found = sorted(_found(text, routing), key=lambda place: _ORDER.index(place.kind))
    return tuple(sorted(found[:MOST_PLACES], key=lambda place: place.start))


def _found(text: str, routing: Routing) -> Iterator[Place]:
    after = 0
    for match in _joints(routing.connectives, routing.conjunctions).finditer(text):
        # Two words tell; to read on from every gap would take the square of the length.
        rest = [word.group().casefold() for word in islice(_WORD.finditer(text, match.end()), 2)]
        stop, said = match["stop"] or "", " ".join(_words(match["said"] or ""))
        kind = _kind(stop, said, rest, routing)
        if kind and rest and _asks(text[after : match.start()], stop, routing):
            after = match.end()
            # The mark that ends a sentence belongs to it.
            end = match.end("stop") if stop.strip(",;") else match.start()
            yield Place(end=end, start=after, kind=kind, said=said)


def _kind(stop: str, said: str, rest: list[str], routing: Routing) -> Kind | None:
    """None where nothing joins, and at a comma in a list."""
    if stop not in ("", ",") or any(one in said for one in routing.connectives):
        return "apart"
    first, *others = rest or [""]
    if (stop or said) and others and first in routing.follow_ups.beginnings:
        return "begins"
    return "bare" if said else None


def _asks(before: str, stop: str, routing: Routing) -> bool:
    """Whether anything is asked by now. "Could you then" and "please, ..." only lead to it."""
    words = set(_words(before))
    if stop in ("", ","):
        words -= routing.follow_ups.beginnings | routing.follow_ups.courtesies
    return bool(words)


@lru_cache(maxsize=8)
def _joints(connectives: tuple[str, ...], conjunctions: tuple[str, ...]) -> re.Pattern[str]:
    """Every gap between words, with the mark and the joining words that stand in it."""
    longest = sorted((*connectives, *conjunctions), key=len, reverse=True)
    words = "|".join(r"\s+".join(map(re.escape, one.split())) for one in longest)
    said = rf"(?P<said>(?:(?:{words})\b,?\s+)+)" if words else r"(?P<said>(?!))"
    return re.compile(rf"(?P<stop>[.?!;]+(?=\s)|,(?=\s))?\s+{said}?", re.IGNORECASE)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
