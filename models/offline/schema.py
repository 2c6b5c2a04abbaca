"""JSON Schema, as far as an answer by extraction needs it: references, alternatives, shapes."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.canonical import Json

Schema = Mapping[str, Json]
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}


def resolve(schema: Json, root: Schema) -> dict[str, Json]:
    """The schema with its `$ref` followed, `allOf` merged, and the null alternative left out."""
    known: dict[str, Json] = dict(schema) if isinstance(schema, Mapping) else {}
    for _ in range(8):  # A reference may lead to a reference; a loop of them must still end.
        if "$ref" not in known:
            break
        target = _follow(str(known.pop("$ref")), root)
        known = {**target, **known}
    for part in known.pop("allOf", ()):
        known = {**resolve(part, root), **known}
    for word in ("anyOf", "oneOf"):
        choices = [resolve(choice, root) for choice in known.get(word, ())]
        real = [choice for choice in choices if choice.get("type") != "null"]
        if real:
            rest = {key: value for key, value in known.items() if key != word}
            known = {**real[0], **rest, "nullable": len(real) < len(choices)}
    return known


def _follow(reference: str, root: Schema) -> dict[str, Json]:
    here: Json = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        here = here.get(step.replace("~1", "/").replace("~0", "~"), {}) if here else {}
    return dict(here) if isinstance(here, Mapping) else {}


def type_of(schema: Schema) -> str:
    """The one type that an answer should have; guessed where the schema does not say."""
    given = schema.get("type")
    if isinstance(given, list):
        given = next((name for name in given if name != "null"), "null")
    if isinstance(given, str):
        return given
    if "properties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    return "string"


def nullable(schema: Schema) -> bool:
    given = schema.get("type")
    return bool(schema.get("nullable")) or (isinstance(given, list) and "null" in given)


def properties(schema: Schema) -> dict[str, Json]:
    found = schema.get("properties")
    return dict(found) if isinstance(found, Mapping) else {}


def required(schema: Schema) -> list[str]:
    return [name for name in schema.get("required", ()) if isinstance(name, str)]


def fits(value: Json, schema: Schema) -> bool:
    """True when the value may stand where the schema is, with all that is inside of it."""
    if value is None:
        return nullable(schema)
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    wanted = type_of(schema)
    if wanted == "boolean" or isinstance(value, bool):
        return wanted == "boolean" and isinstance(value, bool)
    return isinstance(value, _TYPES.get(wanted, object)) and _inside_fits(value, schema)


def _inside_fits(value: Json, schema: Schema) -> bool:
    if isinstance(value, int | float):
        lowest, highest = schema.get("minimum"), schema.get("maximum")
        too_low = lowest is not None and value < lowest
        return not too_low and not (highest is not None and value > highest)
    if isinstance(value, str):
        return len(value) >= int(schema.get("minLength", 0))
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return all(fits(item, schema["items"]) for item in value)
    if isinstance(value, dict):
        known = properties(schema)
        whole = all(name in value for name in required(schema))
        return whole and all(fits(value[name], known[name]) for name in known if name in value)
    return True


def as_type(value: Json, schema: Schema) -> Json:
    """A number written as text, or text that is a number, in the type that is asked for."""
    wanted = type_of(schema)
    if wanted == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if wanted in ("integer", "number") and isinstance(value, str):
        try:
            return int(value) if wanted == "integer" else float(value)
        except ValueError:
            return value
    return value
