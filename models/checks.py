"""Is an answer whole? What litellm passes on unchecked is checked here, before anybody acts on it.

Nothing is repaired: a guess at the rest of a cut-off call could be a call nobody asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.messages import ToolCall

from models.forms import misfit
from models.loops import repeated
from models.outage import OVERFLOW
from runtime.canonical import Json
from runtime.errors import ModelFault

_BYTES_PER_TOKEN = 24
"""More than any tokenizer packs into a token on average, so a longer text is no model's answer."""
WITHHELD = frozenset({"content_filter", "refusal"})
"""Finish reasons of an answer that the provider keeps back."""
FINAL = frozenset({"refused", OVERFLOW, "bad_request", "broken_stream"})
"""Faults for which asking again is of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCall:
    """A tool call as it came: the arguments are still text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer as it came."""

    choices: int
    text: str
    calls: tuple[RawCall, ...]
    finish: str | None
    """None when the provider gave no reason for the end, or none that a whole answer has."""
    end: str = ""
    """The reason in the provider's own word, where it could be read."""
    refusal: str = ""
    """The words by which the model would not answer, where a vendor keeps them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the request demanded of the answer."""

    tools: Mapping[str, Mapping[str, Json]]
    """The schema of each tool that was offered."""
    must_call: bool
    is_json: bool
    schema: Mapping[str, Json] | None
    """That of the text, where one was demanded."""
    max_tokens: int


def tool_calls(raw: Raw, demand: Demand, model: str) -> list[ToolCall]:
    """The usable tool calls of a whole answer.

    Whether their arguments fit their schemas is left to those who act on them: the tool gateway,
    the verifier of results, the checks of plans. Each tells the model what is wrong, within a limit
    of its own.

    Raises:
        ModelFault: the answer is unusable; the message says in words what is wrong with it.
    """
    fault = _ending(raw) or _calls(raw, demand) or _text(raw, demand)
    if fault:
        raise ModelFault(fault[0], fault[1], model=model)
    return [
        ToolCall(id=call.id, name=call.name, args=_object(call) or {}, type="tool_call")
        for call in raw.calls
    ]


Fault = tuple[str, str] | None


def _ending(raw: Raw) -> Fault:
    if raw.choices == 0:
        return "no_choices", "the answer had no choices at all"
    if raw.finish is None:
        how = f"for the reason {raw.end[:80]!r}" if raw.end else "without a finish reason"
        return "no_finish", f"the answer ended {how}, so it may be cut off"
    if raw.refusal:
        return "refused", f"the model would not answer: {raw.refusal[:300]}"
    if raw.finish in WITHHELD:
        return "refused", "the provider withheld the answer under its content policy"
    if raw.finish == "length" and raw.calls:
        return "cut_off", "the answer reached its length limit in the middle of tool calls"
    if not raw.text.strip() and not raw.calls:
        return "empty", "the answer had neither text nor tool calls"
    return None


def _calls(raw: Raw, demand: Demand) -> Fault:
    if demand.must_call and not raw.calls:
        return "no_tool_call", "a tool call was demanded, and the answer was text"
    twice = [id for id, count in Counter(call.id for call in raw.calls).items() if count > 1]
    if twice:
        return "duplicate_ids", f"several tool calls had the same id {twice[0]!r}"
    for call in raw.calls:
        if call.name not in demand.tools:
            offered = ", ".join(sorted(demand.tools)) or "none"
            return "unknown_tool", f"the tool {call.name!r} was not offered; offered: {offered}"
        found = _object(call)
        if found is None:
            return (
                "cut_off_arguments",
                f"the arguments of {call.name!r} are no complete JSON object",
            )
        if not call.arguments.strip() and demand.tools[call.name].get("required"):
            return "cut_off_arguments", f"the call of {call.name!r} had no arguments"
    return None


def _text(raw: Raw, demand: Demand) -> Fault:
    if len(raw.text.encode(errors="replace")) > demand.max_tokens * _BYTES_PER_TOKEN:
        return "too_long", f"the answer is far longer than {demand.max_tokens} tokens"
    if unit := repeated(raw.text):
        return looped(unit)
    return _structured(raw, demand) if demand.is_json and not raw.calls else None


def _structured(raw: Raw, demand: Demand) -> Fault:
    try:
        value = json.loads(raw.text)
    except ValueError:
        return "not_json", "JSON was demanded, and the answer is not complete JSON"
    wrong = misfit(demand.schema, value) if demand.schema is not None else ""
    return ("wrong_schema", f"the answer breaks the demanded schema; {wrong}") if wrong else None


def looped(unit: str) -> tuple[str, str]:
    """The fault of an answer that repeats `unit`."""
    shown = " ".join(unit.split())[:80] or "blank space"
    return "repeating", f"the answer said the same again and again: {shown!r}"


def _object(call: RawCall) -> dict[str, Json] | None:
    """The arguments, if they are one complete JSON object. No text at all means no arguments."""
    if not call.arguments.strip():
        return {}
    try:
        value = json.loads(call.arguments, parse_constant=_refuse)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
