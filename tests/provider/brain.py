"""A cooperative model without a model: it does what the request asks for, and nothing clever.
It sees only what is on the wire, so whatever works with it rests on no private agreement."""

from __future__ import annotations

import random
import re

from pydantic import JsonValue

from tests.provider.exchange import Exchange, JsonObject, Reply, Tool, ToolCall, canonical
from tests.provider.instances import make
from tests.provider.material import Material, words
from tests.provider.plans import compose

CLOSING = re.compile(
    r"(^|_|(?<=[a-z]))(answer|result|response|respond|output|final|finish|submit|report)",
    re.IGNORECASE,
)
"""Names of tools that end a task, as frameworks offer them for structured answers."""


class SeededBrain:
    """Answers by seed and content alone: the same question gets the same answer, always.

    Where tools are offered it makes `rounds` rounds of `at_once` calls after each message of the
    user, then answers; a demanded schema gets a valid instance, drawn from the conversation.
    """

    def __init__(self, seed: int = 0, *, rounds: int = 1, at_once: int = 1) -> None:
        self._seed = seed
        self._rounds = rounds
        self._at_once = at_once

    def reply(self, exchange: Exchange) -> Reply:
        """Raises: NoInstanceError, for a schema that nothing satisfies."""
        rng = random.Random(f"{self._seed}:{exchange.digest}")
        material = Material.of(exchange)
        if tool := exchange.demanded_tool:
            return Reply(tool_calls=(_call(tool, material, rng),))
        if tools := self._wanted_tools(exchange, material, rng):
            return Reply(tool_calls=tuple(_call(tool, material, rng) for tool in tools))
        if exchange.schema is not None:
            return Reply(text=canonical(compose(exchange.schema, material, rng)))
        if exchange.json_mode:
            return Reply(text=canonical(_any_object(material, rng)))
        return Reply(text=_prose(material, rng))

    def _wanted_tools(
        self, exchange: Exchange, material: Material, rng: random.Random
    ) -> list[Tool]:
        if exchange.tool_use == "none" or not exchange.tools:
            return []
        called, rounds = _called_since_asked(exchange)
        closing = [tool for tool in exchange.tools if CLOSING.search(tool.name)]
        if exchange.tool_use == "required" and not closing:
            # Something must end the task, and frameworks offer it after the tools proper.
            closing = [exchange.tools[-1]]
        working = [tool for tool in exchange.tools if tool not in closing]
        if rounds < self._rounds and working:
            fresh = [tool for tool in working if tool.name not in called] or working
            return _best(fresh, material, rng)[: self._at_once]
        if exchange.tool_use == "required":
            return _best(closing, material, rng)[:1]
        return []


def _called_since_asked(exchange: Exchange) -> tuple[set[str], int]:
    """Which tools were called since the user's last message, and in how many rounds."""
    called: set[str] = set()
    rounds = 0
    for turn in reversed(exchange.turns):
        if turn.role == "user":
            break
        called |= {call.name for call in turn.tool_calls}
        rounds += bool(turn.tool_calls)
    return called, rounds


def _best(tools: list[Tool], material: Material, rng: random.Random) -> list[Tool]:
    asked = words(material.request)
    shuffled = rng.sample(tools, len(tools))
    return sorted(
        shuffled,
        key=lambda tool: len(words(f"{tool.name} {tool.description}".replace("_", " ")) & asked),
        reverse=True,
    )


def _call(tool: Tool, material: Material, rng: random.Random) -> ToolCall:
    arguments = compose(tool.schema, material, rng)
    return ToolCall(name=tool.name, arguments=arguments if isinstance(arguments, dict) else {})


def _any_object(material: Material, rng: random.Random) -> JsonValue:
    """In JSON mode the schema, if there is one, stands in the prompt."""
    schema: JsonObject = next(
        (found for found in material.objects if isinstance(found.get("properties"), dict)),
        {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
    )
    return make(schema, material, rng)


def _prose(material: Material, rng: random.Random) -> str:
    topic = material.keywords(6)
    if not material.results:
        return (
            f"You asked about {topic}. What the conversation itself says on it: "
            f"{material.passage(rng)}"
        )
    told = "\n".join(
        f"- {result.tool} [{result.call_id}]: {' '.join(result.text.split())[:400]}"
        for result in material.results
    )
    return f"On {topic}, from what the tools returned:\n{told}"
