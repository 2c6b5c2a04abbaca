"""What a provider is sent, read once: the brief, the calls made so far, and their results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.offline import brief
from models.offline.brief import Brief
from runtime.canonical import Json

_EVIDENCE = re.compile(r"\Aevidence:[ \t]*(\S+)[ \t]*\n?")
_FAILURE = re.compile(r"\A\s*(error|denied|refused|failed|timeout|timed out|not allowed)\b", re.I)
_FAILURE_KEYS = frozenset({"error", "denied", "refused", "isError"})
DELIVER = "deliver"
"""The name of the tool whose call is the final answer; every other tool is for work."""
REASK = "Your last answer could not be used"
"""How the door begins the message with which it asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    description: str
    schema: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    id: str
    name: str
    arguments: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    call: Call
    evidence: str
    """The id under which the gateway recorded the call."""
    value: Json
    """Parsed JSON, or the text as it came."""
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    instructions: str
    brief: Brief
    text: str
    """The message that is answered, whole."""
    calls: tuple[Call, ...]
    results: tuple[Result, ...]
    """Of work tools, in order; the failed ones too."""

    @property
    def asked(self) -> str:
        """What an answer has to meet: the question among the inputs, or else the objective."""
        question = self.brief.inputs.get("question")
        return question if isinstance(question, str) else self.brief.objective

    @property
    def good(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.failed)


def read(messages: Sequence[Mapping[str, Json]]) -> Conversation:
    """The last request of a person (or of the system that briefs us) and what followed it."""
    start = _request(messages)
    text = _text(messages[start]) if messages else ""
    asked = brief.read(text)
    calls = tuple(call for message in messages[start:] for call in _calls(message))
    by_id = {call.id: call for call in calls}
    answers = [message for message in messages[start:] if message.get("role") == "tool"]
    results = [
        _result(by_id[id], _text(message), briefed="objective" in asked.sections)
        for message in answers
        if (id := message.get("tool_call_id", "")) in by_id and by_id[id].name != DELIVER
    ]
    system = [_text(message) for message in messages if message.get("role") == "system"]
    return Conversation(
        instructions="\n\n".join(system),
        brief=asked,
        text=text,
        calls=calls,
        results=tuple(results),
    )


def _request(messages: Sequence[Mapping[str, Json]]) -> int:
    asked = [
        index
        for index, message in enumerate(messages)
        if message.get("role") == "user" and not _text(message).startswith(REASK)
    ]
    return asked[-1] if asked else 0


def _calls(message: Mapping[str, Json]) -> list[Call]:
    return [
        Call(
            id=call.get("id", ""),
            name=call["function"]["name"],
            arguments=parse(call["function"].get("arguments") or "{}"),
        )
        for call in message.get("tool_calls") or ()
    ]


def _result(call: Call, text: str, *, briefed: bool) -> Result:
    """A result. Where there is a brief, what bears no evidence is why the call failed."""
    marked = _EVIDENCE.match(text)
    body = text[marked.end() :] if marked else text
    value = parse(body)
    failed = (
        (briefed and not marked)
        or bool(_FAILURE.match(body))
        or (isinstance(value, dict) and any(value.get(key) for key in _FAILURE_KEYS))
    )
    return Result(call=call, evidence=marked[1] if marked else call.id, value=value, failed=failed)


def _text(message: Mapping[str, Json]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = (block.get("text", "") if isinstance(block, dict) else block for block in content)
        return "\n".join(str(part) for part in parts if part)
    return content or ""


def parse(text: str) -> Json:
    """JSON where it is JSON, the text itself otherwise."""
    try:
        return json.loads(text)
    except ValueError:
        return text
