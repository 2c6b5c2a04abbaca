"""Whether what an input selects can be there at all, by the schema that its source declares.

JMESPath gives null for what is not there, so a misspelt field would show only after the source was
paid for. Where a schema says nothing, everything fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jmespath

from harness.meet import alternatives, kinds
from runtime.canonical import Json

Schema = Mapping[str, Json]
Shape = tuple[Schema, ...]
"""What a value may look like: one of these. An empty schema stands for anything."""

ANYTHING: Shape = ({},)

_RESULTS: Mapping[str, str] = {
    **dict.fromkeys(("abs", "avg", "ceil", "floor", "length", "sum", "to_number"), "number"),
    **dict.fromkeys(("join", "to_string", "type"), "string"),
    **dict.fromkeys(("contains", "starts_with", "ends_with"), "boolean"),
    **dict.fromkeys(("keys", "values", "map", "to_array"), "array"),
    "merge": "object",
}
_SAME_LIST = frozenset({"sort", "sort_by", "reverse"})


class Misfit(Exception):
    """A step that can only give null. It never leaves this module."""


def selected(expression: str, schema: Schema) -> tuple[Shape, str]:
    """What the expression gives on a value of the schema, and why it can only give nothing.

    The reason is empty where something can come of it. The expression must compile.
    """
    try:
        return _follow(jmespath.compile(expression).parsed, alternatives(schema, schema)), ""
    except Misfit as misfit:
        return ANYTHING, str(misfit)


def _follow(node: Json, shape: Shape) -> Shape:
    step = _STEPS.get(node["type"])
    return step(node, shape) if step else ANYTHING


def _field(node: Json, shape: Shape) -> Shape:
    return _each(shape, lambda schema: _property(schema, node["value"]))


def _property(schema: Schema, name: str) -> Shape:
    if "object" not in kinds(schema):
        raise Misfit(f"{name!r} is asked of {_said(schema)}")
    known = schema.get("properties")
    known = known if isinstance(known, Mapping) else {}
    if name in known:
        return alternatives(known[name], schema)
    if schema.get("patternProperties"):
        return ANYTHING
    rest = schema.get("additionalProperties", True)
    # Declared properties are what a worker is told to deliver; another name is a slip.
    if rest is False or (rest is True and known):
        raise Misfit(f"there is no {name!r} among {', '.join(sorted(known)) or 'no properties'}")
    return alternatives(rest, schema)


def _item(schema: Schema) -> Shape:
    if "array" not in kinds(schema):
        raise Misfit(f"items are asked of {_said(schema)}")
    if "prefixItems" in schema:
        return ANYTHING
    return alternatives(schema.get("items", True), schema)


def _items(shape: Shape) -> Shape:
    return _each(shape, _item)


def _values(shape: Shape) -> Shape:
    def values(schema: Schema) -> Shape:
        if "object" not in kinds(schema):
            raise Misfit(f"values are asked of {_said(schema)}")
        return ANYTHING

    return _each(shape, values)


def _flattened(shape: Shape) -> Shape:
    """Items of the list, and of the lists that are items of it."""
    found: list[Schema] = []
    for schema in _items(shape):
        inner = kinds(schema)
        if inner == {"array"}:
            found.extend(_item(schema))
        elif "array" in inner:
            return ANYTHING
        else:
            found.append(schema)
    return tuple(found)


def _each(shape: Shape, step: Callable[[Schema], Shape]) -> Shape:
    """The step on every alternative; a misfit only where it fits none of them."""
    found: list[Schema] = []
    misfits: list[Misfit] = []
    for schema in shape:
        try:
            found.extend(step(schema))
        except Misfit as misfit:
            misfits.append(misfit)
    if misfits and not found:
        raise misfits[0]
    return tuple(found)


def _chain(node: Json, shape: Shape) -> Shape:
    for child in node["children"]:
        shape = _follow(child, shape)
    return shape


def _projection(node: Json, shape: Shape) -> Shape:
    left, right = node["children"][:2]
    # A flatten gives the list of what it flattened; its items are what is projected.
    return _listed(_follow(right, _items(_follow(left, shape))))


def _filter(node: Json, shape: Shape) -> Shape:
    left, right, condition = node["children"]
    items = _items(_follow(left, shape))
    _follow(condition, items)
    return _listed(_follow(right, items))


def _value_projection(node: Json, shape: Shape) -> Shape:
    left, right = node["children"]
    return _listed(_follow(right, _values(_follow(left, shape))))


def _flatten(node: Json, shape: Shape) -> Shape:
    return _listed(_flattened(_follow(node["children"][0], shape)))


def _comparator(node: Json, shape: Shape) -> Shape:
    for child in node["children"]:
        _follow(child, shape)
    return ({"type": "boolean"},)


def _or(node: Json, shape: Shape) -> Shape:
    """One of both sides; a side that can only be null is what the other is there for."""
    found: list[Schema] = []
    misfits: list[Misfit] = []
    for child in node["children"]:
        try:
            found.extend(_follow(child, shape))
        except Misfit as misfit:
            misfits.append(misfit)
    if not found:
        raise misfits[0]
    return tuple(found)


def _and(node: Json, shape: Shape) -> Shape:
    for child in node["children"]:
        _follow(child, shape)
    return ANYTHING


def _hash(node: Json, shape: Shape) -> Shape:
    properties = {
        pair["value"]: _as_schema(_follow(pair["children"][0], shape)) for pair in node["children"]
    }
    return ({"type": "object", "properties": properties, "additionalProperties": False},)


def _list(node: Json, shape: Shape) -> Shape:
    parts = [_as_schema(_follow(child, shape)) for child in node["children"]]
    return ({"type": "array", "items": {"anyOf": parts} if parts else True},)


def _function(node: Json, shape: Shape) -> Shape:
    arguments = [_follow(child, shape) for child in node["children"] if child["type"] != "expref"]
    if node["value"] in _SAME_LIST and arguments:
        return arguments[0]
    kind = _RESULTS.get(node["value"])
    return ({"type": kind},) if kind else ANYTHING


def _literal(node: Json, _shape: Shape) -> Shape:
    return ({"const": node["value"]},)


def _itself(_node: Json, shape: Shape) -> Shape:
    return shape


def _listed(items: Shape) -> Shape:
    return ({"type": "array", "items": _as_schema(items)},)


def _as_schema(shape: Shape) -> Schema:
    return shape[0] if len(shape) == 1 else {"anyOf": list(shape)}


def _said(schema: Schema) -> str:
    found: Sequence[str] = sorted(kinds(schema) - {"null"}) or ["null"]
    return f"a value of type {' or '.join(found)}"


_STEPS: Mapping[str, Callable[[Json, Shape], Shape]] = {
    "field": _field,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "index": lambda _node, shape: _items(shape),
    "slice": lambda _node, shape: (_items(shape), shape)[1],
    "projection": _projection,
    "filter_projection": _filter,
    "value_projection": _value_projection,
    "flatten": _flatten,
    "comparator": _comparator,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _comparator,
    "multi_select_dict": _hash,
    "multi_select_list": _list,
    "function_expression": _function,
    "literal": _literal,
    "current": _itself,
    "identity": _itself,
}
