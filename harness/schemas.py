"""JSON schemas as plans use them: closed in themselves, and never fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import regex  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from runtime.canonical import Json

_NOTHING_REMOTE: Registry[Json] = Registry()
"""Without it a reference in a schema would be fetched from wherever it points."""


_LONGEST_MATCH = 1.0
"""Seconds that a pattern may search: those of a plan come from models and from callers."""


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; one that takes too long is not."""
    try:
        return regex.search(pattern, text, timeout=_LONGEST_MATCH) is not None
    except (TimeoutError, regex.error):
        return False


def _pattern(
    _validator: object, pattern: str, value: Json, _schema: object
) -> Iterator[ValidationError]:
    if isinstance(value, str) and not matches(pattern, value):
        yield ValidationError(f"{value[:80]!r} does not match {pattern!r}")


_Validator: type[Draft202012Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern}
)


def violations(schema: Mapping[str, Json], value: Json) -> Iterator[ValidationError]:
    """Everything in which a value breaks its schema."""
    return _Validator(schema, registry=_NOTHING_REMOTE).iter_errors(value)


def malformed(schema: Mapping[str, Json]) -> tuple[str, ...]:
    """Why a schema is none, or which of its references lead outside of it; else empty."""
    found = []
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        found.append(f"is not a JSON schema: {error.message[:120]}")
    found.extend(
        f"refers to {reference!r}; only '#/…' is permitted."
        for reference in _references(schema)
        if not reference.startswith("#")
    )
    return tuple(found)


def _references(schema: Json) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for key, inner in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str):
                yield inner
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
