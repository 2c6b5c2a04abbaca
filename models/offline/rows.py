"""Arrays in an answer: taken from the arrays at hand whose items cover the schema best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.offline.schema import Schema, fits, properties, required
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
from models.offline.words import name_key
from runtime.canonical import Json, canonical

_CARRIED = name_key("evidence")
_SAMPLE = 20
_COVERED = 0.6
"""The part of the required keys that items under another name must have to be taken for ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    name: tuple[str, ...]
    items: list[Mapping[str, Json]]
    evidence: Evidence
    is_result: bool
    coverage: float
    named: bool


def rows(items: Schema, name: str, scope: Scope) -> list[Source]:
    """The source objects for an array of objects, in the order of the calls that brought them.

    Arrays of the same name from several results are joined. Empty when nothing covers the items.
    """
    candidates = [
        candidate
        for source in reversed(scope.near)
        for candidate in _candidates(source, items, name)
    ]
    if not candidates:
        return []
    top = max(candidates, key=_rank)
    joined = [one for one in candidates if one.name == top.name and _rank(one) == _rank(top)]
    return _distinct(
        [
            Source(name=name, value=item, evidence=candidate.evidence)
            for candidate in joined
            for item in candidate.items
        ]
    )


def _rank(candidate: _Candidate) -> tuple[float, bool, bool]:
    return candidate.coverage, candidate.named, candidate.is_result


def _candidates(source: Source, items: Schema, name: str) -> list[_Candidate]:
    wanted = {name_key(key) for key in required(items) or properties(items)} - {_CARRIED}
    arrays = [place for place in walk(source) if objects(place)]
    if source.is_result:
        # An object that has all that an item needs is one row.
        arrays += [_alone(place, source.name) for place in walk(source) if _whole(place, wanted)]
    made = []
    for place in arrays:
        found = objects(place)
        keys = {name_key(key) for item in found[:_SAMPLE] for key in item}
        key = name_key(place.path[-1]) if place.path else ()
        coverage = len(wanted & keys) / len(wanted) if wanted else 1.0
        named = key == name_key(name)
        if coverage >= _COVERED or (named and coverage):
            made.append(
                _Candidate(
                    name=key,
                    items=found,
                    evidence=place.evidence,
                    is_result=source.is_result,
                    coverage=coverage,
                    named=named,
                )
            )
    return made


def _whole(place: Found, wanted: set[tuple[str, ...]]) -> bool:
    return (
        isinstance(place.value, dict)
        and not place.in_array
        and bool(wanted)
        and wanted <= {name_key(key) for key in place.value}
    )


def _alone(place: Found, name: str) -> Found:
    path = place.path or (name,)
    return Found(
        value=[place.value], path=path, evidence=place.evidence, in_array=False, depth=place.depth
    )


def _distinct(found: list[Source]) -> list[Source]:
    first: dict[str, Source] = {}
    for source in found:
        first.setdefault(canonical(source.value), source)
    return list(first.values())


def scalars(items: Schema, name: str, scope: Scope) -> tuple[list[Json], Evidence]:
    """The values for an array of strings or numbers: a list of that name, a list of objects of
    that name by what each is called, or that field of every object in a list."""
    values: dict[Json, None] = {}
    evidence: dict[str, None] = {}
    for source in reversed(scope.near):
        for place in walk(source):
            if closeness(name, (source.name, *place.path)):
                found = _plain(place, items)
                values.update(dict.fromkeys(found))
                evidence.update(dict.fromkeys(place.evidence if found else ()))
    return list(values), tuple(evidence)


def _plain(place: Found, items: Schema) -> list[Json]:
    if isinstance(place.value, list):
        named = [identity(item) if isinstance(item, dict) else item for item in place.value]
    else:
        named = [place.value] if place.in_array else []
    return [item for item in named if item is not None and fits(item, items)]
