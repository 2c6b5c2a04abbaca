"""Gemini's own dialect of JSON Schema: a part of OpenAPI's, in which any other name is an error.
A client that hands over `additionalProperties` or `$ref` is refused, as by the real service."""

from __future__ import annotations

from pydantic import JsonValue

from tests.provider.exchange import JsonObject
from tests.provider.wire import BadRequestError

TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
KNOWN = {
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "propertyOrdering",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "anyOf",
    "default",
    "example",
}


def check_schema(at: str, schema: JsonValue) -> None:
    """Raises: BadRequestError, which names the place, as the service does."""
    if not isinstance(schema, dict):
        raise BadRequestError(f"Invalid value at '{at}': a schema is an object.")
    for name in schema:
        if name not in KNOWN:
            raise BadRequestError(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find"
                " field."
            )
    _check_type(at, schema)
    properties = schema.get("properties") or {}
    if isinstance(properties, dict):
        for name, inner in properties.items():
            check_schema(f"{at}.properties[{name}]", inner)
        _check_required(at, schema, properties)
    if "items" in schema:
        check_schema(f"{at}.items", schema["items"])
    choices = schema.get("anyOf")
    for place, inner in enumerate(choices if isinstance(choices, list) else ()):
        check_schema(f"{at}.any_of[{place}]", inner)


def _check_type(at: str, schema: JsonObject) -> None:
    kind = schema.get("type")
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in TYPES):
        raise BadRequestError(
            f"Invalid value at '{at}.type' (type.googleapis.com/google.ai.generativelanguage"
            f".v1beta.Type), {kind!r}"
        )
    lower = kind.lower() if isinstance(kind, str) else ""
    if lower == "array" and "items" not in schema:
        raise BadRequestError(f"* GenerateContentRequest.{at}.items: missing field.")
    if "enum" in schema and lower != "string":
        raise BadRequestError(f"* GenerateContentRequest.{at}.enum: only allowed for STRING type")


def _check_required(at: str, schema: JsonObject, properties: JsonObject) -> None:
    required = schema.get("required")
    for place, name in enumerate(required if isinstance(required, list) else ()):
        if name not in properties:
            raise BadRequestError(
                f"* GenerateContentRequest.{at}.required[{place}]: property is not defined"
            )
