"""When not to spawn: a short chain that one worker can do is given to one worker.

`harness.solo_verify` holds each part to what its own task demanded; what is given up for it stands
in decision 0008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from harness.estimate import brief_size, must_look, sizes_of, tokens_of
from harness.limits import Limits
from harness.order import topological
from harness.plan import REQUEST, Input, Plan, Task
from runtime.canonical import Json

SOLO = "solo"
"""Id of the one task that does the work of a chain."""

_SHARE = 2
"""One attempt must be able to do the chain twice over, so that there is room for a mistake."""

_ALONE = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef")
"""Words of a schema that lose their meaning once it is a part of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What one worker spares against one for each task, estimated before anything runs."""

    model_calls: int
    prompt_tokens: int
    """Negative where the one worker, which reads everything on each call, would read more."""
    how: str
    """How it was estimated, for the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solo:
    """A chain as one task, and what is needed to take the result apart again."""

    plan: Plan
    """One task, id `solo`; its output has one property for each task of the chain."""
    original: Plan
    order: tuple[str, ...]
    """The tasks of the chain, first to last."""
    keys: Mapping[str, Mapping[str, str]]
    """For each task, under which name of the combined task its inputs from outside are found."""
    saved: Saved

    @property
    def task(self) -> Task:
        return self.plan.tasks[0]


def solo(
    plan: Plan,
    limits: Limits,
    *,
    request: Mapping[str, Json] | None = None,
    tools: Mapping[str, int] | None = None,
    instructions: int = 0,
) -> Solo | None:
    """The plan as one task, or `None` where its tasks are better kept apart.

    One worker does a plan when no two of its tasks could work side by side, there are at most
    `solo_tasks` of them, each is done by this specialist itself, and one attempt may make twice the
    calls that they need. A function of its arguments. For the meaning of the others see
    `harness.estimate.estimate`.
    """
    order = _chain(plan)
    tasks = [plan.by_id[id] for id in order]
    if not 2 <= len(tasks) <= limits.solo_tasks:
        return None
    if any(task.specialist or _stands_alone(task.output) for task in tasks):
        return None
    if SOLO in plan.by_id:
        # Its own task of that name would share a place in the record with the combined one.
        return None
    sizes = sizes_of(request or {})
    saved = _saving(tasks, sizes, tools or {}, instructions)
    alone = _alone_needs(tasks, sizes, tools or {}, instructions)
    if (
        sum(_looks(task) for task in tasks) * _SHARE > limits.tool_calls
        or alone.model_calls * _SHARE > limits.model_calls
        or alone.prompt_tokens * _SHARE > limits.tokens
    ):
        return None
    keys = _keys(tasks)
    combined = _combined(tasks, keys, plan)
    return Solo(plan=Plan(tasks=(combined,)), original=plan, order=order, keys=keys, saved=saved)


def split(one: Solo, output: Json) -> dict[str, Json]:
    """The result of each original task; those that the output lacks are left out."""
    parts = output if isinstance(output, dict) else {}
    return {id: parts[id] for id in one.order if id in parts}


def _chain(plan: Plan) -> tuple[str, ...]:
    """The tasks in their only possible order; empty where two could work side by side."""
    order = topological(plan)
    if len(order) < len(plan.tasks):
        return ()
    for before, after in pairwise(order):
        if before not in plan.parents(plan.by_id[after]):
            return ()
    return order


def _stands_alone(schema: Json) -> bool:
    if isinstance(schema, dict):
        return any(word in schema or _stands_alone(schema.get(word)) for word in _ALONE) or any(
            _stands_alone(inner) for inner in schema.values()
        )
    return isinstance(schema, list) and any(_stands_alone(inner) for inner in schema)


