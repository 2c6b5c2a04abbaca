"""Fills a JSON schema from the sources at hand. A pure function: same sources, same answer.

A part for which nothing was found gets the most cautious value that the schema allows, and says
so, which is how a caller learns that more has to be fetched before the answer is worth giving.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from models.offline import passages, prose, rows, values
from models.offline.passages import Statement
from models.offline.schema import Schema, properties, required, type_of
from models.offline.scope import Filled, Scope, lookup, merged
from models.offline.sources import Evidence, Source
from models.offline.words import TEXT, name_key, terms
from runtime.canonical import Json, canonical

_EVIDENCE = name_key("evidence")
# A schema may contain itself; an answer may not.
_DEEPEST = 8


def fill(schema: Json, scope: Scope, name: str = "") -> Filled:
    """A value for the schema, with the evidence that it rests on.

    `sure` tells whether every required part came from the sources.
    """
    known = scope.resolved(schema)
    if "const" in known:
        return Filled(value=known["const"])
    if "enum" in known:
        return values.choice(known, scope, name)
    match type_of(known):
        case "object":
            return _object(known, scope, name)
        case "array":
            return _array(known, scope, name)
        case "integer" | "number":
            return values.number(known, scope, name)
        case "boolean":
            return lookup(name, known, scope) or Filled(value=False, sure=False)
        case "null":
            return Filled(value=None)
        case _:
            return values.string(known, scope, name)


def _object(schema: Schema, scope: Scope, name: str) -> Filled:
    if not properties(schema) or scope.depth > _DEEPEST:
        return lookup(name, schema, scope) or Filled(value={}, sure=False)
    inner = _narrowed(schema, scope, name).deeper
    must = set(required(schema))
    parts: dict[str, Filled] = {}
    for key, part in properties(schema).items():
        if name_key(key) != _EVIDENCE:
            # What was not asked for is said only where there is one such thing.
            filled = fill(part, inner if key in must else replace(inner, careful=True), key)
            if key in must or (filled.sure and not _vague(filled.value)):
                parts[key] = filled
    evidence = merged(part.evidence for part in parts.values())
    for key, part in properties(schema).items():
        if name_key(key) == _EVIDENCE:
            parts[key] = _references(scope.resolved(part), inner, evidence)
    return Filled(
        value={key: parts[key].value for key in properties(schema) if key in parts},
        evidence=evidence,
        sure=all(parts[key].sure for key in must if key in parts),
    )


def _narrowed(schema: Schema, scope: Scope, name: str) -> Scope:
    """Inside a named object that is at hand, its own values go before all others."""
    found = lookup(name, {"type": "object"}, scope) if name else None
    if found is None or not set(found.value) & set(properties(schema)):
        return scope
    return scope.at(Source(name=name, value=found.value, evidence=found.evidence))


def _references(schema: Schema, scope: Scope, used: Evidence) -> Filled:
    """The ids of the results that were used; all of them, if the use cannot be told."""
    if type_of(schema) != "array":
        return Filled(value=used[0] if used else "", sure=bool(used))
    ids = used or (scope.row.evidence if scope.row else ()) or scope.results
    return Filled(value=list(ids), evidence=ids, sure=bool(ids))


def _array(schema: Schema, scope: Scope, name: str) -> Filled:
    items = scope.resolved(schema.get("items", {}))
    limit = schema.get("maxItems")
    if name_key(name) == _EVIDENCE:
        return _references(schema, scope, ())
    if type_of(items) == "object":
        filled = _cited(items, scope) or _rows(items, scope, name)
    else:
        filled = _plain(items, scope, name, schema.get("minItems", 0))
    if isinstance(limit, int) and len(filled.value) > limit:
        return Filled(value=filled.value[:limit], evidence=filled.evidence, sure=filled.sure)
    return filled


def _rows(items: Schema, scope: Scope, name: str) -> Filled:
    filled = [fill(items, scope.at(row)) for row in rows.rows(items, name, scope)]
    distinct = {canonical(one.value): one.value for one in filled}
    return Filled(
        value=list(distinct.values()),
        evidence=merged(one.evidence for one in filled),
        sure=bool(distinct),
    )


def _cited(items: Schema, scope: Scope) -> Filled | None:
    """Sentences with citations, or the citations alone; None if the items are neither."""
    keys = set(properties(items))
    if not passages.passages(scope.near):
        return None
    if {"path", "start_line", "quote"} <= keys:
        return _from(_statements(scope), lambda one: _kept(one.citation, keys))
    inner = scope.resolved(properties(items).get("citations", {})).get("items", {})
    cited = set(properties(scope.resolved(inner)))
    if "text" in keys and {"path", "start_line"} <= cited:
        return _from(
            _statements(scope),
            lambda one: {"text": one.text, "citations": [_kept(one.citation, cited)]},
        )
    return None


def _statements(scope: Scope) -> list[Statement]:
    return passages.best(scope.query, passages.passages(scope.near))


def _from(made: list[Statement], shape: Callable[[Statement], Json]) -> Filled:
    evidence = merged(one.passage.evidence for one in made)
    return Filled(value=[shape(one) for one in made], evidence=evidence, sure=bool(made))


def _kept(value: Mapping[str, Json], keys: set[str]) -> dict[str, Json]:
    return {key: inner for key, inner in value.items() if key in keys}


def _plain(items: Schema, scope: Scope, name: str, fewest: int) -> Filled:
    found, evidence = rows.scalars(items, name, scope)
    if "enum" in items:
        found = [value for value in found if value in items["enum"]]
    elif not found and type_of(items) == "string" and terms(name) & TEXT:
        lines = prose.extract(scope.query | terms(name), scope.near, max(3, fewest))
        found = [line.text for line in lines]
        evidence = merged(line.evidence for line in lines)
    return Filled(value=found, evidence=evidence, sure=bool(found))


def _vague(value: Json) -> bool:
    return value in (None, "", [], {})
