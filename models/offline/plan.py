"""A planning turn: the author's outline is the plan; without one, a single task does it all."""

from __future__ import annotations

from collections.abc import Mapping

from models.offline.conversation import Conversation
from models.offline.schema import Schema, properties, required, resolve, type_of
from runtime.canonical import Json


def answer(conversation: Conversation, schema: Schema) -> Json | None:
    """The plan, with only the keys that the schema has; None if no plan is demanded."""
    tasks = resolve(properties(schema).get("tasks", {}), schema)
    item = resolve(tasks.get("items", {}), schema)
    if not {"id", "objective"} <= set(properties(item)):
        return None
    outline = conversation.brief.get("outline").json
    if isinstance(outline, list):
        outline = {"tasks": outline}
    if not isinstance(outline, dict) or not outline.get("tasks"):
        outline = {"tasks": [_single(conversation, item)]}
    return _allowed(outline, schema, schema)


def _single(conversation: Conversation, item: Schema) -> dict[str, Json]:
    brief = conversation.brief
    offered = brief.get("tools", "available tools")
    task: dict[str, Json] = {
        "id": "task-1",
        "objective": brief.objective,
        "tools": list(offered.candidates) or [line.strip("`") for line in offered.bullets],
    }
    for name in required(item):
        empty: Mapping[str, Json] = {"array": [], "object": {}, "string": ""}
        part = resolve(properties(item).get(name, {}), item)
        task.setdefault(name, empty.get(type_of(part)))
    return task


def _allowed(value: Json, schema: Schema, root: Schema) -> Json:
    """The value without keys that the schema does not know."""
    known = resolve(schema, root)
    if isinstance(value, dict) and properties(known):
        inner = properties(known)
        open_ended = known.get("additionalProperties", False) not in (False, None)
        return {
            key: _allowed(part, inner[key], root) if key in inner else part
            for key, part in value.items()
            if key in inner or open_ended
        }
    if isinstance(value, list):
        return [_allowed(part, known.get("items", {}), root) for part in value]
    return value
