"""The third stage: tier `route` chooses from a short list by a forced schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from agents.prompts import render
from agents.routing.decision import Candidate, Dispatch, Route
from agents.spec import Specialist
from runtime.canonical import Json
from runtime.errors import ModelFault, ModelUnavailable

NONE, ASK = "none", "ask"


def schema_for(names: Sequence[str]) -> dict[str, Json]:
    """The forced schema: one of the candidates, `none`, or `ask`."""
    return {
        "title": "choose",
        "description": "The specialist that the request goes to.",
        "type": "object",
        "required": ["specialist", "reason"],
        "additionalProperties": False,
        "properties": {
            "specialist": {"type": "string", "enum": [*names, NONE, ASK]},
            "reason": {"type": "string"},
        },
    }


async def by_model(
    text: str,
    candidates: Sequence[Candidate],
    specialists: Mapping[str, Specialist],
    *,
    fallback: Specialist | None,
    model: BaseChatModel,
) -> Route:
    """Choose among the candidates. An unusable choice goes to the fallback or is declined.

    An answer that names anything outside the short list is unusable, whatever it says.
    """
    names = [candidate.specialist for candidate in candidates]
    listed = "\n".join(f"- {name}: {specialists[name].summary}" for name in names)
    messages = [
        SystemMessage(render("route")),
        HumanMessage(render("route_request", request=text, candidates=listed)),
    ]
    asked = model.with_structured_output(schema_for(names), method="function_calling")
    try:
        said = await asked.ainvoke(messages)
    except (ModelFault, ModelUnavailable) as error:
        return _otherwise(text, tuple(candidates), fallback, f"The routing model failed: {error}")
    choice = said.get("specialist") if isinstance(said, dict) else None
    reason = str(said.get("reason", ""))[:300] if isinstance(said, dict) else ""
    if choice in names:
        return Route(
            kind="dispatch",
            stage="model",
            reason=f"{choice}: {reason}",
            dispatches=(Dispatch(id="d1", specialist=str(choice), text=text),),
            candidates=tuple(candidates),
        )
    if choice == ASK:
        return _question(tuple(candidates), specialists, reason)
    said_so = reason if choice == NONE else f"The routing model named {str(choice)[:60]!r}."
    return _otherwise(text, tuple(candidates), fallback, said_so)


def _question(
    candidates: tuple[Candidate, ...], specialists: Mapping[str, Specialist], reason: str
) -> Route:
    options = " or ".join(specialists[one.specialist].summary.rstrip(".") for one in candidates[:2])
    return Route(
        kind="clarify",
        stage="model",
        reason=reason,
        question=f"What do you want: {options}?",
        candidates=candidates,
    )


def _otherwise(
    text: str, candidates: tuple[Candidate, ...], fallback: Specialist | None, reason: str
) -> Route:
    if fallback is None:
        return Route(kind="decline", stage="model", reason=reason, candidates=candidates)
    return Route(
        kind="dispatch",
        stage="model",
        reason=f"{reason} Nobody else fits, so {fallback.name} answers.",
        dispatches=(Dispatch(id="d1", specialist=fallback.name, text=text),),
        candidates=candidates,
    )
