"""What may run now, what can never run and why, and what is most urgent."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from harness.plan import Plan


def cycle(plan: Plan) -> tuple[str, ...]:
    """Ids of the tasks that are part of a cycle or wait for one; empty for a DAG."""
    free = set(topological(plan))
    return tuple(task.id for task in plan.tasks if task.id not in free)


def topological(plan: Plan) -> tuple[str, ...]:
    """Task ids, parents first, otherwise as written. Tasks caught in a cycle are left out.

    Kahn's algorithm (1962), linear in tasks and edges, stable.
    """
    waiting = {task.id: len(plan.parents(task)) for task in plan.tasks}
    children: dict[str, list[str]] = {task.id: [] for task in plan.tasks}
    for task in plan.tasks:
        for parent in plan.parents(task):
            children[parent].append(task.id)
    free = [id for id, count in waiting.items() if count == 0]
    order: list[str] = []
    while free:
        order.extend(free)
        opened: list[str] = []
        for id in free:
            for child in children[id]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    opened.append(child)
        free = opened
    return tuple(order)


def ready(plan: Plan, accepted: Collection[str], begun: Collection[str]) -> tuple[str, ...]:
    """Tasks whose parents are all accepted and that have not begun, most urgent first."""
    urgency = critical_path(plan)
    found = [
        task.id
        for task in plan.tasks
        if task.id not in begun
        and task.id not in accepted
        and all(parent in accepted for parent in plan.parents(task))
    ]
    return tuple(sorted(found, key=lambda id: -urgency[id]))


def blocked(plan: Plan, failed: Collection[str]) -> dict[str, str]:
    """Tasks that can never run, each with the failed task that is the cause."""
    causes: dict[str, str] = {}
    for id in topological(plan):
        for parent in plan.parents(plan.by_id[id]):
            cause = parent if parent in failed else causes.get(parent)
            if cause and id not in failed:
                causes.setdefault(id, cause)
    return causes


def critical_path(plan: Plan, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """For each task the weight of the longest chain that starts with it (weight 1 unless given)."""
    longest: dict[str, float] = {}
    below: dict[str, float] = {}
    for id in reversed(topological(plan)):
        own = weights.get(id, 1.0) if weights else 1.0
        longest[id] = own + below.get(id, 0.0)
        for parent in plan.parents(plan.by_id[id]):
            below[parent] = max(below.get(parent, 0.0), longest[id])
    return {task.id: longest.get(task.id, 0.0) for task in plan.tasks}
