"""How the tests of the offline model ask it: as any provider is asked, in OpenAI's terms."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from models.offline.reply import Reply
from models.offline.turns import answer
from runtime.canonical import Json

Impl = Callable[..., Json]


def tool(name: str, about: str, *must: str, **parts: Json) -> dict[str, Json]:
    """A tool in OpenAI's form; `must` names the required arguments."""
    schema = {"type": "object", "properties": parts, "required": list(must)}
    return {
        "type": "function",
        "function": {"name": name, "description": about, "parameters": schema},
    }


def gives(value: Json) -> Impl:
    """A tool that always returns the same."""

    def run(**_arguments: Json) -> Json:
        return value

    return run


def object_of(*must: str, **parts: Json) -> dict[str, Json]:
    return {"type": "object", "properties": parts, "required": list(must or parts)}


def list_of(items: Json, **more: Json) -> dict[str, Json]:
    return {"type": "array", "items": items, **more}


TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
IDS = list_of(TEXT)


def brief(objective: str, inputs: Mapping[str, Json] | None = None, rejected: str = "") -> str:
    text = (
        f"## Objective\n{objective}\n\n"
        f"## Inputs\n```json\n{json.dumps(inputs or {}, indent=1)}\n```\n"
        "\n## Boundaries\n- Use only what is offered.\n"
    )
    return text + (f"\n## Rejected\n- {rejected}\n" if rejected else "")


@dataclass
class Work:
    """What an agent loop over the offline model did."""

    calls: list[tuple[str, Json]] = field(default_factory=list)
    text: str = ""
    delivered: Json = None

    def called(self, name: str) -> list[Json]:
        return [arguments for tool, arguments in self.calls if tool == name]


def work(
    text: str,
    tools: Mapping[str, tuple[dict[str, Json], Impl]],
    output: dict[str, Json] | None = None,
    turns: int = 12,
) -> Work:
    """Run the loop to its end. Results bear the evidence `ev-1`, `ev-2` and so on; a result that
    is an exception is given as the gateway gives errors: without evidence."""
    offered = [spec for spec, _ in tools.values()]
    if output:
        offered.append(tool("deliver", "Hand over the result."))
        offered[-1]["function"]["parameters"] = output
    messages: list[dict[str, Json]] = [
        {"role": "system", "content": "Do the task."},
        {"role": "user", "content": text},
    ]
    done = Work()
    for _ in range(turns):
        options = {"tools": offered, "tool_choice": "required" if output else "auto"}
        reply = answer(messages, options)
        if not reply.calls:
            done.text = reply.text
            return done
        messages.append(_said(reply))
        for call in reply.calls:
            arguments = json.loads(call.arguments)
            if call.name == "deliver":
                done.delivered = arguments
                return done
            done.calls.append((call.name, arguments))
            messages.append(_result(call.id, len(done.calls), tools[call.name][1], arguments))
    raise AssertionError(f"no end after {turns} turns: {done.calls}")


def _said(reply: Reply) -> dict[str, Json]:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in reply.calls
    ]
    return {"role": "assistant", "content": reply.text or None, "tool_calls": calls}


def _result(id: str, number: int, impl: Impl, arguments: Mapping[str, Json]) -> dict[str, Json]:
    value = impl(**arguments)
    if isinstance(value, Exception):
        return {"role": "tool", "tool_call_id": id, "content": str(value)}
    body = value if isinstance(value, str) else json.dumps(value)
    return {"role": "tool", "tool_call_id": id, "content": f"evidence: ev-{number}\n{body}"}
