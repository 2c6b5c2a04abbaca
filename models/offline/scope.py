"""What one answer is made from, and what each part of it turned out to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from models.offline.moments import pick
from models.offline.schema import Schema, as_type, fits, resolve
from models.offline.sources import Evidence, Found, Source, closeness, walk
from models.offline.words import Terms, terms
from runtime.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A part of an answer. `sure` is False where a default had to stand in."""

    value: Json
    evidence: Evidence = ()
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    objective: str
    sources: tuple[Source, ...]
    """The newest first."""
    root: Schema
    """The whole schema, which references point into."""
    row: Source | None = None
    """The object that is being projected, when inside an array."""
    depth: int = 0
    careful: bool = False
    """Take nothing out of a list: which of its objects is meant is not known."""
    failures: tuple[str, ...] = ()
    """Sentences about calls that were refused or failed."""

    @property
    def query(self) -> Terms:
        return terms(self.objective)

    @property
    def results(self) -> Evidence:
        return tuple(id for source in reversed(self.sources) for id in source.evidence)

    @property
    def deeper(self) -> Scope:
        return replace(self, depth=self.depth + 1)

    def at(self, row: Source) -> Scope:
        return replace(self, row=row)

    def resolved(self, schema: Json) -> dict[str, Json]:
        return resolve(schema, self.root)

    @property
    def near(self) -> tuple[Source, ...]:
        """The row where there is one, otherwise everything."""
        return (self.row,) if self.row else self.sources


def lookup(name: str, schema: Schema, scope: Scope, *, arrays: bool = True) -> Filled | None:
    """The value of that name in the row, or else in the sources, that has the right type.

    Inside a row other sources count only outside of arrays: a neighbour's value is not ours.
    """
    if scope.row and (found := _best(name, schema, (scope.row,), scope, arrays=True)):
        return found
    inside = arrays and scope.row is None and not scope.careful
    return _best(name, schema, scope.sources, scope, arrays=inside)


def _best(
    name: str, schema: Schema, sources: tuple[Source, ...], scope: Scope, *, arrays: bool
) -> Filled | None:
    ranked: list[tuple[int, int, int, Found]] = []
    for age, source in enumerate(sources):
        for place in walk(source, arrays=arrays):
            close = closeness(name, (source.name, *place.path)) if place.path else 0
            if close and _fitting(place.value, schema):
                ranked.append((-close, place.depth, age, place))
    if not ranked:
        return None
    ranked.sort(key=lambda entry: entry[:3])
    rank = ranked[0][:3]
    chosen = _in_time([entry[3] for entry in ranked if entry[:3] == rank], scope.query)
    return Filled(value=as_type(chosen.value, schema), evidence=chosen.evidence)


def _fitting(value: Json, schema: Schema) -> bool:
    return fits(as_type(value, schema), schema)


def _in_time(places: list[Found], query: Terms) -> Found:
    """Among several of one name: that of the latest or earliest record, if that is asked."""
    return places[pick(query, [place.owner or {} for place in places]) or 0]


def merged(parts: Iterable[Evidence]) -> Evidence:
    """Each id once, in the order of first mention."""
    return tuple(dict.fromkeys(id for part in parts for id in part))
