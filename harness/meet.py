"""Whether a value can satisfy two JSON schemas at once, as far as they say anything.

Types, properties, items and enumerations are compared; the rest is left to the value itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from runtime.canonical import Json, canonical

Schema = Mapping[str, Json]

_ALL = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_BEYOND = ("allOf", "not", "if", "$dynamicRef", "dependentSchemas", "unevaluatedProperties")
"""Words whose meaning is not followed here: a schema with one of them counts as anything."""

_DEEPEST = 16
"""Levels that are compared; schemas may refer to themselves."""


def alternatives(schema: Json, root: Schema) -> tuple[Schema, ...]:
    """The schemas of which a value satisfies one, with `#/…` looked up in `root`.

    Every alternative carries the definitions of its root along, for references further down.
    """
    return _alternatives(schema, _root_of(root), _DEEPEST)


_ROOT = "\0root"
"""Key under which a part of a schema keeps the whole; no JSON schema word has it."""


def _root_of(schema: Schema) -> Schema:
    root = schema.get(_ROOT, schema)
    return root if isinstance(root, Mapping) else {}


def _alternatives(schema: Json, root: Schema, left: int) -> tuple[Schema, ...]:
    if not isinstance(schema, Mapping) or left == 0 or any(word in schema for word in _BEYOND):
        return ({},)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _alternatives(_looked_up(reference, root), root, left - 1)
    for word in ("anyOf", "oneOf"):
        parts = schema.get(word)
        if isinstance(parts, list):
            shared = {key: value for key, value in schema.items() if key != word}
            if set(shared) - {_ROOT} & {"properties", "type", "items", "anyOf", "oneOf"}:
                return ({},)
            found = [one for part in parts for one in _alternatives(part, root, left - 1)]
            return tuple(found) or ({},)
    return ({**schema, _ROOT: schema.get(_ROOT, root)},)


def _looked_up(reference: str, root: Schema) -> Json:
    if not reference.startswith("#"):
        return True
    value: Json = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or name not in value:
            return True
        value = value[name]
    return value


def kinds(schema: Schema) -> frozenset[str]:
    """The JSON types that a value of this schema may have; an integer is a number as well."""
    if "const" in schema:
        return _kind(schema["const"])
    if isinstance(schema.get("enum"), list):
        return frozenset(kind for value in schema["enum"] for kind in _kind(value))
    named = schema.get("type")
    if isinstance(named, str):
        return frozenset({named})
    return frozenset(named) if isinstance(named, list) else _ALL


def _kind(value: Json) -> frozenset[str]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer"})
        case float():
            return frozenset({"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
    return frozenset({"object"})


def apart(found: tuple[Schema, ...], wanted: Schema) -> str:
    """Why no value of one of the shapes can satisfy the wanted schema; empty when one can.

    Lists are compared by their items, although an empty list would satisfy both.
    """
    return _apart(found, alternatives(wanted, wanted), "", _DEEPEST)


def _apart(found: tuple[Schema, ...], wanted: tuple[Schema, ...], at: str, left: int) -> str:
    reasons = []
    for one, other in product(found, wanted):
        reason = _unlike(one, other, at, left)
        if not reason:
            return ""
        reasons.append(reason)
    return reasons[0] if reasons else ""


def _unlike(one: Schema, other: Schema, at: str, left: int) -> str:
    mine, theirs = kinds(one), kinds(other)
    common = _common(mine, theirs)
    if not common:
        return f"{at or 'it'} is {_or(mine)} where {_or(theirs)} is wanted"
    if left == 0:
        return ""
    if values := _values_apart(one, other, at):
        return values
    if common <= {"object"}:
        return _objects_apart(one, other, at, left - 1)
    if common <= {"array"}:
        place = f"{at}[]"
        return _apart(_part(one, "items"), _part(other, "items"), place, left - 1)
    return ""


def _common(mine: frozenset[str], theirs: frozenset[str]) -> frozenset[str]:
    both = mine & theirs
    if "integer" in mine | theirs and "number" in mine | theirs:
        return both | {"integer"} if _numeric(mine) and _numeric(theirs) else both
    return both


def _numeric(kinds: frozenset[str]) -> bool:
    return bool(kinds & {"integer", "number"})


def _values_apart(one: Schema, other: Schema, at: str) -> str:
    mine, theirs = _listed(one), _listed(other)
    if mine is None or theirs is None or mine & theirs:
        return ""
    return f"{at or 'it'} is one of {', '.join(sorted(mine))}, of which none is wanted"


def _listed(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {canonical(schema["const"])}
    listed = schema.get("enum")
    return {canonical(value) for value in listed} if isinstance(listed, list) else None


def _objects_apart(one: Schema, other: Schema, at: str, left: int) -> str:
    for name in sorted(_required(one) | _required(other)):
        if name in _required(other) and _lacks(one, name):
            return f"{at or 'it'} has no property {name!r}, which is required"
        if name in _required(one) and _forbids(other, name):
            return f"{at or 'it'} has property {name!r}, for which there is no place"
        place = f"{at}.{name}" if at else name
        reason = _apart(_own(one, name), _own(other, name), place, left)
        if reason:
            return reason
    return ""


def _required(schema: Schema) -> set[str]:
    named = schema.get("required")
    return {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()


def _forbids(schema: Schema, name: str) -> bool:
    known = schema.get("properties") or {}
    if name in known or schema.get("patternProperties"):
        return False
    return schema.get("additionalProperties", True) is False


def _lacks(schema: Schema, name: str) -> bool:
    """Forbidden, or not among the properties that a worker is told to deliver."""
    known = schema.get("properties") or {}
    told = bool(known) and "patternProperties" not in schema
    unsaid = schema.get("additionalProperties", True) is True
    return _forbids(schema, name) or (told and unsaid and name not in known)


def _own(schema: Schema, name: str) -> tuple[Schema, ...]:
    known = schema.get("properties")
    return alternatives(known.get(name, True) if isinstance(known, Mapping) else True, schema)


def _part(schema: Schema, word: str) -> tuple[Schema, ...]:
    return alternatives(schema.get(word, True), schema)


def _or(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))
