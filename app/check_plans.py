"""What a static plan can get wrong: cycles, sources that do not exist, inputs nobody declared."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jmespath

from agents.limits import LimitsFile
from agents.spec import Section, Specialist
from app.spec_source import Source
from harness.check import problems
from harness.expand import Template, expand
from harness.limits import Limits
from harness.plan import REQUEST
from runtime.canonical import Json
from runtime.errors import ConfigError

_TASK = re.compile(r"^Task (?:id )?'([^']+)'|in a cycle: ([^,.]+)")
_FREE = Limits(
    tasks=500,
    width=1,
    attempts=1,
    escalations=0,
    model_calls=1,
    tool_calls=1,
    repeated_calls=1,
    task_seconds=1,
)
"""Stands for limits that do not load."""


def problems_of_plan(source: Source, limits: LimitsFile | None) -> Iterator[ConfigError]:
    """Everything that is wrong with the plan and the answer of a deep specialist."""
    one = source.specialist
    if one.plan is None:
        return
    yield from _structure(source, limits)
    for at, task in enumerate(one.plan.tasks):
        yield from _inputs(source, at, task)
        yield from _criteria(source, at, task)
    yield from _answer(source)


def _structure(source: Source, limits: LimitsFile | None) -> Iterator[ConfigError]:
    """The checks of the harness, with one stub for each list that a task is repeated over."""
    one = source.specialist
    assert one.plan is not None, "asked for deep specialists only"
    stubs: dict[str, Json] = {task.map.over: [{}] for task in one.plan.tasks if task.map}
    wrong = problems(
        expand(one.plan.tasks, stubs),
        inputs=one.inputs,
        permits=lambda _tool: "",
        limits=limits.of(one.effort) if limits else _FREE,
    )
    for sentence in wrong:
        yield source.problem(["plan", "tasks", *_place(one, sentence)], sentence, _remedy(sentence))


def _place(one: Specialist, sentence: str) -> list[str | int]:
    """The position of the task that a sentence of the harness is about."""
    found = _TASK.search(sentence)
    name = (found.group(1) or found.group(2)) if found else ""
    ids = [task.id for task in one.plan.tasks] if one.plan else []
    own = name if name in ids else name.rpartition("-")[0]
    if own not in ids:
        return []
    # Of two tasks with one id, the second is the mistake.
    return [len(ids) - 1 - ids[::-1].index(own) if ids.count(own) > 1 else ids.index(own)]


def _remedy(sentence: str) -> str:
    if "in a cycle" in sentence:
        return "Take out one of the inputs or 'needs' that close the circle."
    if "more than once" in sentence:
        return "Give every task an id of its own."
    if "no task of the plan" in sentence:
        return "Name the id of a task of this plan, or 'request' for the declared inputs."
    if "repeats" in sentence:
        return "Remove one of the two, or say how their objectives differ."
    return "Mend the plan; docs/specialists.md shows how."


def _inputs(source: Source, at: int, task: Template) -> Iterator[ConfigError]:
    declared = source.specialist.inputs
    known = ", ".join(declared) or "none"
    if task.map and task.map.over not in declared:
        yield source.problem(
            ["plan", "tasks", at, "map", "over"],
            f"task {task.id!r} repeats over {task.map.over!r}, which is no declared input",
            f"Declare it under 'inputs'. Declared: {known}.",
        )
    for name, given in task.inputs.items():
        if given.source != REQUEST:
            continue
        for field in sorted(roots(given.select) - declared.keys()):
            yield source.problem(
                ["plan", "tasks", at, "inputs", name],
                f"task {task.id!r}: input {name!r} selects {field!r}, which is no declared input",
                f"Declare it under 'inputs'. Declared: {known}.",
            )


def _criteria(source: Source, at: int, task: Template) -> Iterator[ConfigError]:
    mine = {*task.inputs, *([task.map.into] if task.map else [])}
    for place, check in enumerate(task.accept):
        if check.input and check.input not in mine:
            yield source.problem(
                ["plan", "tasks", at, "accept", place],
                f"task {task.id!r} is checked against {check.input!r}, which is none of its inputs",
                f"Name one of: {', '.join(sorted(mine)) or 'none'}.",
            )


def _answer(source: Source) -> Iterator[ConfigError]:
    shown = {*source.specialist.outputs, REQUEST}
    for at, section in enumerate(source.specialist.answer):
        for field in sorted(_fields(section) - shown):
            yield source.problem(
                ["answer", at],
                f"the answer shows {field!r}, which is none of the outputs",
                f"Name one of: {', '.join(sorted(shown))}.",
            )


def _fields(section: Section) -> set[str]:
    shown = (section.table, section.items, section.cited, *section.values.values())
    return {field for expression in shown if expression for field in roots(expression)}


def roots(expression: str) -> set[str]:
    """The top-level fields that a JMESPath expression reads."""
    return _roots(jmespath.compile(expression).parsed)


def _roots(node: Json) -> set[str]:
    kind, inner = node["type"], node["children"]
    if kind == "field":
        return {node["value"]}
    if kind in ("literal", "current", "identity", "expref", "index", "slice"):
        return set()
    if kind in ("function_expression", "multi_select_list", "comparator", "or_expression"):
        return {field for child in inner for field in _roots(child)}
    if kind in ("and_expression", "multi_select_dict"):
        return {field for child in inner for field in _roots(child)}
    # What stands to the right of a dot, a pipe or a projection reads what the left side gave.
    return _roots(inner[0]) if inner else set()
