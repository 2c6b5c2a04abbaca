"""The arguments of a call as policies see them: typed by the tool's own schema, so that the same
argument is the same value in every call, and no policy fails on a number that Cedar cannot hold.

What has no type in Cedar (objects, lists of other things than strings) is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_UP, Decimal, localcontext
from typing import Literal

from runtime.canonical import Json

Kind = Literal["Bool", "Long", "String", "Set<String>", "decimal"]
"""A type of Cedar that an argument can have."""

_DEEPEST = 8
"""References and alternatives that are followed in a schema."""
_LONG = 2**63 - 1
_DIGITS = Decimal("0.0001")
_LARGEST = Decimal(_LONG) * _DIGITS
_BY_TYPE: Mapping[str, Kind] = {
    "boolean": "Bool",
    "integer": "Long",
    "number": "decimal",
    "string": "String",
}


def kinds_of(schema: Json) -> dict[str, Kind]:
    """The arguments of a tool that policies can look at, each with its type, by name."""
    found: dict[str, Kind] = {}
    for name, part in (schema.get("properties") or {}).items():
        # A leading "__" would be taken for one of Cedar's own escapes.
        kind = None if name.startswith("__") else _kind(part, schema, _DEEPEST)
        if kind is not None:
            found[name] = kind
    return found


def kinds_of_values(values: Mapping[str, Json]) -> dict[str, Kind]:
    """The types that plain values have, for a call of which no schema is known."""
    found = {name: _kind_of(value) for name, value in values.items() if not name.startswith("__")}
    return {name: kind for name, kind in found.items() if kind is not None}


def fits(kind: Kind, value: Json) -> bool:
    """Whether a value, once projected, is of this type."""
    shown = _value(kind, value)
    return _kind_of(shown) == kind or (kind == "decimal" and isinstance(shown, dict))


def project(
    kinds: Mapping[str, Kind], arguments: Mapping[str, Json], wanted: Collection[str] | None
) -> dict[str, Json]:
    """The arguments in the form of Cedar's JSON; those that `wanted` names, or all for None.

    A number that Cedar cannot hold becomes the nearest that it can, so a limit still holds. A
    value that is not of its type becomes a text, on which the policy then fails, and so denies.
    """
    names: Iterable[str] = kinds if wanted is None else (name for name in wanted if name in kinds)
    return {
        name: _value(kinds[name], arguments[name])
        for name in names
        if arguments.get(name) is not None
    }


def _kind(part: Json, root: Json, depth: int) -> Kind | None:
    if not isinstance(part, dict) or not depth:
        return None
    if "$ref" in part:
        return _kind(_referred(part["$ref"], root), root, depth - 1)
    for word in ("anyOf", "oneOf"):
        if word in part:
            return _common(_kind(one, root, depth - 1) for one in part[word] if not _null(one))
    if "const" in part or "enum" in part:
        values = [part["const"]] if "const" in part else part["enum"]
        return _common(_kind_of(value) for value in values if value is not None)
    if len(part.get("allOf", ())) == 1 and "type" not in part:
        return _kind(part["allOf"][0], root, depth - 1)
    given = part.get("type")
    names = [given] if isinstance(given, str) else given or []
    return _common(_named(name, part, root, depth) for name in names if name != "null")


def _named(name: str, part: dict[str, Json], root: Json, depth: int) -> Kind | None:
    if name == "array":
        inner = _kind(part.get("items"), root, depth - 1)
        return "Set<String>" if inner == "String" else None
    return _BY_TYPE.get(name)


def _common(kinds: Iterable[Kind | None]) -> Kind | None:
    """The one type that fits all of them, if there is one."""
    found = set(kinds)
    if found == {"Long", "decimal"}:
        return "decimal"
    return found.pop() if len(found) == 1 else None


def _null(part: Json) -> bool:
    return isinstance(part, dict) and part.get("type") == "null"


def _referred(reference: Json, root: Json) -> Json:
    """What a reference within the schema stands for; None for any other."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found = root
    for step in reference[2:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _kind_of(value: Json) -> Kind | None:
    match value:
        case bool():
            return "Bool"
        case int():
            return "Long"
        case float():
            return "decimal"
        case str():
            return "String"
        case list() if all(isinstance(one, str) for one in value):
            return "Set<String>"
        case _:
            return None


def _value(kind: Kind, value: Json) -> Json:
    match kind, value:
        case ("Bool", bool()) | ("String", str()):
            return value
        case ("Long", int() | float()) if not isinstance(value, bool) and value == value // 1:
            return max(-_LONG, min(_LONG, int(value)))
        case ("decimal", int() | float()) if not isinstance(value, bool):
            return {"__extn": {"fn": "decimal", "arg": _decimal(value)}}
        case ("Set<String>", list()) if all(isinstance(one, str) for one in value):
            return value
        case _:
            return repr(value)


def _decimal(value: float) -> str:
    """Four digits after the point, away from zero: no amount is told smaller than it is."""
    plain = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    exact = max(-_LARGEST, min(_LARGEST, plain))
    with localcontext() as context:
        context.prec = 400
        return f"{exact.quantize(_DIGITS, rounding=ROUND_UP):f}"
