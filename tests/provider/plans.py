"""Plans, as far as a schema alone reveals one: a list of objects with an id that refer to others.
A generic brain needs no more to write one that makes sense, and an adversary to write one that
does not."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from tests.provider.exchange import JsonObject
from tests.provider.instances import make, properties, required, resolve, validator, variants
from tests.provider.material import Material

ID = re.compile(r"^(task_?|step_?|node_?)?(id|key)$", re.IGNORECASE)
NEEDS = re.compile(
    r"^(needs|depends(_?on)?|dependenc(y|ies)|after|requires|parents|upstream|blocked_?by"
    r"|prerequisites)$",
    re.IGNORECASE,
)
INPUTS = re.compile(r"^(inputs?|arguments|args|params|parameters)$", re.IGNORECASE)
SOURCE = re.compile(
    r"^(from(_?task)?|source(_?task)?|(task|step|node)(_?id)?|ref|of|producer)$", re.IGNORECASE
)
TOOLS = re.compile(r"^(allowed_?)?tools?$", re.IGNORECASE)
AIM = re.compile(r"^(objective|goal|description|instructions?|title|prompt|task)$", re.IGNORECASE)
ID_FORMS: Sequence[Callable[[int], JsonValue]] = (
    lambda n: f"task-{n}",
    lambda n: f"task_{n}",
    lambda n: f"t{n}",
    lambda n: f"T{n}",
    lambda n: str(n),
    lambda n: n,
)
VERBS = ("Collect what is known about", "Check the details of", "Compare the findings on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where the plan stands in an answer, and what the parts of its tasks are called."""

    path: tuple[str, ...]
    array: JsonObject
    item: JsonObject
    """The schema of a task, complete with the definitions that it refers to."""
    id: str
    needs: str | None
    inputs: str | None
    source: str | None
    """The property of an input that names another task."""
    entry: JsonObject
    """The schema of such an input."""
    tools: str | None
    aim: str | None

    def task_id(self, number: int) -> JsonValue:
        """An id of the form that the schema takes, different for every number."""
        schema = properties(self.item)[self.id]
        for form in ID_FORMS:
            if validator(schema).is_valid(form(number)):
                return form(number)
        return f"task-{number}"

    def link(self, task: JsonObject, others: Sequence[JsonValue]) -> JsonObject:
        """The task, waiting for the others in every way that the schema knows."""
        linked = dict(task)
        if self.needs:
            linked[self.needs] = list(others)
        if self.inputs and self.source:
            linked[self.inputs] = self._inputs(others)
        return linked

    def _inputs(self, others: Sequence[JsonValue]) -> JsonValue:
        made = make(self.entry, Material.empty(), random.Random(0)) if others else {}
        known = made if isinstance(made, dict) else {}
        kept = {key: value for key, value in known.items() if key in required(self.entry)}
        entries: list[JsonValue] = [{**kept, str(self.source): id} for id in others]
        schema = resolve(self.item, properties(self.item)[str(self.inputs)])
        if schema.get("type") == "array":
            return entries
        return {str(id): entry for id, entry in zip(others, entries, strict=True)}


def find(schema: JsonObject) -> Shape | None:
    """The plan that the schema asks for, if it asks for one."""
    queue: list[tuple[tuple[str, ...], JsonObject]] = [((), resolve(schema, schema))]
    while queue:
        path, node = queue.pop(0)
        for name, inner in properties(node).items():
            for full in (resolve(schema, each) for each in variants(resolve(schema, inner))):
                if full.get("type") == "array" and (shape := _shape(schema, (*path, name), full)):
                    return shape
                if full.get("type") == "object" and len(path) < 3:
                    queue.append(((*path, name), full))
    return None


def compose(schema: JsonObject, material: Material, rng: random.Random) -> JsonValue:
    """A valid instance; where the schema asks for a plan, a small one that makes sense.

    Raises: NoInstanceError.
    """
    value = make(schema, material, rng)
    shape = find(schema)
    if shape is None:
        return value
    planned = place(value, shape, draft(shape, material, rng))
    return planned if validator(schema).is_valid(planned) else value