def _looks(task: Task) -> int:
    """Tool calls that a task is expected to make: each of its tools once."""
    return max(len(task.tools), int(must_look(task)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needs:
    model_calls: int
    prompt_tokens: int


def _alone_needs(
    tasks: list[Task], sizes: Mapping[str, int], tools: Mapping[str, int], instructions: int
) -> _Needs:
    """What one worker is expected to use: every call sends the whole brief once more."""
    calls = 1 + sum(_looks(task) for task in tasks)
    own = {tool: tools.get(tool, 0) for task in tasks for tool in task.tools}
    briefs = sum(brief_size(task, sizes=sizes, tools={}) for task in tasks)
    prompt = tokens_of(briefs + sum(own.values()) + instructions)
    return _Needs(model_calls=calls, prompt_tokens=calls * prompt)


def _saving(
    tasks: list[Task], sizes: Mapping[str, int], tools: Mapping[str, int], instructions: int
) -> Saved:
    alone = _alone_needs(tasks, sizes, tools, instructions)
    calls = [1 + _looks(task) for task in tasks]
    prompts = [
        count * tokens_of(brief_size(task, sizes=sizes, tools=tools) + instructions)
        for task, count in zip(tasks, calls, strict=True)
    ]
    return Saved(
        model_calls=sum(calls) - alone.model_calls,
        prompt_tokens=sum(prompts) - alone.prompt_tokens,
        how="one call of each tool of a task and one call to deliver; briefs, tool schemas and"
        " instructions by their characters; results that are handed on or read again not counted",
    )


def _keys(tasks: list[Task]) -> dict[str, dict[str, str]]:
    """One name for an input that all who have one of that name agree on, else one for each task.

    Ids of tasks have no dot, so no two names meet.
    """
    meanings: dict[str, list[Input]] = {}
    for task in tasks:
        for name, source in _from_outside(task).items():
            known = meanings.setdefault(name, [])
            if source not in known:
                known.append(source)
    return {
        task.id: {
            name: name if len(meanings[name]) == 1 and "." not in name else f"{task.id}.{name}"
            for name in _from_outside(task)
        }
        for task in tasks
    }


def _from_outside(task: Task) -> dict[str, Input]:
    return {name: source for name, source in task.inputs.items() if source.source in ("", REQUEST)}


def _combined(tasks: list[Task], keys: Mapping[str, Mapping[str, str]], plan: Plan) -> Task:
    steps = [_step(number, task, keys[task.id], plan) for number, task in enumerate(tasks, start=1)]
    return Task(
        id=SOLO,
        objective="\n\n".join(
            [
                "Do these steps one after the other, and deliver the result of each under its"
                " name. A step builds on the results of the steps before it as you deliver them.",
                *steps,
            ]
        ),
        inputs={
            keys[task.id][name]: source
            for task in tasks
            for name, source in _from_outside(task).items()
        },
        tools=tuple(dict.fromkeys(tool for task in tasks for tool in task.tools)),
        output={
            "type": "object",
            "additionalProperties": False,
            "required": [task.id for task in tasks],
            "properties": {task.id: _moved(task.output, task.id) for task in tasks},
        },
        criteria=tuple(f"{task.id}: {criterion}" for task in tasks for criterion in task.criteria),
    )


def _step(number: int, task: Task, keys: Mapping[str, str], plan: Plan) -> str:
    lines = [f"## Step {number}: {task.id}", task.objective]
    if task.inputs:
        lines.append("It works on:")
    for name, source in task.inputs.items():
        if name in keys:
            lines.append(f"- {name}: the input {keys[name]!r}")
            continue
        part = "" if source.select == "@" else f", of it what JMESPath {source.select!r} selects"
        once = ", each value once" if source.distinct else ""
        lines.append(f"- {name}: {_results(source.source, plan)}{part}{once}")
    lines.append(f"Tools of this step: {', '.join(task.tools) or 'none'}.")
    return "\n".join(lines)


def _results(reference: str, plan: Plan) -> str:
    named = ", ".join(repr(id) for id in plan.sources(reference))
    return (
        f"the list of the results of {named}"
        if reference in plan.groups
        else f"the result of {named}"
    )


def _moved(schema: Json, id: str) -> Json:
    """A schema as a part of the combined one: references from its root start further down."""
    if isinstance(schema, dict):
        return {
            key: f"#/properties/{id}{inner[1:]}"
            if key == "$ref" and isinstance(inner, str) and inner.startswith("#")
            else _moved(inner, id)
            for key, inner in schema.items()
        }
    return [_moved(inner, id) for inner in schema] if isinstance(schema, list) else schema
