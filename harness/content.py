"""Whether a result says anything: schemas count characters and items, not what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.meet import alternatives
from runtime.canonical import Json

_DEEPEST = 32


def is_empty(value: Json) -> bool:
    """True when there is no number, no truth value and no text but white space anywhere in it."""
    match value:
        case None:
            return True
        case str():
            return not value.strip()
        case dict():
            return all(is_empty(inner) for inner in value.values())
        case list():
            return all(is_empty(inner) for inner in value)
    return False


def blanks(schema: Mapping[str, Json], value: Json, at: str = "$") -> Iterator[str]:
    """Texts of white space alone, and lists of nothing but empty items, where content is asked for.

    Content is asked for by `minLength` and `minItems` of at least 1.
    """
    yield from _blanks(schema, schema, value, at, _DEEPEST)


def _blanks(
    schema: Json, root: Mapping[str, Json], value: Json, at: str, left: int
) -> Iterator[str]:
    shapes = alternatives(schema, root)
    if len(shapes) != 1 or left == 0:
        # One of several: which one was meant is not known, and its schema held.
        return
    (shape,) = shapes
    if isinstance(value, str) and value and shape.get("minLength", 0) > 0 and not value.strip():
        yield f"{at} is nothing but white space."
    elif isinstance(value, list):
        if value and shape.get("minItems", 0) > 0 and is_empty(value):
            yield f"{at} has {len(value)} items, and all of them are empty."
        for number, item in enumerate(value):
            inner = shape.get("items", True)
            yield from _blanks(inner, shape, item, f"{at}[{number}]", left - 1)
    elif isinstance(value, dict):
        known = shape.get("properties")
        for name, item in value.items():
            inner = known.get(name, True) if isinstance(known, Mapping) else True
            yield from _blanks(inner, shape, item, f"{at}.{name}", left - 1)