def draft(
    shape: Shape, material: Material, rng: random.Random, count: int | None = None
) -> list[JsonObject]:
    """So many tasks (by default two at once and a third that joins them), valid one by one where
    the schema of the links allows it."""
    if count is None:
        least, most = shape.array.get("minItems"), shape.array.get("maxItems")
        count = max(3, least if isinstance(least, int) else 0)
        count = min(count, most) if isinstance(most, int) else count
    pattern = make(shape.item, material, rng)
    base = pattern if isinstance(pattern, dict) else {}
    tasks = [_task(shape, base, n, material, rng) for n in range(1, count + 1)]
    if count > 1:
        joined = [task[shape.id] for task in tasks[:-1]][-5:]
        tasks[-1] = shape.link(tasks[-1], joined)
    return tasks


def place(value: JsonValue, shape: Shape, tasks: Sequence[JsonObject]) -> JsonValue:
    """The answer with these tasks as its plan."""
    return _placed(value, shape.path, tasks)


def _placed(value: JsonValue, path: tuple[str, ...], tasks: Sequence[JsonObject]) -> JsonValue:
    if not path:
        return list(tasks)
    inside = value if isinstance(value, dict) else {}
    return {**inside, path[0]: _placed(inside.get(path[0]), path[1:], tasks)}


def _task(
    shape: Shape, base: JsonObject, number: int, material: Material, rng: random.Random
) -> JsonObject:
    links = (shape.needs, shape.inputs)
    task = {key: value for key, value in base.items() if key not in links}
    task[shape.id] = shape.task_id(number)
    if shape.aim:
        verb = VERBS[(number - 1) % len(VERBS)]
        task[shape.aim] = f"{verb} {material.keywords(8)} (part {number})"
    if set(links) & set(required(shape.item)):
        task = shape.link(task, [])
    if shape.tools and (tools := _tools(shape, material, rng)):
        task[shape.tools] = tools
    return task


def _tools(shape: Shape, material: Material, rng: random.Random) -> JsonValue:
    schema = resolve(shape.item, properties(shape.item)[str(shape.tools)])
    items = schema.get("items")
    options = resolve(shape.item, items).get("enum") if isinstance(items, dict) else None
    names = [str(each) for each in options] if isinstance(options, list) else material.tool_names
    return [material.choose(names, rng)] if names and schema.get("type") == "array" else []


def _shape(root: JsonObject, path: tuple[str, ...], array: JsonObject) -> Shape | None:
    items = array.get("items")
    if not isinstance(items, dict):
        return None
    definitions: JsonObject = {
        key: value for key, value in root.items() if key in ("$defs", "definitions")
    }
    item = {**resolve(root, items), **definitions}
    names = properties(item)

    def named(pattern: re.Pattern[str]) -> str | None:
        return next((name for name in names if pattern.match(name)), None)

    id, needs, inputs = named(ID), named(NEEDS), named(INPUTS)
    if id is None or not (needs or inputs):
        return None
    source, entry = _source(item, names[inputs]) if inputs else (None, {})
    return Shape(
        path=path,
        array=array,
        item=item,
        id=id,
        needs=needs,
        inputs=inputs,
        source=source,
        entry={**entry, **definitions},
        tools=named(TOOLS),
        aim=named(AIM),
    )


def _source(item: JsonObject, inputs: JsonObject) -> tuple[str | None, JsonObject]:
    """The property of an input that refers to a task, and the schema of such an input."""
    schema = resolve(item, inputs)
    entry = schema.get("items" if schema.get("type") == "array" else "additionalProperties")
    for variant in variants(resolve(item, entry)) if isinstance(entry, dict) else []:
        full = resolve(item, variant)
        for name in properties(full):
            if SOURCE.match(name):
                return name, full
    return None, {}
