"""Arguments for a tool call: from inputs of the same name, earlier results, and the request.

A call whose required arguments cannot all be filled is not made; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.offline import prose
from models.offline.conversation import Tool
from models.offline.literals import EMAIL, ID_WORDS, literal, proper_name
from models.offline.material import Material
from models.offline.moments import one_of_many
from models.offline.rows import scalars
from models.offline.schema import (
    Schema,
    as_type,
    fits,
    properties,
    required,
    resolve,
    type_of,
)
from models.offline.scope import Filled, Scope, lookup
from models.offline.sources import Source, objects, walk
from models.offline.words import name_key, stems, terms
from runtime.canonical import Json

_ASKING = stems("query question search q keyword pattern request")
_HEADING = stems("subject title heading")
_BODY = stems("body text message content note comment description")
_ADDRESS = stems("to email mail recipient")
_FAN_OUT = 8
"""How many calls at once a list of values for a single-valued argument may lead to."""

Arguments = dict[str, Json]


def composed(tool: Tool) -> frozenset[str]:
    """The arguments whose text is written by us. The same call with other words is no new call."""
    return frozenset(
        name
        for name in properties(tool.schema)
        if set(name_key(name)) & (_HEADING | _BODY) and not set(name_key(name)) & _ASKING
    )


def fill(tool: Tool, material: Material) -> list[Arguments]:
    """The calls of a tool that can be made, usually one; several where a list has to be cut into
    chunks or spread over single values. Empty when a required argument cannot be filled."""
    must = required(tool.schema)
    choices: dict[str, list[Json]] = {}
    for name, part in properties(tool.schema).items():
        schema = resolve(part, tool.schema)
        values = _values(name, schema, material) if name in must else _asked(name, schema, material)
        if values:
            choices[name] = values
        elif name in must:
            return []
    together = _together(must, material) if len(must) > 1 else []
    base = {name: values[0] for name, values in choices.items()}
    return [{**base, **one} for one in together] or _combined(base, choices)


def is_named(tool: Tool, material: Material) -> bool:
    """True when the request itself holds an argument, as `customer 42` does."""
    return any(
        literal(name, resolve(part, tool.schema), material.objective) is not None
        for name, part in properties(tool.schema).items()
    )


def _together(must: list[str], material: Material) -> list[Arguments]:
    """Arguments that belong together stay together: all of one object of a list at hand."""
    for source in material.everything:
        for place in walk(source):
            items = [one for one in objects(place) if set(must) <= set(one)]
            if items:
                return [{name: one[name] for name in must} for one in items[:_FAN_OUT]]
    return []


def _combined(base: Arguments, choices: Mapping[str, list[Json]]) -> list[Arguments]:
    """One call for each value of the argument that has several; the others stay the same."""
    many = [name for name, values in choices.items() if len(values) > 1]
    if not many:
        return [base]
    varied = max(many, key=lambda name: len(choices[name]))
    return [{**base, varied: value} for value in choices[varied]]


def _asked(name: str, schema: Schema, material: Material) -> list[Json]:
    """Values for an optional argument: only what was said in so many words."""
    found = _from(name, schema, material.given)
    if found:
        return _shaped(found.value, schema)
    nouns = set(name_key(name)) - ID_WORDS
    spoken = "enum" in schema or (nouns and nouns <= set(name_key(material.objective)))
    value = literal(name, schema, material.objective) if spoken else None
    return [] if value is None else [value]


def _values(name: str, schema: Schema, material: Material) -> list[Json]:
    """Values for a required argument, the best source first."""
    if "const" in schema:
        return [schema["const"]]
    if type_of(schema) == "array":
        return _lists(name, schema, material)
    for attempt in (_given, _literal, _composed, _several, _known):
        values = attempt(name, schema, material)
        if values:
            return values
    if "default" in schema:
        return [schema["default"]]
    return [False] if type_of(schema) == "boolean" else []


def _given(name: str, schema: Schema, material: Material) -> list[Json]:
    found = _from(name, schema, material.given)
    if found is None:
        whole = Scope(objective=material.objective, sources=material.given, root=schema)
        found = lookup(name, schema, whole, arrays=False)
    return [found.value] if found else []


def _known(name: str, schema: Schema, material: Material) -> list[Json]:
    scope = Scope(objective=material.objective, sources=material.everything, root=schema)
    found = lookup(name, schema, scope)
    return [found.value] if found else []


def _from(name: str, schema: Schema, sources: tuple[Source, ...]) -> Filled | None:
    """The input of exactly that name."""
    for source in sources:
        if name_key(source.name) != name_key(name) or not isinstance(source.value, dict):
            continue
        for value in source.value.values():
            typed = as_type(value, schema)
            if fits(typed, schema):
                return Filled(value=typed)
    return None


def _literal(name: str, schema: Schema, material: Material) -> list[Json]:
    value = literal(name, schema, material.objective)
    if value is None and set(name_key(name)) & _ADDRESS:
        value = _address(material)
    return [] if value is None else [value]


def _address(material: Material) -> str | None:
    """The first e-mail address in the inputs or results, wherever it stands."""
    for source in material.everything:
        for place in walk(source):
            if isinstance(place.value, str) and (found := EMAIL.search(place.value)):
                return found[0]
    return None


def _composed(name: str, schema: Schema, material: Material) -> list[Json]:
    if type_of(schema) != "string":
        return []
    key = set(name_key(name))
    if key & _ASKING:
        return [_named(schema, material.objective) or _question(material)]
    if key & _HEADING:
        return [prose.subject(material.objective)]
    if key & _BODY:
        return [prose.message(material.objective, material.everything)]
    return []


def _named(schema: Schema, text: str) -> str | None:
    """What is looked up by name is looked up by the name alone, not by the whole question."""
    by_name = stems("name") & terms(str(schema.get("description", "")))
    if not by_name:
        return None
    found = EMAIL.search(text)
    return found[0] if found else proper_name(text)


def _question(material: Material) -> str:
    for source in material.given:
        value = next(iter(source.value.values()), None) if isinstance(source.value, dict) else None
        if set(name_key(source.name)) & _ASKING and isinstance(value, str):
            return value
    return material.objective


def _several(name: str, schema: Schema, material: Material) -> list[Json]:
    """Several values at hand for an argument that takes one: a call for each, unless the request
    is about one of them."""
    if one_of_many(terms(material.objective)):
        return []
    for sources in (material.given, material.results):
        values, _ = scalars(schema, name, Scope(objective="", sources=sources, root=schema))
        fitting = [value for value in values if fits(value, schema)]
        if fitting:
            return fitting[:_FAN_OUT]
    return []


def _lists(name: str, schema: Schema, material: Material) -> list[Json]:
    found = _from(name, schema, material.given)
    if found:
        return _shaped(found.value, schema)
    items = resolve(schema.get("items", {}), schema)
    for sources in (material.given, material.results):
        values, _ = scalars(items, name, Scope(objective="", sources=sources, root=schema))
        if values:
            return _shaped(values, schema)
    only = [
        list_
        for source in material.given
        for list_ in (source.value.values() if isinstance(source.value, dict) else ())
        if isinstance(list_, list) and list_ and _all_fit(list_, items)
    ]
    if len(only) == 1:
        return _shaped(only[0], schema)
    single = literal(name, items, material.objective)
    return [[single]] if single is not None else []


def _all_fit(values: list[Json], items: Schema) -> bool:
    return all(fits(value, items) for value in values)


def _shaped(value: Json, schema: Schema) -> list[Json]:
    """A list that is too long for one call is cut into chunks; objects become what they are
    called where plain values are wanted."""
    if not isinstance(value, list) or type_of(schema) != "array":
        return [value]
    items = resolve(schema.get("items", {}), schema)
    if type_of(items) in ("string", "integer") and any(isinstance(one, dict) for one in value):
        source = Source(name="list", value={"list": value})
        value, _ = scalars(items, "list", Scope(objective="", sources=(source,), root=schema))
    size = schema.get("maxItems") or len(value) or 1
    return [value[start : start + size] for start in range(0, len(value), size)]
