"""Tokens of the model stage's prompt: with a short list, and with every specialist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents.routing.choose import prompt_for, schema_for
from agents.routing.decision import Candidate
from agents.spec import Specialist
from bench.prompts import count
from runtime.canonical import Json


def prompt_tokens(
    text: str, candidates: Sequence[Candidate], specialists: Mapping[str, Specialist]
) -> int:
    """Tokens of what the model is asked, with the form that it must answer in."""
    asked = prompt_for(text, candidates, specialists)
    messages: list[Json] = [
        {"role": _role(one), "content": one.content}
        for one in asked
        if isinstance(one, SystemMessage | HumanMessage)
    ]
    assert len(messages) == len(asked), "the stage speaks in system and human messages"
    form = convert_to_openai_tool(schema_for([one.specialist for one in candidates]))
    return count({"messages": messages, "tools": [form]})


def all_of(specialists: Sequence[Specialist]) -> tuple[Candidate, ...]:
    """Every specialist as a candidate, as a stage without a short list would show them."""
    return tuple(Candidate(specialist=one.name, probability=0.0) for one in specialists)


def stage_tokens(specialists: Sequence[Specialist], text: str, length: int) -> int:
    """Tokens of the prompt for one request with a list of this length."""
    by = {one.name: one for one in specialists}
    return prompt_tokens(text, all_of(specialists)[:length], by)


def _role(message: SystemMessage | HumanMessage) -> str:
    return "system" if isinstance(message, SystemMessage) else "user"
