"""What a scripted worker reads from its request, and the ways in which it can answer.

A worker knows its task by the first word of its objective: `[task] …`. Nothing else is agreed
between a test and the harness, so that the tests outlive changes of prompts and of plans.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.canonical import Json
from tests.provider import Exchange, JsonObject, Reply, ToolCall
from tests.provider.record import SeenRequest

DELIVER = "deliver"
"""The tool by which a worker hands its result over, as it stands on the wire."""

_TASK = re.compile(r"## Objective\s+\[([a-z0-9-]+)\]")
_INPUTS = re.compile(r"## Inputs\s+```json\n(.*?)\n```", re.DOTALL)
_EVIDENCE = re.compile(r"\Aevidence: (\S+)\n(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What one call of the worker brought. `evidence` is empty when it failed."""

    tool: str
    arguments: JsonObject
    evidence: str
    data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One request to a worker: its task, its inputs, and how far it has come."""

    task: str
    inputs: Mapping[str, Json]
    text: str
    """The whole brief."""
    said: int
    """Turns of its own so far."""
    returned: tuple[Returned, ...]

    @property
    def begins(self) -> bool:
        """The first request of an attempt."""
        return self.said == 0

    @property
    def evidence(self) -> list[str]:
        """Ids of the calls that succeeded."""
        return [one.evidence for one in self.returned if one.evidence]


def work_of(exchange: Exchange) -> Work | None:
    """The work that a request asks for; None when it comes from anybody but a worker."""
    text = next((turn.text for turn in exchange.turns if turn.role == "user"), "")
    task = _TASK.search(text)
    if task is None or not any(tool.name == DELIVER for tool in exchange.tools):
        return None
    inputs = _INPUTS.search(text)
    return Work(
        task=task[1],
        inputs=json.loads(inputs[1]) if inputs else {},
        text=text,
        said=sum(turn.role == "assistant" for turn in exchange.turns),
        returned=tuple(_returned(exchange)),
    )


def _returned(exchange: Exchange) -> list[Returned]:
    made = {call.id: call for turn in exchange.turns for call in turn.tool_calls}
    found = []
    for turn in exchange.turns:
        call = made.get(turn.tool_call_id) if turn.role == "tool" else None
        if call is None:
            continue
        evidence = _EVIDENCE.match(turn.text)
        found.append(
            Returned(
                tool=call.name,
                arguments=json.loads(call.arguments_text),
                evidence=evidence[1] if evidence else "",
                data=_data(evidence[2]) if evidence else None,
            )
        )
    return found


def _data(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def deliver(output: Json) -> Reply:
    """Hand over a result."""
    return Reply(tool_calls=(ToolCall(name=DELIVER, arguments=output),))


def calls(tool: str, *arguments: JsonObject) -> Reply:
    """Ask for calls of one tool, all at once."""
    return Reply(tool_calls=tuple(ToolCall(name=tool, arguments=given) for given in arguments))


def asked_for(request: SeenRequest) -> str:
    """The task whose worker sent a request; empty for a request of anybody else."""
    task = _TASK.search(request.raw.decode().replace("\\n", "\n"))
    return task[1] if task else ""
