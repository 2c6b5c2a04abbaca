"""The order of a plan: parents first; and which tasks wait for each other in a circle."""

from __future__ import annotations

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
