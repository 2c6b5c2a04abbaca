"""Mischief with plans: well-formed by the schema, and impossible or ruinous to execute.
Each function gives the reply, or None where the request asks for no plan of that kind."""

from __future__ import annotations

from collections.abc import Sequence

from tests.provider.exchange import JsonObject, Reply
from tests.provider.instances import NoInstanceError
from tests.provider.plans import Shape, draft, find, place
from tests.provider.scene import Scene

UNKNOWN_TOOLS = ("shell.execute", "tool_that_nobody_offered")
TOO_MANY = 600


def cycle(scene: Scene) -> Reply | None:
    """Two tasks that wait for each other."""
    shape = _shape(scene)
    if shape is None or not (shape.needs or shape.source):
        return None
    tasks = _tasks(scene, shape, 3)
    first, last = tasks[0], tasks[-1]
    tasks[0], tasks[-1] = shape.link(first, [last[shape.id]]), shape.link(last, [first[shape.id]])
    return _answer(scene, shape, tasks)


def unknown_dependency(scene: Scene) -> Reply | None:
    """A task that waits for one that is not in the plan."""
    shape = _shape(scene)
    if shape is None or not (shape.needs or shape.source):
        return None
    tasks = _tasks(scene, shape, 3)
    tasks[-1] = shape.link(tasks[-1], [shape.task_id(999)])
    return _answer(scene, shape, tasks)


def duplicate_ids(scene: Scene) -> Reply | None:
    """Two tasks of one name."""
    shape = _shape(scene)
    if shape is None:
        return None
    first, second, *others = _tasks(scene, shape, 4)
    return _answer(scene, shape, [first, {**second, shape.id: first[shape.id]}, *others])


def unknown_tools(scene: Scene) -> Reply | None:
    """Tasks that want tools nobody has."""
    shape = _shape(scene)
    if shape is None or shape.tools is None:
        return None
    wanted: JsonObject = {shape.tools: list(UNKNOWN_TOOLS)}
    tasks = [{**task, **wanted} for task in _tasks(scene, shape, 3)]
    return _answer(scene, shape, tasks)


def too_many_tasks(scene: Scene) -> Reply | None:
    """Six hundred tasks."""
    shape = _shape(scene)
    return _answer(scene, shape, _tasks(scene, shape, TOO_MANY)) if shape else None


def _shape(scene: Scene) -> Shape | None:
    schema = scene.exchange.demanded_schema
    shape = find(schema) if schema else None
    try:
        return shape if shape and draft(shape, scene.material, scene.rng, 1) else None
    except NoInstanceError:
        return None


def _tasks(scene: Scene, shape: Shape, count: int) -> list[JsonObject]:
    return draft(shape, scene.material, scene.rng, count)


def _answer(scene: Scene, shape: Shape, tasks: Sequence[JsonObject]) -> Reply:
    schema = scene.exchange.demanded_schema or {}
    return scene.structured(place(scene.instance(schema), shape, tasks))
