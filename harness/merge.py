"""Equal tasks are done once: a plan without its duplicates, in which every reference holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.order import topological
from harness.plan import REQUEST, Input, Plan, Task
from runtime.canonical import Json, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The plan to execute, and which task stands for each one that was dropped by this merge."""

    plan: Plan
    aliases: Mapping[str, str]


def merged(plan: Plan) -> Merged:
    """Merge tasks that would do the same work on the same values.

    Equal are tasks with the same objective (but for white space), inputs, needs, tools, output,
    criteria and specialist, where inputs from merged tasks count as the same. The first in plan
    order stays. Dropped ids go on to mean the task that stays: in inputs, needs, groups and the
    specialist's outputs. A plan with an id that stands twice is given back as it is.
    """
    if len(plan.by_id) < len(plan.tasks):
        return Merged(plan=plan, aliases={})
    dropped = _dropped(plan)
    if not dropped:
        return Merged(plan=plan, aliases={})
    touched = {plan.by_id[id].group for id in dropped} - {""} - plan.members.keys()
    members = {name: _ids(plan, name) for name in sorted(touched)}
    earlier = {id: dropped.get(kept, kept) for id, kept in plan.aliases.items()}
    return Merged(
        plan=Plan(
            tasks=tuple(task for task in plan.tasks if task.id not in dropped),
            empty=plan.empty,
            aliases=earlier | dropped,
            members=plan.members | members,
        ),
        aliases=dropped,
    )


def _dropped(plan: Plan) -> dict[str, str]:
    """Parents are looked at before their children, so that chains of duplicates collapse."""
    equals: dict[str, list[str]] = {}
    speaker: dict[str, str] = {}
    for id in topological(plan):
        alike = equals.setdefault(_essence(plan.by_id[id], plan, speaker), [])
        alike.append(id)
        speaker[id] = alike[0]
    place = {task.id: number for number, task in enumerate(plan.tasks)}
    found: dict[str, str] = {}
    for alike in equals.values():
        kept = min(alike, key=lambda id: place[id])
        found |= {id: kept for id in alike if id != kept}
    return found


def _essence(task: Task, plan: Plan, speaker: Mapping[str, str]) -> str:
    return canonical(
        [
            task.objective.split(),
            {name: _meaning(source, plan, speaker) for name, source in task.inputs.items()},
            sorted({speaker.get(id, id) for need in task.needs for id in plan.sources(need)}),
            sorted(task.tools),
            task.output,
            [check.model_dump() for check in task.accept],
            list(task.criteria),
            task.specialist,
        ]
    )


def _meaning(source: Input, plan: Plan, speaker: Mapping[str, str]) -> Json:
    """What an input stands for, whatever its source is called."""
    if not source.source:
        return ["value", source.value, source.json_schema]
    rest: list[Json] = [source.select, source.distinct, source.json_schema]
    if source.source == REQUEST:
        return [REQUEST, *rest]
    ids = [speaker.get(id, id) for id in plan.sources(source.source)]
    return ["group" if source.source in plan.groups else "task", ids, *rest]


def _ids(plan: Plan, group: str) -> tuple[str, ...]:
    return tuple(task.id for task in plan.tasks if task.group == group)
