"""The third stage: tier `route` chooses from a short list by a forced schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agents.prompts import render
from agents.routing.clarify import ask
from agents.routing.decision import Candidate, Dispatch, Route
from agents.routing.decline import otherwise
from agents.routing.examples import nearest_example
from agents.spec import Specialist
from runtime.canonical import Json
from runtime.errors import ModelFault, ModelUnavailable

NONE, ASK = "none", "ask"
FAILED = "The routing model failed"
"""How the reason of a route begins when tier `route` gave no usable answer."""
_HEAD, _TAIL = 2400, 600
"""Characters of a long request that the model is shown: what is wanted stands at its ends."""
_REASON = 300


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


def prompt_for(
    text: str, candidates: Sequence[Candidate], specialists: Mapping[str, Specialist]
) -> list[BaseMessage]:
    """What the model is asked: the request, and a line for each candidate.

    Its size depends on the number of candidates alone, not on how many specialists there are.
    """
    lines = (_line(specialists[one.specialist], text, one.intent) for one in candidates)
    asked = render("route_request", request=_shown(text), candidates="\n".join(lines))
    return [SystemMessage(render("route")), HumanMessage(asked)]


async def by_model(
    text: str,
    candidates: Sequence[Candidate],
    specialists: Mapping[str, Specialist],
    *,
    fallback: Specialist | None,
    model: BaseChatModel,
) -> Route:
    """Choose among the candidates. An unusable choice goes to the fallback or is declined.

    An answer that names anything outside the short list is unusable, whatever it says. Without
    candidates nobody is asked.
    """
    if not candidates:
        return nobody(text, fallback)
    asked = model.with_structured_output(
        schema_for([one.specialist for one in candidates]),
        method="function_calling",
        include_raw=True,
    )
    try:
        said = await asked.ainvoke(prompt_for(text, candidates, specialists))
    except (ModelFault, ModelUnavailable) as error:
        return otherwise(
            text,
            "model",
            f"{FAILED}: {error}",
            fallback=fallback,
            candidates=candidates,
        )
    assert isinstance(said, dict), "include_raw gives a mapping"
    route = taken(text, said["parsed"], candidates, specialists, fallback=fallback)
    return route.model_copy(update={"tokens": _tokens(said["raw"])})


def taken(
    text: str,
    said: Json,
    candidates: Sequence[Candidate],
    specialists: Mapping[str, Specialist],
    *,
    fallback: Specialist | None,
) -> Route:
    """The route that an answer of the model stands for. The same answer gives the same route."""
    choice = said.get("specialist") if isinstance(said, dict) else None
    reason = str(said.get("reason", ""))[:_REASON] if isinstance(said, dict) else ""
    if choice in [one.specialist for one in candidates]:
        return Route(
            kind="dispatch",
            stage="model",
            reason=f"{choice}: {reason}",
            dispatches=(Dispatch(id="d1", specialist=str(choice), text=text),),
            candidates=tuple(candidates),
        )
    if choice == ASK and len(candidates) > 1:
        return Route(
            kind="clarify",
            stage="model",
            reason=reason,
            question=ask(text, candidates, specialists).question,
            candidates=tuple(candidates),
        )
    said_so = reason if choice == NONE else f"The routing model named {str(choice)[:60]!r}."
    return otherwise(text, "model", said_so, fallback=fallback, candidates=candidates)


def nobody(text: str, fallback: Specialist | None) -> Route:
    """The route where there is nobody to choose from."""
    told = "No specialist has examples that come near."
    return otherwise(text, "model", told, fallback=fallback)


def _line(one: Specialist, text: str, intent: str) -> str:
    example = nearest_example(one, text, intent)
    return f"- {one.name}: {one.summary}" + (f" E.g. {example}" if example else "")


def _shown(text: str) -> str:
    if len(text) <= _HEAD + _TAIL:
        return text
    left_out = len(text) - _HEAD - _TAIL
    return f"{text[:_HEAD]}\n[… {left_out:,} characters left out …]\n{text[-_TAIL:]}"


def _tokens(raw: object) -> int:
    used = raw.usage_metadata if isinstance(raw, AIMessage) else None
    return int(used["total_tokens"]) if used else 0
