"""A new plan for the unfinished part: what is accepted stays exactly as it is."""

from __future__ import annotations

from collections.abc import Collection

from harness.limits import Limits
from harness.plan import Plan, Task


def unfinished_part(plan: Plan, accepted: Collection[str]) -> tuple[Task, ...]:
    """The tasks without an accepted result, in plan order."""
    return tuple(task for task in plan.tasks if task.id not in accepted)


def refusals(
    plan: Plan, accepted: Collection[str], redrawn: Plan, limits: Limits
) -> tuple[str, ...]:
    """Why a redrawn part cannot take the place of the unfinished one, one sentence each.

    To be asked before `splice`; the spliced plan then goes through `harness.check.problems`.
    """
    kept = _kept(plan, accepted)
    total = len(kept) + len(redrawn.tasks)
    if total > limits.tasks:
        return (
            f"{len(kept)} accepted and {len(redrawn.tasks)} new tasks are {total}; limit 'tasks'"
            f" in config/limits.yaml is {limits.tasks}.",
        )
    read = {
        reference
        for task in kept.values()
        for reference in (*(one.source for one in task.inputs.values()), *task.needs)
    }
    joined = [
        task
        for task in redrawn.tasks
        if task.group and task.group in read and task.id not in plan.by_id
    ]
    if joined:
        return tuple(
            f"Task {task.id!r} joins group {task.group!r}, which an accepted task has read: give it"
            " no group."
            for task in joined
        )
    taken = {*kept, *(id for id, target in plan.aliases.items() if target in kept)}
    return tuple(
        f"Task {task.id!r} is accepted already; give the new task another id, or leave it out and"
        f" refer to {task.id!r}."
        for task in redrawn.tasks
        if task.id in taken
    )


def splice(plan: Plan, accepted: Collection[str], redrawn: Plan) -> Plan:
    """The plan with its unfinished part replaced by the redrawn tasks.

    A redrawn task with the id of an unfinished one takes its place in the order; others follow at
    the end. Where `redrawn` reuses the id of an accepted task, which `refusals` objects to, the
    accepted one stays.
    """
    kept = _kept(plan, accepted)
    fresh = {task.id: task for task in redrawn.tasks if task.id not in kept}
    placed = [
        task if task.id in kept else fresh[task.id]
        for task in plan.tasks
        if task.id in kept or task.id in fresh
    ]
    tasks = (*placed, *(task for id, task in fresh.items() if id not in plan.by_id))
    stands = {task.id for task in tasks}
    aliases = {
        id: target
        for id, target in (plan.aliases | redrawn.aliases).items()
        if target in stands and id not in stands
    }
    return Plan(
        tasks=tasks,
        empty=tuple(dict.fromkeys((*plan.empty, *redrawn.empty))),
        aliases=aliases,
        members=_members(plan, redrawn, tasks, aliases),
    )


def _kept(plan: Plan, accepted: Collection[str]) -> dict[str, Task]:
    return {task.id: task for task in plan.tasks if task.id in accepted}


def _members(
    plan: Plan, redrawn: Plan, tasks: tuple[Task, ...], aliases: dict[str, str]
) -> dict[str, tuple[str, ...]]:
    """Groups with merged tasks, without those that are gone and with those that are new."""
    groups = {task.id: task.group for task in tasks}
    found: dict[str, tuple[str, ...]] = {}
    for name in (*plan.members, *(name for name in redrawn.members if name not in plan.members)):
        listed = (*plan.members.get(name, ()), *redrawn.members.get(name, ()))
        new = (task.id for task in tasks if task.group == name)
        found[name] = tuple(
            id for id in dict.fromkeys((*listed, *new)) if id in aliases or groups.get(id) == name
        )
    return found
