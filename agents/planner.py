"""A plan for a deep specialist: its own static one, or one by tier `plan` along its outline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from pydantic import ValidationError

from agents.prompts import render
from agents.spec import Specialist
from harness.expand import expand
from harness.limits import Limits
from harness.plan import Plan
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
                    "group": {"type": "string"},
                },
            },
        }
    },
}


def outline(specialist: Specialist, inputs: Mapping[str, Json]) -> Plan:
    """The author's plan with its maps expanded over the inputs.

    Raises:
        RequestError: an input that the plan repeats over is not a list.
    """
    assert specialist.plan is not None, "a deep specialist has a plan"
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
    messages: list[AnyMessage] = [
        SystemMessage(
            render(
                "planner",
                specialist=specialist.name,
                instructions=specialist.instructions,
                tasks=str(limits.tasks),
            )
        ),
        HumanMessage(_request(specialist, request, inputs, tools, objections)),
    ]
    planner = model.with_structured_output(PLAN_SCHEMA, method="function_calling", include_raw=True)
    try:
        answer = await planner.ainvoke(messages)
    except ModelFault as error:
        raise PlanRejected(
            specialist.name, (f"The planner's answer is unusable: {error}",)
        ) from error
    return _restored(_read(specialist, answer), outline(specialist, inputs))


def _restored(drawn: Plan, authors: Plan) -> Plan:
    """The plan held to the author's criteria and schemas: a planner may not loosen them."""
    return drawn.model_copy(
        update={
            "empty": authors.empty,
            "tasks": tuple(
                task.model_copy(update={"accept": own.accept, "output": own.output})
                if (own := authors.by_id.get(task.id))
                else task
                for task in drawn.tasks
            ),
        }
    )


def _request(
    specialist: Specialist,
    request: str,
    inputs: Mapping[str, Json],
    tools: Mapping[str, str],
    objections: Sequence[str],
) -> str:
    text = render(
        "plan_request",
        request=request,
        inputs=json.dumps(inputs, ensure_ascii=False, indent=1),
        tools="\n".join(f"- {name}: {about}" for name, about in tools.items()) or "- none",
        outline=json.dumps(
            outline(specialist, inputs).model_dump(by_alias=True, exclude_defaults=True),
            ensure_ascii=False,
            indent=1,
        ),
    )
    if not objections:
        return text
    return text + "\n\n## Rejected\n" + "\n".join(f"- {problem}" for problem in objections)


def _read(specialist: Specialist, answer: Json) -> Plan:
    """The plan in a structured answer, or each thing that is wrong with its form."""
    parsed = answer.get("parsed") if isinstance(answer, dict) else None
    if not isinstance(parsed, dict):
        raw = answer.get("raw") if isinstance(answer, dict) else None
        said = raw.text[:120] if isinstance(raw, AIMessage) else ""
        raise PlanRejected(specialist.name, (f"The planner returned no plan: {said!r}.",))
    try:
        return Plan.model_validate(parsed)
    except ValidationError as error:
        raise PlanRejected(
            specialist.name,
            tuple(
                f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}."
                for one in error.errors()[:20]
            ),
        ) from error
