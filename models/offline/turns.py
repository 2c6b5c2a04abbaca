"""Which kind of turn this is, and what the offline model says to it.

The kind follows from the shape of what is demanded (a plan, a route, a verdict, a result), never
from anybody's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.offline import choose, fill, judge, plan, prose, route
from models.offline.conversation import Conversation
from models.offline.reply import Reply, calling
from models.offline.request import Request, read
from models.offline.schema import Schema
from models.offline.scope import Filled, Scope
from models.offline.sources import Source, gather
from models.offline.words import terms
from runtime.canonical import Json, canonical

Messages = Sequence[Mapping[str, Json]]


def answer(messages: Messages, options: Mapping[str, Json]) -> Reply:
    """The reply to a chat request in OpenAI's terms. Pure and deterministic."""
    request = read(messages, options)
    if request.deliver:
        return _work(request, messages)
    if request.schema is not None:
        return Reply(text=canonical(structured(request.conversation, request.schema).value))
    if request.tools:
        return _chat(request, messages)
    return Reply(text=free_text(request.conversation))


def _work(request: Request, messages: Messages) -> Reply:
    """Call work tools until the demanded result can be filled from what they returned."""
    assert request.deliver is not None, "asked only when there is one"
    result = structured(request.conversation, request.deliver.schema)
    enough = result.sure and bool(request.conversation.good)
    if request.tools and not request.forced and not enough:
        choice = choose.next_calls(request.conversation, request.tools)
        if choice is None and not result.sure:
            choice = choose.next_calls(request.conversation, request.tools, eager=True)
        if choice:
            return calling(choice.tool.name, choice.calls, messages)
    return calling(request.deliver.name, [result.value], messages)


def _chat(request: Request, messages: Messages) -> Reply:
    """An agent without a demanded result: call tools that fit, then tell what they returned."""
    choice = choose.next_calls(request.conversation, request.tools)
    if choice is None and not request.conversation.good:
        choice = choose.next_calls(request.conversation, request.tools, eager=True)
    if choice:
        return calling(choice.tool.name, choice.calls, messages)
    return Reply(text=free_text(request.conversation))


def structured(conversation: Conversation, schema: Schema) -> Filled:
    """The value for a demanded schema; `sure` when every required part came from the sources."""
    for kind in (plan, route, judge):
        value = kind.answer(conversation, schema)
        if value is not None:
            return Filled(value=value)
    scope = Scope(
        objective=conversation.asked,
        sources=gather(conversation),
        root=schema,
        failures=tuple(_failures(conversation)),
    )
    return fill.fill(schema, scope)


def free_text(conversation: Conversation) -> str:
    """Sentences found in the sources, or their facts; then the fixed sentence about the model."""
    lines = [*_results(conversation), *_failures(conversation)]
    return " ".join([*(lines or ["Nothing that was given answers this."]), prose.DISCLAIMER])


def _results(conversation: Conversation) -> list[str]:
    sources = gather(conversation)
    query = terms(conversation.asked)
    called = [source for source in sources if source.is_result]
    if called:
        return _told(list(reversed(called)), query)
    given = [source for source in sources if source.value not in ({}, [])]
    lines = prose.extract(query, _with_text(conversation, given), 5) or prose.facts(query, given)
    return [line.text for line in lines]


def _told(called: list[Source], query: frozenset[str]) -> list[str]:
    """Passages are quoted by sentence, records are told by their facts."""
    lines = prose.extract(query, called, 4) or prose.facts(query, called, 12)
    return [line.text for line in lines]


def _with_text(conversation: Conversation, given: list[Source]) -> list[Source]:
    """Results may also be given as text; what is asked is not an answer to itself."""
    section = conversation.brief.get("results", "context", "inputs")
    return [*given, Source(name="results", value={"note": section.prose})]


def _failures(conversation: Conversation) -> list[str]:
    """A call that was refused or failed is told, not passed over."""
    return [
        f"The call of {result.call.name} was not carried out: {_reason(result.value)}"
        for result in conversation.results
        if result.failed
    ]


def _reason(value: Json) -> str:
    told = value if isinstance(value, str) else canonical(value)
    first = " ".join(told.split())[:300]
    return first if first.endswith(".") else first + "."
