"""The last look at an answer: tier `judge` against the specialist's success criteria."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import Field, ValidationError

from agents.prompts import render
from agents.spec import Specialist
from harness.plan import Frozen, Task
from runtime.canonical import Json
from runtime.errors import BoundaryBreach, LimitBreached, ModelFault, ModelUnavailable

JUDGEMENT_SCHEMA: dict[str, Json] = {
    "title": "judgement",
    "description": "The verdict.",
    "type": "object",
    "required": ["verdict", "score", "reasons"],
    "additionalProperties": False,
    "properties": {
        "verdict": {"type": "string", "enum": ["accept", "revise"]},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
}


_NO_VERDICT = (ModelFault, ModelUnavailable, BoundaryBreach, LimitBreached, ValidationError)


class Judgement(Frozen):
    """`unjudged` when there are no criteria or no usable verdict: never taken for praise."""

    verdict: Literal["accept", "revise", "unjudged"]
    score: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()
    self_judged: bool = False
    """The judge ran on a deployment that wrote part of the answer: no other one is cleared."""


async def judge(
    specialist: Specialist, request: str, answer: str, *, model: BaseChatModel
) -> Judgement:
    """Judge an answer with a model that should not have written it.

    A judge that fails makes the answer `unjudged` with the reason; it does not fail the run.
    """
    if not specialist.success.criteria:
        return Judgement(verdict="unjudged", score=0, reasons=("The specialist sets no criteria.",))
    return await _asked(
        request, specialist.success.criteria, answer, bar=specialist.success.bar, model=model
    )


async def judge_task(task: Task, output: Json, *, model: BaseChatModel) -> Judgement:
    """Judge one task's result against the task's criteria in words.

    A judge that fails makes the result `unjudged` with the reason.
    """
    answer = json.dumps(output, ensure_ascii=False)
    return await _asked(task.objective, task.criteria, answer, bar=0.0, model=model)


async def _asked(
    request: str, criteria: Sequence[str], answer: str, *, bar: float, model: BaseChatModel
) -> Judgement:
    messages = [
        SystemMessage(render("judge")),
        HumanMessage(
            render(
                "judge_request",
                request=request,
                criteria="\n".join(f"- {one}" for one in criteria),
                answer=answer,
            )
        ),
    ]
    asked = model.with_structured_output(
        JUDGEMENT_SCHEMA, method="function_calling", include_raw=True
    )
    try:
        said = await asked.ainvoke(messages)
        assert isinstance(said, dict), "include_raw gives a mapping"
        verdict = Judgement.model_validate(said["parsed"])
    except _NO_VERDICT as error:
        return Judgement(verdict="unjudged", score=0, reasons=(f"No usable verdict: {error}",))
    below = verdict.score < bar
    return verdict.model_copy(
        update={
            "verdict": "revise" if below else verdict.verdict,
            "self_judged": bool(said["raw"].response_metadata.get("self_judged")),
        }
    )
