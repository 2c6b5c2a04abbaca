"""What a service says about a schema that it does not take, so that such a schema fails here too.
Of OpenAI's rules for strict schemas the two are held that clients forget: closed, all required."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator, validator_for
from pydantic import JsonValue

from tests.provider.exchange import JsonObject, canonical
from tests.provider.refs import dangling


def schema_complaint(schema: JsonObject) -> str | None:
    """Why the schema is none, or None."""
    return _complaint(canonical(schema))


# An agent sends the same schemas with every request.
@functools.lru_cache(maxsize=512)
def _complaint(text: str) -> str | None:
    schema = json.loads(text)
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    ref = dangling(schema)
    return f"reference {ref!r} points to nothing in the schema" if ref else None


def strict_complaint(schema: JsonObject) -> str | None:
    """What the service would say about the schema, or None."""
    for place, node in _objects(schema, ()):
        where = f"In context=({', '.join(repr(part) for part in place)})"
        if node.get("additionalProperties") is not False:
            return f"{where}, 'additionalProperties' is required to be supplied and to be false."
        properties, required = node.get("properties"), node.get("required")
        names = set(properties) if isinstance(properties, dict) else set()
        listed = {str(name) for name in required} if isinstance(required, list) else set()
        missing = sorted(names - listed)
        if missing:
            return (
                f"{where}, 'required' is required to be supplied and to be an array including "
                f"every key in properties. Missing '{missing[0]}'."
            )
    return None


def _objects(
    node: JsonValue, place: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    """Every schema of an object inside the schema, with the way to it."""
    if isinstance(node, list):
        for i, item in enumerate(node):
            yield from _objects(item, (*place, str(i)))
    elif isinstance(node, dict):
        if node.get("type") == "object":
            yield place, node
        for key, value in node.items():
            # Names of properties are free; only what stands under them is a schema.
            if key in ("properties", "$defs") and isinstance(value, dict):
                for name, schema in value.items():
                    yield from _objects(schema, (*place, key, name))
            elif key in ("items", "anyOf", "allOf", "oneOf"):
                yield from _objects(value, (*place, key))
