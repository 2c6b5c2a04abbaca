"""What is known of a run while it works: built from its events, drawn by the views.

Pure: it takes the events that nodes write and, for a run that goes on, what the ledger holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.plan import Plan
from ledger.store import Ledger
from runtime.canonical import Json

ENDED = frozenset({"accepted", "failed", "blocked", "cancelled"})
"""States in which a task stays."""


@dataclass(slots=True, kw_only=True)
class TaskSeen:
    """One task as far as its events tell."""

    id: str
    objective: str = ""
    group: str = ""
    """The template that it was mapped from; empty for a task of its own."""
    parents: tuple[str, ...] = ()
    state: str = "planned"
    reason: str = ""
    attempt: int = 1
    tools: int = 0
    """Tool calls so far."""
    tool: str = ""
    """The tool that is being called now; empty for none."""


@dataclass(slots=True, kw_only=True)
class DispatchSeen:
    """One specialist's share of the request, and the tasks of its plan in plan order."""

    id: str
    specialist: str = ""
    text: str = ""
    needs: tuple[str, ...] = ()
    tasks: dict[str, TaskSeen] = field(default_factory=dict)

    @property
    def planned(self) -> list[TaskSeen]:
        """The tasks of its plan; the dispatch itself, when it is a single task, is not one."""
        return [task for task in self.tasks.values() if task.id != self.id]


class Progress:
    """A run as it stands. `take` is called with each event in turn."""

    def __init__(self) -> None:
        self.stage = ""
        self.kind = ""
        self.reason = ""
        self.dispatches: dict[str, DispatchSeen] = {}
        self.calls = 0
        self.tokens = 0
        self.cost = 0.0
        """US dollars."""
        self.tool_calls = 0

    def take(self, event: Mapping[str, Json]) -> None:
        """Note an event. One of an unknown kind is left aside."""
        match event.get("event"):
            case "route":
                self._route(event)
            case "plan":
                self._plan(str(event["dispatch"]), str(event["specialist"]), event["tasks"])
            case "task":
                self._task(event)
            case "tool":
                self._tool(event)
            case "spend":
                self.calls = int(event["calls"])
                self.tokens = int(event["tokens"])
                self.cost = float(event["cost"])

    def states(self) -> Counter[str]:
        """How many planned tasks are in which state, over all dispatches."""
        return Counter(task.state for one in self.dispatches.values() for task in one.planned)

    def task(self, id: str) -> TaskSeen:
        """The task of that id, noted as new when nothing was heard of it before."""
        dispatch = self._dispatch(id.partition("/")[0])
        return dispatch.tasks.setdefault(id, TaskSeen(id=id))

    def count(self, id: str) -> None:
        """Count a tool call; one that was made for no task of a plan counts for the run only."""
        self.tool_calls += 1
        known = self._dispatch(id.partition("/")[0]).tasks
        if id in known:
            known[id].tools += 1

    def _dispatch(self, id: str) -> DispatchSeen:
        return self.dispatches.setdefault(id, DispatchSeen(id=id))

    def _route(self, route: Mapping[str, Json]) -> None:
        self.stage, self.kind = str(route["stage"]), str(route["kind"])
        self.reason = str(route["reason"])
        for one in route["dispatches"]:
            dispatch = self._dispatch(one["id"])
            dispatch.specialist, dispatch.text = one["specialist"], one["text"]
            dispatch.needs = tuple(one["needs"])

    def _plan(self, id: str, specialist: str, tasks: Iterable[Mapping[str, Json]]) -> None:
        dispatch = self._dispatch(id)
        dispatch.specialist = specialist
        for one in tasks:
            task = self.task(str(one["id"]))
            task.objective, task.group = str(one["objective"]), str(one["group"])
            task.parents = tuple(one["parents"])

    def _task(self, event: Mapping[str, Json]) -> None:
        task = self.task(str(event["task"]))
        task.state, task.reason = str(event["state"]), str(event["reason"])
        task.attempt = int(event.get("attempt", task.attempt))
        if task.state in ENDED:
            task.tool = ""

    def _tool(self, event: Mapping[str, Json]) -> None:
        task = self.task(str(event["task"]))
        if event["phase"] == "called":
            self.count(task.id)
        ended = event["phase"] in ("answered", "denied")
        task.tool = "" if ended else str(event["tool"]) + _how_far(event)


def _how_far(event: Mapping[str, Json]) -> str:
    """What a tool says of its progress, if it says anything."""
    share, message = event.get("share"), str(event.get("message") or "")
    figure = f" {share:.0%}" if isinstance(share, float) else ""
    return figure + (f" {message[:60]}" if message else "")


async def recall(ledger: Ledger, run: str) -> Progress:
    """What the ledger knows of a run that goes on."""
    progress = Progress()
    route = await ledger.runs.route(run)
    if route:
        progress.take({"event": "route", **route})
    for row in await ledger.tasks.plans_of(run):
        progress.take({"event": "plan", **plan_event(row.task, row.specialist, row.plan)})
    for state in await ledger.tasks.states(run):
        task = progress.task(state.task)
        task.state, task.reason, task.attempt = state.state, state.reason, state.attempt
    for call in await ledger.calls.of_run(run):
        progress.count(call.task)
    total = await ledger.spend.total(run)
    progress.calls, progress.cost = total.calls, total.cost
    progress.tokens = total.prompt_tokens + total.completion_tokens
    return progress


def plan_event(dispatch: str, specialist: str, plan: Json) -> dict[str, Json]:
    """A stored plan in the form of the event that announces it."""
    drawn = Plan.model_validate(plan)
    return {
        "dispatch": dispatch,
        "specialist": specialist,
        "tasks": [
            {
                "id": f"{dispatch}/{task.id}",
                "objective": task.objective,
                "parents": [f"{dispatch}/{id}" for id in drawn.parents(task)],
                "group": task.group,
            }
            for task in drawn.tasks
        ],
    }
