"""Places inside a JSON value, and the value with one of them changed.
What breaks a schema is found by trying and validating, so no knowledge of schemas is needed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from pydantic import JsonValue

from tests.provider.exchange import JsonObject
from tests.provider.instances import validator

Path: TypeAlias = tuple[str | int, ...]
WRONG: Sequence[JsonValue] = (
    "not what was asked for",
    -12345.678,
    True,
    None,
    ["unexpected", "list"],
    {"unexpected": "object"},
)
MOST_TRIED = 200


def sites(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    """Every place with its value, the outermost first."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from sites(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from sites(inner, (*path, i))


def replaced(value: JsonValue, path: Path, new: JsonValue) -> JsonValue:
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, dict) and isinstance(head, str):
        return {**value, head: replaced(value[head], rest, new)}
    if isinstance(value, list) and isinstance(head, int):
        return [replaced(each, rest, new) if i == head else each for i, each in enumerate(value)]
    return value


def without(value: JsonValue, path: Path) -> JsonValue:
    """The value without the property at the end of the path."""
    *way, last = path
    parent = dict(sites(value))[tuple(way)]
    kept = {k: v for k, v in parent.items() if k != last} if isinstance(parent, dict) else parent
    return replaced(value, tuple(way), kept)


def mistyped(schema: JsonObject, value: JsonValue, rng: random.Random) -> JsonValue:
    """The value with one place of another type, so that it is invalid; None where none is."""
    places = [path for path, _ in sites(value) if path][:MOST_TRIED]
    check = validator(schema)
    for path in rng.sample(places, len(places)):
        for wrong in rng.sample(list(WRONG), len(WRONG)):
            if not check.is_valid(changed := replaced(value, path, wrong)):
                return changed
    return None


def lacking(schema: JsonObject, value: JsonValue, rng: random.Random) -> JsonValue:
    """The value without one of its required properties; None where nothing is required."""
    places = [path for path, _ in sites(value) if path and isinstance(path[-1], str)][:MOST_TRIED]
    check = validator(schema)
    for path in rng.sample(places, len(places)):
        if not check.is_valid(changed := without(value, path)):
            return changed
    return None
