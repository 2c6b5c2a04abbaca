"""From an author's templates to a plan: a template with `map` becomes one task per batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from harness.plan import Frozen, Input, Plan, Task
from runtime.canonical import Json
from runtime.errors import RequestError


class Map(Frozen):
    """Repeat a template over a list among the specialist's inputs."""

    over: str
    """Name of the input that holds the list."""
    into: str
    """Name of the task input that receives each batch (a list of up to `batch` items)."""
    batch: int = Field(default=1, ge=1, le=200)


class Template(Task):
    """A task as an author writes it; with `map` it stands for several."""

    map: Map | None = None


def size(templates: Sequence[Template], inputs: Mapping[str, Json]) -> int:
    """How many tasks `expand` would give, without making them: a list may be of any length."""
    return sum(_count(template.map, inputs) for template in templates)


def _count(over: Map | None, inputs: Mapping[str, Json]) -> int:
    if over is None:
        return 1
    items = inputs.get(over.over)
    return -(-len(items) // over.batch) if isinstance(items, list) else 0


def expand(templates: Sequence[Template], inputs: Mapping[str, Json]) -> Plan:
    """The plan that the templates stand for, given the specialist's inputs.

    An empty list gives no task for its template; what refers to it then receives an empty list.

    Raises:
        RequestError: a mapped input is not a list.
    """
    tasks: list[Task] = []
    empty: list[str] = []
    for template in templates:
        base = template.model_dump(exclude={"map"}, by_alias=True)
        if template.map is None:
            tasks.append(Task.model_validate(base))
            continue
        items = inputs.get(template.map.over)
        if not isinstance(items, list):
            raise RequestError(
                "must be a list, because the plan repeats a task over it",
                field=template.map.over,
                value=items,
                remedy="Send a JSON array.",
            )
        tasks.extend(_mapped(base, template.map, items))
        if not items:
            empty.append(template.id)
    return Plan(tasks=tuple(tasks), empty=tuple(empty))


def _mapped(base: dict[str, Json], over: Map, items: list[Json]) -> list[Task]:
    batches = [items[start : start + over.batch] for start in range(0, len(items), over.batch)]
    width = max(2, len(str(len(batches))))
    return [
        Task.model_validate(
            base
            | {
                "id": f"{base['id']}-{number:0{width}d}",
                "group": base["id"],
                "inputs": base["inputs"]
                | {over.into: Input(value=batch).model_dump(by_alias=True)},
            }
        )
        for number, batch in enumerate(batches, start=1)
    ]
