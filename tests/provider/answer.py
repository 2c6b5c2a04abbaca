"""From a reply to what is sent: ids, finish reason, usage and the pieces of a stream are filled in.
Faults that spoil the content itself are applied here, before any wire format is involved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.provider.exchange import Exchange, Finish, Reply, ToolCall, Usage, Wire, canonical
from tests.provider.faults import (
    AbsurdUsage,
    DuplicateToolIds,
    EmptyChoices,
    EmptyContent,
    Fault,
    HugeBody,
    MissingUsage,
    NoFinish,
    Refusal,
    RepeatedChunks,
    TruncatedToolJson,
    UnknownTool,
)

CHARACTERS_PER_TOKEN = 4
# Neighbouring sizes differ, so even monotonous text never gives two equal chunks in a row:
# litellm takes a hundred equal ones for a model gone mad.
CHUNK_SIZES = (9, 14, 11, 17, 12, 19)
CALL_IDS: dict[Wire, str] = {"openai": "call", "anthropic": "toolu", "gemini": "fc"}
HUGE_CHUNK_SIZES = (65_521, 65_519, 65_497)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCall:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply with nothing left open. `finish` None: the end is missing; `usage` None: no token
    counts; `hollow`: no choice and no content block."""

    id: str
    text: str
    chunks: tuple[str, ...]
    calls: tuple[SentCall, ...]
    finish: Finish | None
    usage: Usage | None
    hollow: bool = False
    named: bool = True
    """An end that is missing has its field."""
    refusal: str = ""
    """The model's words where it will not answer."""


def settle(exchange: Exchange, reply: Reply, id: str) -> Answer:
    """`id` must be unique for the server; the ids of the tool calls are derived from it."""
    prefix = CALL_IDS[exchange.wire]
    calls = tuple(
        SentCall(id=call.id or f"{prefix}_{id}_{i}", name=call.name, arguments=call.arguments_text)
        for i, call in enumerate(reply.tool_calls)
    )
    return Answer(
        id=id,
        text=reply.text,
        chunks=tuple(pieces(reply.text, CHUNK_SIZES)),
        calls=calls,
        finish=reply.finish or ("tool_calls" if calls else "stop"),
        usage=reply.usage or estimate(exchange, reply),
    )


def pieces(text: str, sizes: tuple[int, ...]) -> Iterator[str]:
    """The text in order, cut into pieces of the given sizes in turn."""
    start = turn = 0
    while start < len(text):
        size = sizes[turn % len(sizes)]
        yield text[start : start + size]
        start, turn = start + size, turn + 1


def tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def estimate(exchange: Exchange, reply: Reply) -> Usage:
    """Tokens by length alone: the same request and reply always cost the same."""
    asked = sum(tokens(turn.text) + _call_tokens(turn.tool_calls) + 4 for turn in exchange.turns)
    offered = sum(
        tokens(tool.name + tool.description + canonical(tool.schema)) for tool in exchange.tools
    )
    form = tokens(canonical(exchange.schema)) if exchange.schema else 0
    said = tokens(reply.text) + _call_tokens(reply.tool_calls)
    return Usage(prompt=asked + offered + form, completion=said)


def _call_tokens(calls: tuple[ToolCall, ...]) -> int:
    return sum(tokens(call.name + call.arguments_text) for call in calls)


def spoil(exchange: Exchange, answer: Answer, fault: Fault | None) -> Answer:
    """The answer as the fault leaves it. Faults of the transport leave it as it is."""
    match fault:
        case NoFinish(named=named):
            return replace(answer, finish=None, named=named)
        case EmptyChoices():
            return replace(answer, hollow=True)
        case EmptyContent():
            return replace(answer, text="", chunks=(), calls=(), finish="stop")
        case Refusal(text=text):
            finish: Finish = "stop" if exchange.wire == "openai" else "content_filter"
            silent = replace(answer, text="", chunks=(), calls=())
            return replace(silent, finish=finish, refusal=text)
        case TruncatedToolJson():
            return _with_calls(answer, tuple(_cut(call) for call in _calls(exchange, answer)))
        case DuplicateToolIds():
            return _with_calls(answer, _twins(_calls(exchange, answer)))
        case UnknownTool(name=name):
            first, *others = _calls(exchange, answer)
            return _with_calls(answer, (replace(first, name=name), *others))
        case MissingUsage():
            return replace(answer, usage=None)
        case AbsurdUsage(tokens=count):
            return replace(answer, usage=Usage(prompt=count, completion=count))
        case HugeBody(megabytes=megabytes):
            return _said(answer, tuple(pieces(_bulk(megabytes), HUGE_CHUNK_SIZES)))
        case RepeatedChunks(count=count, text=text):
            return _said(answer, (text,) * count)
        case _:
            return answer


def _said(answer: Answer, chunks: tuple[str, ...]) -> Answer:
    return replace(answer, text="".join(chunks), chunks=chunks, calls=(), finish="stop")


def _with_calls(answer: Answer, calls: tuple[SentCall, ...]) -> Answer:
    return replace(answer, calls=calls, finish="tool_calls")


def _calls(exchange: Exchange, answer: Answer) -> tuple[SentCall, ...]:
    """The calls of the answer; a fault about calls needs one even where the brain made none."""
    name = exchange.tools[0].name if exchange.tools else "lookup"
    invented = SentCall(
        id=f"call_{answer.id}_0", name=name, arguments='{"query":"anything at all"}'
    )
    return answer.calls or (invented,)


def _cut(call: SentCall) -> SentCall:
    # An object needs at least its closing brace, so what remains can never be complete.
    return replace(call, arguments=call.arguments[: max(1, len(call.arguments) // 2)])


def _twins(calls: tuple[SentCall, ...]) -> tuple[SentCall, ...]:
    several = calls if len(calls) > 1 else calls * 2
    return tuple(replace(call, id=calls[0].id) for call in several)


def _bulk(megabytes: int) -> str:
    line = "{:09d} the quick brown fox jumps over the lazy dog and goes on.\n"
    count = megabytes * 1_000_000 // len(line.format(0))
    return "".join(line.format(i) for i in range(count + 1))
