"""What the callers of `bench/models.py` ask: each in its own process, all the same.

Only the standard library and LangChain's messages: every environment has these.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, get_args

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

Kind = Literal["short", "long", "tools", "stream"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Call = Callable[[Kind, int], Awaitable[object]]
MAX_TOKENS = 500
PRICE = 0.000_01
"""US dollars a token of the prompt; twice as much of the answer. litellm searches its whole list of
prices in every call of a model without one."""
_HOUSE = "You answer in a few plain sentences, and say where each of them comes from. " * 25
_LONG = "The supplier delivered the goods on the day that both parties had agreed upon. " * 250


def messages(kind: Kind, number: int) -> list[BaseMessage]:
    """One conversation; no two of a kind are equal."""
    if kind == "long":
        return [SystemMessage(_HOUSE), HumanMessage(f"{_LONG} What is odd in delivery {number}?")]
    return [HumanMessage(f"What is known about delivery {number}, and who was told of it?")]


def plain(kind: Kind, number: int) -> list[dict[str, str]]:
    """The same as it goes onto the wire."""
    roles = {"system": "system", "human": "user"}
    return [{"role": roles[one.type], "content": one.text} for one in messages(kind, number)]


TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Use it to {name.replace('_', ' ')} in the records of the house.",
            "parameters": {
                "type": "object",
                "properties": {
                    "key": {"type": "string", "description": "What the record is filed under."},
                    "since": {"type": "string", "description": "Only those from this day on."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                },
                "required": ["key"],
            },
        },
    }
    for name in ("look_up", "list_all", "compare", "count", "tell_history", "find_person")
]


async def spent(call: Call, kind: Kind, numbers: range) -> float:
    """Milliseconds of processor time of one call: of this process, with all its threads."""
    began = time.process_time()
    for number in numbers:
        await call(kind, number)
    return 1000 * (time.process_time() - began) / len(numbers)


async def answer(calls: Mapping[str, Call], *, versions: Mapping[str, str]) -> None:
    """Tell the versions, then answer each line of the input, which names a way, a kind, a first
    number and a count, with the milliseconds of one call. The event loop waits meanwhile."""
    say(dict(versions))
    while line := sys.stdin.readline():
        asked = json.loads(line)
        numbers = range(asked["first"], asked["first"] + asked["count"])
        say(await spent(calls[asked["way"]], asked["kind"], numbers))


def say(value: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
