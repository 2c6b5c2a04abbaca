"""What may run now, what is blocked and why, and what is most urgent.

Decisions only: who runs a task and when it ends is known elsewhere and comes in as arguments.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.order import topological
from harness.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The decisions about one plan at one width: functions of their arguments, nothing kept."""

    plan: Plan
    width: int
    """Tasks that may work at the same time."""

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Task ids, parents first. Tasks caught in a cycle are left out."""
        return topological(self.plan)

    @cached_property
    def urgency(self) -> Mapping[str, float]:
        """Length of the longest chain that starts with each task; higher goes first."""
        return chains(self.plan, self.order, {})

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {task.id: place for place, task in enumerate(self.plan.tasks)}

    def key(self, id: str) -> tuple[float, int]:
        """Sorts tasks: the most urgent first, equals in plan order. No two tasks have one key."""
        return (-self.urgency[id], self._place[id])

    def ready(self, accepted: Collection[str], begun: Collection[str]) -> tuple[str, ...]:
        """Tasks that have not begun and whose parents are all accepted, most urgent first."""
        accepted, begun = frozenset(accepted), frozenset(begun)
        found = (
            id
            for id in self.order
            if id not in begun
            and id not in accepted
            and accepted.issuperset(self.plan.parents(self.plan.by_id[id]))
        )
        return tuple(sorted(found, key=self.key))

    def startable(
        self, accepted: Collection[str], begun: Collection[str], *, running: int
    ) -> tuple[str, ...]:
        """The ready tasks for which there is a place while `running` others work."""
        return self.ready(accepted, begun)[: max(0, self.width - running)]

    def blocked(self, failed: Collection[str]) -> dict[str, str]:
        """Tasks that can never run, each with the failed task that is the cause."""
        failed = frozenset(failed)
        causes: dict[str, str] = {}
        for id in self.order:
            if id in failed:
                continue
            for parent in self.plan.parents(self.plan.by_id[id]):
                if cause := parent if parent in failed else causes.get(parent):
                    causes[id] = cause
                    break
        return causes


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Who worked when, in seconds from the start. A blocked task has neither start nor end."""

    start: Mapping[str, float]
    end: Mapping[str, float]
    blocked: Mapping[str, str]
    """Tasks that never ran, each with the failed task that is the cause."""

    @property
    def makespan(self) -> float:
        """Seconds until the last task ended."""
        return max(self.end.values(), default=0.0)


def simulate(
    plan: Plan, seconds: Mapping[str, float], width: int, *, failed: Collection[str] = ()
) -> Timeline:
    """What list scheduling by `Schedule` does with tasks of these lengths and no overhead.

    `failed` take their time, once they run, and then have no result. O((V + E) log V).
    """
    schedule, failed = Schedule(plan=plan, width=width), frozenset(failed)
    waiting = {id: len(plan.parents(plan.by_id[id])) for id in schedule.order}
    children = _children(plan)
    free = [(*schedule.key(id), id) for id, count in waiting.items() if count == 0]
    heapq.heapify(free)
    working: list[tuple[float, int, str]] = []
    start: dict[str, float] = {}
    end: dict[str, float] = {}
    now = 0.0
    while free or working:
        while free and len(working) < width:
            _, place, id = heapq.heappop(free)
            start[id], end[id] = now, now + seconds[id]
            heapq.heappush(working, (end[id], place, id))
        now = working[0][0]
        # All that end at this moment give their places back before the next are chosen.
        while working and working[0][0] <= now:
            _, _, id = heapq.heappop(working)
            for child in children[id] if id not in failed else ():
                waiting[child] -= 1
                if waiting[child] == 0:
                    heapq.heappush(free, (*schedule.key(child), child))
    lost = [id for id in end if id in failed]
    return Timeline(start=start, end=end, blocked=schedule.blocked(lost))


def bound(plan: Plan, seconds: Mapping[str, float], width: int) -> float:
    """No schedule ends sooner: the longest chain, or all work shared evenly, in seconds."""
    longest = chains(plan, topological(plan), seconds)
    total = sum(seconds[task.id] for task in plan.tasks)
    return max(max(longest.values(), default=0.0), total / width)


def chains(plan: Plan, order: tuple[str, ...], weights: Mapping[str, float]) -> dict[str, float]:
    """For each task the weight of the longest chain that starts with it (1 a task unless given).

    Tasks that `order` lacks, because they are caught in a cycle, count 0.
    """
    longest = {task.id: 0.0 for task in plan.tasks}
    below: dict[str, float] = {}
    for id in reversed(order):
        longest[id] = weights.get(id, 1.0) + below.get(id, 0.0)
        for parent in plan.parents(plan.by_id[id]):
            below[parent] = max(below.get(parent, 0.0), longest[id])
    return longest


def _children(plan: Plan) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {task.id: [] for task in plan.tasks}
    for task in plan.tasks:
        for parent in plan.parents(task):
            children[parent].append(task.id)
    return children
