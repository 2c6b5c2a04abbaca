"""References inside a JSON schema: where they point to, and whether they point anywhere.
Only references within the document exist on the wire; nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from tests.provider.exchange import JsonObject


def pointed(root: JsonObject, ref: str) -> JsonObject | None:
    """The schema that `#/…` stands for, or None."""
    if not ref.startswith("#"):
        return None
    node: JsonValue = root
    for part in ref.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def dangling(schema: JsonObject) -> str | None:
    """The first reference that points nowhere, or None."""
    found = (node["$ref"] for node in _nodes(schema) if isinstance(node.get("$ref"), str))
    return next((str(ref) for ref in found if pointed(schema, str(ref)) is None), None)


def anchored(value: JsonValue) -> JsonValue:
    """The value with references of the form `/$defs/…` as `#/$defs/…`.

    litellm writes them so when it turns a response format into a forced tool.
    """
    if isinstance(value, list):
        return [anchored(each) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {key: anchored(each) for key, each in value.items()}
    ref = changed.get("$ref")
    if isinstance(ref, str) and ref.startswith("/"):
        changed["$ref"] = f"#{ref}"
    return changed


def _nodes(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _nodes(each)
