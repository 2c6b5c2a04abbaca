"""A plan for a deep specialist: its own static one, or one by tier `plan` along its outline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from pydantic import ValidationError

from agents.prompts import render
from agents.spec import Specialist
from harness.check import over_count, too_many
from harness.expand import expand, size
from harness.limits import Limits
from harness.plan import Plan, Task
from harness.replan import unfinished_part
from runtime.canonical import Json
from runtime.errors import ModelFault, PlanRejected

PLAN_SCHEMA: dict[str, Json] = {
    "title": "plan",
    "description": "The plan: tasks whose dependencies follow from their inputs.",
    "type": "object",
    "required": ["tasks"],
    "additionalProperties": False,
    "properties": {
        "tasks": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "objective", "inputs", "tools", "output"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "string"},
                    "objective": {"type": "string"},
                    "inputs": {"type": "object"},
                    "needs": {"type": "array", "items": {"type": "string"}},
                    "tools": {"type": "array", "items": {"type": "string"}},
                    "output": {"type": "object", "description": "JSON schema of type object"},
                    "accept": {"type": "array", "items": {"type": "object"}},
                    "criteria": {"type": "array", "items": {"type": "string"}},
                    "specialist": {"type": "string"},
                    "group": {"type": "string"},
                },
            },
        }
    },
}


def outline(specialist: Specialist, inputs: Mapping[str, Json], limits: Limits) -> Plan:
    """The author's plan with its maps expanded over the inputs.

    Raises:
        RequestError: an input that the plan repeats over is not a list.
        PlanRejected: the plan has more tasks than the limits allow.
    """
    assert specialist.plan is not None, "a deep specialist has a plan"
    if many := over_count(size(specialist.plan.tasks, inputs), limits):
        raise PlanRejected(specialist.name, (many,))
    return expand(specialist.plan.tasks, inputs)


async def draft(
    specialist: Specialist,
    request: str,
    inputs: Mapping[str, Json],
    *,
    tools: Mapping[str, str],
    limits: Limits,
    model: BaseChatModel,
    objections: Sequence[str] = (),
) -> Plan:
    """Ask tier `plan` for a plan by a forced schema.

    `objections` are the exact problems of the plan before, for the one round of repair.

    Raises:
        PlanRejected: the answer is not of the form of a plan.
    """
    outlined = outline(specialist, inputs, limits)
    asked = _with_objections(_request(request, inputs, tools, outlined), objections)
    return _restored(await _drawn(specialist, asked, limits, model), outlined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A plan that was executed as far as it went."""

    plan: Plan
    inputs: Mapping[str, Json]
    results: Mapping[str, Json]
    """Accepted outputs by task id."""
    reasons: Mapping[str, str]
    """Why each of the others has none."""


async def redraft(
    specialist: Specialist,
    request: str,
    state: Unfinished,
    *,
    tools: Mapping[str, str],
    limits: Limits,
    model: BaseChatModel,
    objections: Sequence[str] = (),
) -> Plan:
    """Ask tier `plan` for new tasks in place of the unfinished ones.

    The planner sees which tasks are accepted and what each of the others failed of; of accepted
    results it sees the schema alone, since they may hold text from outside.

    Raises:
        PlanRejected: the answer is not of the form of a plan.
    """
    text = render(
        "replan_request",
        request=request,
        inputs=json.dumps(state.inputs, ensure_ascii=False, indent=1),
        tools="\n".join(f"- {name}: {about}" for name, about in tools.items()) or "- none",
        accepted=_listed(
            {id: f"output {json.dumps(state.plan.by_id[id].output)}" for id in state.results}
        ),
        failed=_listed(dict(state.reasons)),
        outline=json.dumps(
            [
                task.model_dump(by_alias=True, exclude_defaults=True)
                for task in unfinished_part(state.plan, state.results)
            ],
            ensure_ascii=False,
            indent=1,
        ),
    )
    drawn = await _drawn(specialist, _with_objections(text, objections), limits, model)
    return _restored(drawn, outline(specialist, state.inputs, limits))


def _listed(entries: Mapping[str, str]) -> str:
    return "\n".join(f"- {id}: {about}" for id, about in entries.items()) or "- none"


async def _drawn(specialist: Specialist, asked: str, limits: Limits, model: BaseChatModel) -> Plan:
    messages: list[AnyMessage] = [
        SystemMessage(
            render(
                "planner",
                specialist=specialist.name,
                instructions=specialist.instructions,
                tasks=str(limits.tasks),
            )
        ),
        HumanMessage(asked),
    ]
    planner = model.with_structured_output(PLAN_SCHEMA, method="function_calling", include_raw=True)
    try:
        answer = await planner.ainvoke(messages)
    except ModelFault as error:
        raise PlanRejected(
            specialist.name, (f"The planner's answer is unusable: {error}",)
        ) from error
    return _read(specialist, answer, limits)


def _restored(drawn: Plan, authors: Plan) -> Plan:
    """The plan held to the author's criteria and schemas: a planner may not loosen them.

    A task that stands in for a mapped one, under whatever id, is held to its template.
    """
    templates = {name: authors.by_id[ids[0]] for name, ids in authors.groups.items() if ids}
    known = templates | authors.by_id
    tasks = [
        _held_to(known.get(task.id) or templates.get(task.group), task).model_copy(
            # A group of the planner's own could stand in for a task of the author's.
            update={"group": task.group if task.group in templates else ""}
        )
        for task in drawn.tasks
    ]
    return drawn.model_copy(update={"empty": authors.empty, "tasks": tuple(tasks)})


def _held_to(own: Task | None, task: Task) -> Task:
    if own is None:
        return task
    return task.model_copy(
        update={"accept": own.accept, "criteria": own.criteria, "output": own.output}
    )


def _request(
    request: str, inputs: Mapping[str, Json], tools: Mapping[str, str], outlined: Plan
) -> str:
    return render(
        "plan_request",
        request=request,
        inputs=json.dumps(inputs, ensure_ascii=False, indent=1),
        tools="\n".join(f"- {name}: {about}" for name, about in tools.items()) or "- none",
        outline=json.dumps(
            outlined.model_dump(by_alias=True, exclude_defaults=True),
            ensure_ascii=False,
            indent=1,
        ),
    )


def _with_objections(text: str, objections: Sequence[str]) -> str:
    if not objections:
        return text
    return text + "\n\n## Rejected\n" + "\n".join(f"- {problem}" for problem in objections)


def _read(specialist: Specialist, answer: Json, limits: Limits) -> Plan:
    """The plan in a structured answer, or each thing that is wrong with its form."""
    parsed = answer.get("parsed") if isinstance(answer, dict) else None
    if not isinstance(parsed, dict):
        raw = answer.get("raw") if isinstance(answer, dict) else None
        said = raw.text[:120] if isinstance(raw, AIMessage) else ""
        raise PlanRejected(specialist.name, (f"The planner returned no plan: {said!r}.",))
    # Before the tasks are looked at one by one: ten thousand of them take their time.
    if many := too_many(parsed, limits):
        raise PlanRejected(specialist.name, (many,))
    try:
        # Of the answer the tasks alone: groups and merged tasks are ours to tell.
        return Plan.model_validate({"tasks": parsed.get("tasks")})
    except ValidationError as error:
        raise PlanRejected(
            specialist.name,
            tuple(
                f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}."
                for one in error.errors()[:20]
            ),
        ) from error
