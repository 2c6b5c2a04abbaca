"""An office of small specialists on one scripted model: what each is asked, and what it answers.

The routing stages, the specialists and the ledger are the real ones; only the model is played.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from runtime.canonical import Json
from tests.graphs.driver import Driver
from tests.graphs.installation import installation, written
from tests.provider import Exchange, Reply, ScriptedProvider, ToolCall, Usage
from tests.provider.faults import HttpError

_OBJECTIVE = re.compile(r"## Objective\n(.*?)\n\n## Inputs", re.DOTALL)
_INPUTS = re.compile(r"## Inputs\s+```json\n(.*?)\n```", re.DOTALL)
_WHOM = re.compile(r'You do one task of "([a-z-]+)"')
TOKENS = 120
"""What one routing turn uses."""

Choose = Callable[[Exchange], Json | HttpError]
"""The arguments of the forced choice, given the routing turn."""


def clerk(
    name: str,
    examples: Sequence[str] = (),
    *,
    upstream: bool = False,
    fallback: bool = False,
    data: str = "internal",
    summary: str = "",
) -> str:
    """The text of a react specialist's file. `upstream`: it takes the results of others."""
    taken = {"upstream": {"schema": {"type": "object"}, "given": "upstream"}}
    front: dict[str, Json] = {
        "name": name,
        "kind": "react",
        "summary": summary or f"Does what the desk {name} is there for.",
        "fallback": fallback,
        "inputs": taken if upstream else {},
        "outputs": {
            "type": "object",
            "required": ["answer"],
            "properties": {"answer": {"type": "string"}},
        },
        "data": data,
        "escalation": {"to": "team: desk", "when": "It cannot."},
        "owner": "team: desk",
    }
    if examples:
        front["intents"] = [{"name": name, "examples": list(examples)}]
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\nDo exactly what the task says.\n"


_PARCELS = (
    "Where is parcel 12 in the {}?",
    "Track parcel 99 in the {}",
    "Has parcel 7 arrived in the {}?",
    "Locate the parcel with number 31 in the {}",
    "What is the delivery state of parcel 8 in the {}?",
)
NORTH, SOUTH = (tuple(one.format(where) for one in _PARCELS) for where in ("north", "south"))
UNSURE = "Where is parcel 12?"
"""Fits two desks alike, whatever the local stage makes of their examples."""
INVOICES = (
    "Show invoice 12",
    "Is invoice 7 paid?",
    "Which invoices are overdue?",
    "What is the amount of invoice 31?",
    "List the unpaid invoices of March",
)
MAIL = (
    "Send an e-mail to anna@example.com",
    "Mail it to her",
    "E-mail him the summary",
    "Write a mail to the customer",
    "Forward this by e-mail",
)
OFFICE = (
    clerk("north", NORTH, summary="Tracks parcels of the north."),
    clerk("south", SOUTH, summary="Tracks parcels of the south."),
    clerk("invoices", INVOICES, summary="Shows invoices and whether they are paid."),
    clerk("mail", MAIL, upstream=True, summary="Writes and sends e-mail."),
    clerk("general", fallback=True, summary="Answers what nobody else takes."),
)
"""Four desks and a fallback without any example."""


class Office:
    """Plays the model: routing turns by `choose`, workers by repeating what they were asked."""

    def __init__(self, choose: Choose | None = None) -> None:
        self._choose = choose or (lambda _: {"specialist": "none", "reason": "Nobody."})
        self.routed: list[Exchange] = []
        """Every routing turn."""
        self.worked: list[tuple[str, str, Json]] = []
        """Specialist, objective and inputs of every worker's first turn."""

    def reply(self, exchange: Exchange) -> Reply | HttpError:
        (tool, *_) = exchange.tools
        if tool.name == "choose":
            self.routed.append(exchange)
            said = self._choose(exchange)
            if isinstance(said, HttpError):
                return said
            usage = Usage(prompt=TOKENS - 20, completion=20)
            return Reply(tool_calls=(ToolCall(name="choose", arguments=said),), usage=usage)
        system = exchange.turns[0].text
        brief = exchange.turns[1].text
        whom, objective = _found(_WHOM, system), _found(_OBJECTIVE, brief)
        self.worked.append((whom, objective, json.loads(_found(_INPUTS, brief))))
        answer: Json = {"answer": f"{whom} did: {objective.splitlines()[0]}"}
        return Reply(tool_calls=(ToolCall(name="deliver", arguments=answer),))


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    assert found is not None, f"only workers and the router are asked here: {text}"
    return found[1]


@asynccontextmanager
async def office(
    home: Path,
    *specialists: str,
    choose: Choose | None = None,
    routing: Mapping[str, Json] | None = None,
) -> AsyncIterator[tuple[Driver, Office]]:
    """A supervisor over these specialists. `routing` changes fields of `config/routing.yaml`."""
    brain = Office(choose)
    with ScriptedProvider(brain) as provider:
        config = written(home, provider=provider)
        file = config / "routing.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        changed = settings | {"aliases": {}} | dict(routing or {})
        file.write_text(yaml.safe_dump(changed), encoding="utf-8")
        async with installation(home, *(specialists or OFFICE), config=config) as driver:
            yield driver, brain
