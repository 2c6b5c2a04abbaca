"""Whether a plan makes sense, before anything is spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from harness.limits import Limits
from harness.order import cycle
from harness.plan import REQUEST, Plan, Task
from runtime.canonical import Json, canonical

Permits = Callable[[str], str]
"""Given a tool's name: an empty text when the specialist may use it, otherwise the reason."""


def problems(
    plan: Plan, *, inputs: Collection[str], permits: Permits, limits: Limits
) -> tuple[str, ...]:
    """What is wrong with a plan, one sentence each; empty for a plan that may be executed.

    The count is checked first, so that a plan of 10,000 tasks is refused without a look inside.
    """
    if not plan.tasks:
        return ("The plan has no task.",)
    if len(plan.tasks) > limits.tasks:
        return (
            f"The plan has {len(plan.tasks)} tasks; limit 'tasks' in config/limits.yaml"
            f" is {limits.tasks}.",
        )
    twins = [id for id, count in Counter(task.id for task in plan.tasks).items() if count > 1]
    if twins:
        return tuple(f"Task id {id!r} stands more than once." for id in twins)
    found = [
        *_dangling(plan, inputs),
        *_forbidden(plan, permits),
        *_repeated(plan),
        *_malformed(plan),
    ]
    if caught := cycle(plan):
        found.append(f"These tasks wait for each other in a cycle: {', '.join(caught)}.")
    return tuple(found)


def _dangling(plan: Plan, inputs: Collection[str]) -> list[str]:
    found = []
    for task in plan.tasks:
        for name, source in task.inputs.items():
            if source.source in ("", REQUEST):
                continue
            if not plan.knows(source.source):
                found.append(
                    f"Task {task.id!r}: input {name!r} comes from {source.source!r},"
                    f" which is no task of the plan (nor 'request', which has"
                    f" {', '.join(sorted(inputs)) or 'no inputs'})."
                )
        found.extend(
            f"Task {task.id!r} needs {need!r}, which is no task of the plan."
            for need in task.needs
            if not plan.knows(need)
        )
    return found


def _forbidden(plan: Plan, permits: Permits) -> list[str]:
    verdicts = {tool: permits(tool) for task in plan.tasks for tool in task.tools}
    return [
        f"Task {task.id!r} may not use {tool!r}: {verdicts[tool]}"
        for task in plan.tasks
        for tool in task.tools
        if verdicts[tool]
    ]


def _repeated(plan: Plan) -> list[str]:
    first: dict[str, str] = {}
    found = []
    for task in plan.tasks:
        twin = first.setdefault(_essence(task), task.id)
        if twin != task.id:
            found.append(f"Task {task.id!r} repeats {twin!r}: same objective and inputs.")
    return found


def _malformed(plan: Plan) -> list[str]:
    """Output schemas that are none, or that refer to anything outside of themselves."""
    found = []
    for task in plan.tasks:
        try:
            Draft202012Validator.check_schema(task.output)
        except SchemaError as error:
            found.append(f"Task {task.id!r}: output is not a JSON schema: {error.message[:120]}")
        found.extend(
            f"Task {task.id!r}: output refers to {reference!r}; only '#/…' is permitted."
            for reference in _references(task.output)
            if not reference.startswith("#")
        )
    return found


def _references(schema: Json) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str):
                yield inner
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _essence(task: Task) -> str:
    inputs = {name: source.model_dump(by_alias=True) for name, source in task.inputs.items()}
    return canonical([task.objective.casefold().split(), inputs, sorted(task.needs)])
