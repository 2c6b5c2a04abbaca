"""The declared inputs of a task, resolved from the request and from accepted outputs."""

from __future__ import annotations

from collections.abc import Mapping

import jmespath
from jmespath.exceptions import JMESPathError

from harness.plan import REQUEST, Input, Plan, Task
from harness.schemas import violations
from runtime.canonical import Json, canonical
from runtime.errors import SelectionFailed


def resolve(
    task: Task, plan: Plan, request: Mapping[str, Json], outputs: Mapping[str, Json]
) -> dict[str, Json]:
    """The values of a task's inputs. `outputs` holds the accepted output of each parent.

    A reference to a group gives the list of its outputs in plan order.
    """
    return {name: _value(source, plan, request, outputs) for name, source in task.inputs.items()}


def _value(
    source: Input, plan: Plan, request: Mapping[str, Json], outputs: Mapping[str, Json]
) -> Json:
    if not source.source:
        return source.value
    value = select(source.select, look_up(source.source, plan, request, outputs))
    if source.distinct and isinstance(value, list):
        return list({canonical(item): item for item in value}.values())
    return value


def look_up(
    reference: str, plan: Plan, request: Mapping[str, Json], outputs: Mapping[str, Json]
) -> Json:
    """What a reference stands for: the request's inputs, one output, or a group's outputs."""
    if reference == REQUEST:
        return dict(request)
    if reference in plan.groups:
        return [outputs[id] for id in plan.groups[reference] if id in outputs]
    return outputs.get(plan.aliases.get(reference, reference))


def unfit(task: Task, inputs: Mapping[str, Json]) -> tuple[str, ...]:
    """What is wrong with the resolved inputs by their declared schemas, one sentence each.

    To be asked before the task starts: a plan's schemas promise less than a value tells.
    """
    return tuple(
        f"Input {name!r} of task {task.id!r}: {error.message[:200]}"
        for name, source in task.inputs.items()
        if source.json_schema
        for error in violations(source.json_schema, inputs.get(name))
    )


def select(expression: str, value: Json) -> Json:
    """Apply a JMESPath expression.

    Raises:
        SelectionFailed: the expression does not fit the value, e.g. the length of a number.
    """
    try:
        return jmespath.search(expression, value)
    except JMESPathError as error:
        raise SelectionFailed(expression, str(error)) from error
