"""Arrays in an answer: taken from the arrays at hand whose items cover the schema best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.offline.schema import Schema, fits, properties, required, type_of
from models.offline.scope import Scope
from models.offline.sources import (
    Evidence,
    Found,
    Source,
    closeness,
    identity,
    objects,
    walk,
)
from models.offline.words import TEXT, name_key, terms
from runtime.canonical import Json, canonical

_CARRIED = name_key("evidence")
_SAMPLE = 20
_ENOUGH = 0.75
"""The part of the fields that an array must have to be taken for ours; the rest may be null."""
_ENOUGH_IF_NAMED = 0.4
"""The same for an array that bears the very name that is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    name: tuple[str, ...]
    items: list[Mapping[str, Json]]
    evidence: Evidence
    is_result: bool
    coverage: float
    named: bool

    @property
    def rank(self) -> tuple[float, bool, bool]:
        return self.coverage, self.named, self.is_result


def rows(items: Schema, name: str, scope: Scope) -> list[Source]:
    """The source objects for an array of objects, in the order of the calls that brought them.

    Arrays of the same name from several results are joined. Empty when nothing at hand has the
    fields that the items must have.
    """
    wanted = _wanted(items, scope)
    candidates = [
        candidate
        for source in reversed(scope.near)
        for place in walk(source)
        # A row is no item of its own lists.
        if (place.depth or not scope.row) and (candidate := _candidate(source, place, wanted, name))
    ]
    if not candidates:
        return []
    top = max(candidates, key=lambda one: one.rank)
    joined = [one for one in candidates if one.name == top.name and one.rank == top.rank]
    return _distinct(
        [
            Source(name=name, value=item, evidence=candidate.evidence)
            for candidate in joined
            for item in candidate.items
        ]
    )


def _wanted(items: Schema, scope: Scope) -> set[tuple[str, ...]]:
    """The fields that only a source can supply; a choice or a text may be told from the others."""
    parts = properties(items)
    supplied = [
        name
        for name in required(items) or list(parts)
        if not _derivable(name, scope.resolved(parts.get(name, {})))
    ]
    return {name_key(name) for name in supplied} - {_CARRIED}


def _derivable(name: str, schema: Schema) -> bool:
    told = type_of(schema) == "string" and bool(terms(name) & TEXT)
    return told or "enum" in schema or "const" in schema or type_of(schema) == "boolean"


def _candidate(
    source: Source, place: Found, wanted: set[tuple[str, ...]], name: str
) -> _Candidate | None:
    """An array of objects, or an object alone, that has what the items must have."""
    found, alone = objects(place), False
    if not found and isinstance(place.value, dict) and not place.in_array:
        found, alone = [place.value], True
    if not found:
        return None
    keys = {name_key(key) for item in found[:_SAMPLE] for key in item}
    key = name_key(place.path[-1] if place.path else source.name)
    coverage = len(wanted & keys) / len(wanted) if wanted else 0.0
    named = key == name_key(name)
    enough = 1.0 if alone else _ENOUGH_IF_NAMED if named else _ENOUGH
    if coverage < enough and not (named and not wanted):
        return None
    return _Candidate(
        name=key,
        items=found,
        evidence=place.evidence,
        is_result=source.is_result,
        coverage=coverage,
        named=named,
    )


def _distinct(found: list[Source]) -> list[Source]:
    first: dict[str, Source] = {}
    for source in found:
        first.setdefault(canonical(source.value), source)
    return list(first.values())


def scalars(items: Schema, name: str, scope: Scope) -> tuple[list[Json], Evidence]:
    """The values for an array of strings or numbers: a list of that name, a list of objects of
    that name by what each is called, or that field of every object in a list."""
    values: dict[str, Json] = {}
    evidence: dict[str, None] = {}
    for source in reversed(scope.near):
        for place in walk(source):
            if closeness(name, (source.name, *place.path)):
                found = _plain(place, items)
                values.update({canonical(value): value for value in found})
                evidence.update(dict.fromkeys(place.evidence if found else ()))
    return list(values.values()), tuple(evidence)


def _plain(place: Found, items: Schema) -> list[Json]:
    if isinstance(place.value, list):
        named = [identity(item) if isinstance(item, dict) else item for item in place.value]
    else:
        named = [place.value] if place.in_array else []
    return [item for item in named if item is not None and fits(item, items)]
