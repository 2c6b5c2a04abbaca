"""Which tools to call next: by overlap with the request, and only where arguments are at hand."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.offline import arguments
from models.offline.arguments import Arguments
from models.offline.conversation import Conversation, Tool
from models.offline.material import Material, gathered
from models.offline.schema import properties
from models.offline.words import Terms, Weights, terms
from runtime.canonical import Json, canonical

_MOST_TOOLS = 4
"""How many different tools one task may call."""
_AT_ALL = 0.15
"""The part of the best score that a tool must reach to be tried when the best were not enough."""
_NAMED = 1.5
_CLAUSE = re.compile(r"[.;,:\n]|\b(?:and|then)\b", re.IGNORECASE)
_LOCATION = {"path", "start_line", "end_line"}
_READING = terms("read open quote show content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    tool: Tool
    calls: tuple[Arguments, ...]


def scores(
    tools: Sequence[Tool], query: Terms, named: frozenset[str] = frozenset()
) -> dict[str, float]:
    """How much each tool shares with the query; a word of its name counts three times.

    `named` are the tools of which the request holds an argument; they count half as much again.
    """
    names = {tool.name: terms(tool.name) for tool in tools}
    texts = {tool.name: names[tool.name] | terms(_described(tool)) for tool in tools}
    weights = Weights(texts.values())
    found = {}
    for tool in tools:
        rest = texts[tool.name] - names[tool.name]
        # A long description meets more words by its length alone.
        spread = 1 + math.log1p(len(rest)) / 4
        share = 3 * weights.shared(query, names[tool.name]) + weights.shared(query, rest) / spread
        found[tool.name] = share * (_NAMED if tool.name in named else 1)
    return found


def _described(tool: Tool) -> str:
    parts = [tool.description]
    for name, part in properties(tool.schema).items():
        parts += [name, str(part.get("description", "")) if isinstance(part, dict) else ""]
    return " ".join(parts)


def next_calls(
    conversation: Conversation, tools: Sequence[Tool], *, eager: bool = False
) -> Choice | None:
    """The next tool that has something new to tell, with its calls; None when none has.

    Each clause of the objective has the one tool that fits it best. `eager` also takes the others
    that share something with it: one of them may lead on where the best were not enough.
    """
    at_hand = gathered(conversation)
    used = {call.name for call in conversation.calls}
    open_to = [tool for tool in tools if tool.name in used or len(used) < _MOST_TOOLS]
    able = {tool.name: calls for tool in open_to if (calls := _able(tool, at_hand))}
    named = frozenset(tool.name for tool in tools if arguments.is_named(tool, at_hand))
    for tool in _wanted(
        conversation, [tool for tool in open_to if tool.name in able], named, eager=eager
    ):
        calls = _new(tool, able[tool.name], conversation)
        if calls:
            return Choice(tool=tool, calls=tuple(calls))
    return None


def _wanted(
    conversation: Conversation, tools: list[Tool], named: frozenset[str], *, eager: bool
) -> list[Tool]:
    """The tools to call, the one that shares most with the whole request first."""
    brief = conversation.brief
    whole = terms(" ".join([brief.objective, conversation.asked, brief.rejected, *brief.inputs]))
    ranking = scores(tools, whole, named)
    bar = max(ranking.values(), default=0.0) * _AT_ALL
    names = {tool.name for tool in tools if eager and ranking[tool.name] >= bar}
    for clause in [whole, *(terms(part) for part in _CLAUSE.split(brief.objective))]:
        marks = scores(tools, clause, named)
        best = max(marks, key=lambda name: marks[name], default="")
        if best and len(clause) > 1:
            names.add(best)
    return sorted(
        (tool for tool in tools if tool.name in names and ranking[tool.name] > 0),
        key=lambda tool: -ranking[tool.name],
    )


def _able(tool: Tool, at_hand: Material) -> list[Arguments]:
    """The calls of a tool that can be made now."""
    # What a search has returned need not be read again, unless reading is what is asked for.
    located = set(properties(tool.schema)) >= _LOCATION and at_hand.has_passages
    if located and not terms(at_hand.objective) & _READING:
        return []
    return arguments.fill(tool, at_hand)


def _new(tool: Tool, calls: list[Arguments], conversation: Conversation) -> list[Arguments]:
    """Those of the calls that were not made before, be it in other words."""
    loose = arguments.composed(tool)
    made = {_key(call.arguments, loose) for call in conversation.calls if call.name == tool.name}
    fresh = {key: one for one in calls if (key := _key(one, loose)) not in made}
    return list(fresh.values())


def _key(arguments: Json, loose: frozenset[str]) -> str:
    if not isinstance(arguments, dict):
        return canonical(arguments)
    return canonical({name: value for name, value in arguments.items() if name not in loose})
