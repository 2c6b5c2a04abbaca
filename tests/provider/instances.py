"""Valid instances of JSON schemas, with content drawn from a conversation.
Every instance is validated before it leaves, so a brain never breaks a schema by accident."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from pydantic import JsonValue

from tests.provider.exchange import JsonObject, canonical
from tests.provider.material import Material
from tests.provider.refs import pointed
from tests.provider.scalars import number, text

ATTEMPTS = 12
DEEPEST = 8
MOST_ROWS = 50


class NoInstanceError(Exception):
    """Nothing valid was found: the schema contradicts itself, or uses what is not covered here."""


def validator(schema: JsonObject) -> Validator:
    return validator_for(schema, default=Draft202012Validator)(schema)


def make(schema: JsonObject, material: Material, rng: random.Random) -> JsonValue:
    """An instance that is valid. Optional properties with a default are left out.

    Raises: NoInstanceError.
    """
    for attempt in range(ATTEMPTS):
        maker = _Maker(schema, material, rng, frugal=attempt > 1, plain=attempt > 5)
        try:
            value = maker.value(schema, "", 0)
        except NoInstanceError:
            continue
        if validator(schema).is_valid(value):
            return value
    raise NoInstanceError(f"no valid instance found in {ATTEMPTS} attempts: {canonical(schema)}")


def resolve(root: JsonObject, schema: JsonObject) -> JsonObject:
    """The schema with its `$ref` followed inside the document, its `allOf` merged."""
    ref = schema.get("$ref")
    if isinstance(ref, str):
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = resolve(root, {**(pointed(root, ref) or {}), **beside})
    for part in _schemas(schema.get("allOf")):
        schema = _merged(schema, resolve(root, part))
    return {key: value for key, value in schema.items() if key != "allOf"}


def properties(schema: JsonObject) -> dict[str, JsonObject]:
    found = schema.get("properties")
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: inner for name, inner in pairs if isinstance(inner, dict)}


def required(schema: JsonObject) -> list[str]:
    found = schema.get("required")
    return [str(name) for name in found] if isinstance(found, list) else []


def variants(schema: JsonObject) -> list[JsonObject]:
    """The alternatives of `anyOf` or `oneOf`; a schema without any is its own only one."""
    return _schemas(schema.get("anyOf")) or _schemas(schema.get("oneOf")) or [schema]


class _Maker:
    """One attempt at one instance. `frugal` leaves out what is optional, `plain` ignores what
    the conversation knows."""

    def __init__(
        self, root: JsonObject, material: Material, rng: random.Random, *, frugal: bool, plain: bool
    ) -> None:
        self._root = root
        self._material = material
        self._rng = rng
        self._frugal = frugal
        self._plain = plain

    def value(self, schema: JsonObject, key: str, depth: int) -> JsonValue:
        if depth > DEEPEST * 2:
            raise NoInstanceError("the schema contains itself without an end")
        schema = resolve(self._root, schema)
        for given in self._given(schema, key):
            if self._fits(schema, given):
                return given
        alternatives = variants(schema)
        if alternatives != [schema]:
            rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
            return self._first(rest, alternatives, key, depth)
        return self._typed(schema, key, depth)

    def _given(self, schema: JsonObject, key: str) -> Iterator[JsonValue]:
        """Values that need not be made up, best first."""
        if "const" in schema:
            yield schema["const"]
        if "default" in schema:
            yield schema["default"]
        options = schema.get("enum")
        if isinstance(options, list):
            names = [option for option in options if isinstance(option, str)]
            if names:
                yield self._material.choose(names, self._rng)
            yield from options
        if key and not self._plain and "enum" not in schema:
            yield from self._material.known(key)

    def _fits(self, schema: JsonObject, value: JsonValue) -> bool:
        whole: JsonObject = {"$defs": self._root.get("$defs", {}), **schema}
        definitions = self._root.get("definitions")
        if definitions is not None:
            whole["definitions"] = definitions
        return validator(whole).is_valid(value)

    def _first(
        self, rest: JsonObject, alternatives: list[JsonObject], key: str, depth: int
    ) -> JsonValue:
        # Null last: an answer that could say something should, unless it never ends otherwise.
        ordered = sorted(
            alternatives, key=lambda each: (each.get("type") == "null") ^ (depth > DEEPEST)
        )
        for alternative in ordered:
            try:
                return self.value(_merged(rest, resolve(self._root, alternative)), key, depth + 1)
            except NoInstanceError:
                continue
        raise NoInstanceError("no alternative of the schema can be made")

    def _typed(self, schema: JsonObject, key: str, depth: int) -> JsonValue:
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, key, depth)
            case "integer" | "number" as kind:
                return number(schema, key, self._material, whole=kind == "integer")
            case "boolean":
                return self._rng.random() < 0.5
            case "null":
                return None
            case _:
                return text(schema, key, self._material, self._rng, plain=self._plain)

    def _object(self, schema: JsonObject, depth: int, row: JsonObject | None = None) -> JsonObject:
        made: JsonObject = {}
        for name, inner in properties(schema).items():
            if name not in required(schema) and not self._worth(inner, depth):
                continue
            known = _from_row(row, name) if row is not None else None
            full = resolve(self._root, inner)
            made[name] = (
                known
                if known is not None and self._fits(full, known)
                else self.value(inner, name, depth + 1)
            )
        least = schema.get("minProperties")
        extra = schema.get("additionalProperties")
        while isinstance(least, int) and len(made) < least:
            inner = extra if isinstance(extra, dict) else {}
            made[f"item{len(made) + 1}"] = self.value(inner, "", depth + 1)
        return made

    def _worth(self, inner: JsonObject, depth: int) -> bool:
        """Whether an optional property is filled: it has no default, and its shape is known."""
        full = resolve(self._root, inner)
        free = _type(full) == "object" and not properties(full)
        return not (self._frugal or "default" in full or free or depth > DEEPEST // 2)

    def _array(self, schema: JsonObject, key: str, depth: int) -> list[JsonValue]:
        least, most = schema.get("minItems"), schema.get("maxItems")
        low = least if isinstance(least, int) else 0
        high = most if isinstance(most, int) else MOST_ROWS
        first = _schemas(schema.get("prefixItems"))
        items = schema.get("items")
        inner = items if isinstance(items, dict) else {}
        made = [self.value(each, key, depth + 1) for each in first]
        if items is not False and not first:
            rows = [] if self._plain else self._rows(inner, depth)
            made.extend(rows[:high])
        # One item at least says something, where there is room and the nesting has an end.
        wanted = low if depth > DEEPEST else max(low, 0 if made or items is False else 1)
        while len(made) < min(wanted, high):
            made.append(self._another(inner, key, depth, made, schema.get("uniqueItems") is True))
        return made

    def _another(
        self, inner: JsonObject, key: str, depth: int, made: list[JsonValue], unique: bool
    ) -> JsonValue:
        for _ in range(ATTEMPTS):
            value = self.value(inner, key, depth + 1)
            if not unique or value not in made:
                return value
            if isinstance(value, str) and self._fits(inner, f"{value} {len(made) + 1}"):
                return f"{value} {len(made) + 1}"
        raise NoInstanceError("not enough different items for an array")

    def _rows(self, inner: JsonObject, depth: int) -> list[JsonValue]:
        """Items taken from objects of the conversation that have the wanted properties."""
        schema = resolve(self._root, inner)
        names = list(properties(schema))
        # A single key in common is chance where several are wanted.
        rows = [
            row
            for row in self._material.rows(names)
            if 2 * len(row.keys() & set(names)) >= len(required(schema) or names)
        ]
        return [self._object(schema, depth + 1, row) for row in rows[:MOST_ROWS]]


def _from_row(row: JsonObject, name: str) -> JsonValue:
    """The row's value; of a passage of text, its first line can be quoted."""
    if name in row:
        return row[name]
    passage = row.get("text")
    if name == "quote" and isinstance(passage, str):
        return passage.split("\n")[0]
    return row.get("start_line") if name == "end_line" else None


def _type(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((str(each) for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _schemas(value: JsonValue) -> list[JsonObject]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _merged(left: JsonObject, right: Mapping[str, JsonValue]) -> JsonObject:
    both: JsonObject = {**left, **right}
    if "properties" in left or "properties" in right:
        both["properties"] = {**properties(left), **properties({**right})}
    if "required" in left or "required" in right:
        both["required"] = list(dict.fromkeys([*required(left), *required({**right})]))
    return both
