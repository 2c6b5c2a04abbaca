"""Fills a JSON schema from the sources at hand. A pure function: same sources, same answer.

A part for which nothing was found gets the most cautious value that the schema allows, and says
so, which is how a caller learns that more has to be fetched before the answer is worth giving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from models.offline import passages, prose, rows
from models.offline.passages import Statement
from models.offline.schema import (
    Schema,
    nullable,
    properties,
    required,
    type_of,
)
from models.offline.scope import Filled, Scope, lookup
from models.offline.sources import Evidence, Source, walk
from models.offline.words import name_key, terms, words
from runtime.canonical import Json, canonical

_TEXT = terms(
    "summary answer reason cause text explanation description conclusion consequence note "
    "rationale impact detail finding message statement analysis overview recommendation action "
    "lesson step observation"
)
_COUNT = terms("count total number")
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
        return _choice(known, scope, name)
    match type_of(known):
        case "object":
            return _object(known, scope, name)
        case "array":
            return _array(known, scope, name)
        case "integer" | "number":
            return _number(known, scope, name)
        case "boolean":
            return lookup(name, known, scope) or Filled(value=False, sure=False)
        case "null":
            return Filled(value=None)
        case _:
            return _string(known, scope, name)


def _object(schema: Schema, scope: Scope, name: str) -> Filled:
    if not properties(schema) or scope.depth > _DEEPEST:
        return lookup(name, schema, scope) or Filled(value={}, sure=False)
    inner = _narrowed(schema, scope, name).deeper
    must = set(required(schema))
    parts: dict[str, Filled] = {}
    for key, part in properties(schema).items():
        if name_key(key) != _EVIDENCE:
            filled = fill(part, inner, key)
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
    values, evidence = rows.scalars(items, name, scope)
    if "enum" in items:
        values = [value for value in values if value in items["enum"]]
    elif not values and type_of(items) == "string" and terms(name) & _TEXT:
        lines = prose.extract(scope.query | terms(name), scope.near, max(3, fewest))
        values = [line.text for line in lines]
        evidence = merged(line.evidence for line in lines)
    return Filled(value=values, evidence=evidence, sure=bool(values))


def _choice(schema: Schema, scope: Scope, name: str) -> Filled:
    found = lookup(name, schema, scope)
    if found:
        return found
    offered = list(schema["enum"])
    # What the row or the request names is meant; what some source mentions is a guess.
    for text in (_row_text(scope), scope.objective, "" if scope.row else _result_text(scope)):
        spoken = words(text)
        for value in offered:
            if isinstance(value, str) and _spoken(words(value), spoken):
                return Filled(value=value, evidence=scope.row.evidence if scope.row else ())
    return Filled(value=None if nullable(schema) else offered[0], sure=False)


def _row_text(scope: Scope) -> str:
    return _all_text((scope.row,)) if scope.row else ""


def _result_text(scope: Scope) -> str:
    return _all_text(tuple(source for source in scope.sources if source.is_result))


def _all_text(sources: tuple[Source, ...]) -> str:
    return " ".join(
        str(place.value)
        for source in sources
        for place in walk(source)
        if isinstance(place.value, str | int | float)
    )


def _spoken(phrase: list[str], text: list[str]) -> bool:
    size = len(phrase)
    return size > 0 and any(text[i : i + size] == phrase for i in range(len(text) - size + 1))


def _number(schema: Schema, scope: Scope, name: str) -> Filled:
    found = lookup(name, schema, scope)
    if found:
        return found
    counted = _counted(name, scope)
    if counted:
        return counted
    lowest = schema.get("minimum", 0)
    return Filled(value=None if nullable(schema) else max(0, lowest), sure=False)


def _counted(name: str, scope: Scope) -> Filled | None:
    """`package_count` and the like: how many of that name there are."""
    key = set(name_key(name))
    if not key & _COUNT:
        return None
    wanted = {"type": "array"}
    found = lookup(" ".join(sorted(key - _COUNT)), wanted, scope)
    return Filled(value=len(found.value), evidence=found.evidence) if found else None


def _string(schema: Schema, scope: Scope, name: str) -> Filled:
    found = lookup(name, schema, scope)
    if found and found.value:
        return found
    if nullable(schema):
        return Filled(value=None, sure=False)
    if terms(name) & _TEXT or not name:
        query = scope.query | terms(name + " " + str(schema.get("description", "")))
        lines = prose.extract(query, scope.near, 2 if scope.row else 3)
        lines = lines or prose.facts(scope.query, _tellable(scope), 4)
        text = " ".join(line.text for line in lines)
        if text:
            text = text[: schema.get("maxLength", len(text))]
            evidence = merged(line.evidence for line in lines)
            return Filled(value=text, evidence=evidence or _row_evidence(scope))
    return Filled(value="unknown" if schema.get("minLength") else "", sure=False)


def _tellable(scope: Scope) -> tuple[Source, ...]:
    """The row, or the results in the order of the calls, or what was given."""
    if scope.row:
        return (scope.row,)
    results = tuple(source for source in reversed(scope.sources) if source.is_result)
    return results or scope.sources


def _row_evidence(scope: Scope) -> Evidence:
    return scope.row.evidence if scope.row else scope.results


def _vague(value: Json) -> bool:
    return value in (None, "", [], {})


def merged(parts: Iterable[Evidence]) -> Evidence:
    """Each id once, in the order of first mention."""
    return tuple(dict.fromkeys(id for part in parts for id in part))
