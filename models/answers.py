"""From what litellm and LangChain return to what is checked, recorded and handed on.

One form for whole and streamed answers, in which tool arguments are still the text that came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from models import wire
from models.checks import WITHHELD, Demand, Raw, RawCall
from models.deployment import Deployment
from models.door import Bill, Call
from models.library import Theirs
from models.params import refused as refused_of
from models.transport import Look
from models.usage import Usage, estimate_prompt
from runtime.canonical import Json
from runtime.errors import RequestError

_ASKED = ("tools", "tool_choice", "response_format", "temperature", "top_p", "seed")
_NO_PROMPT = frozenset({"tools", "tool_choice", "extra_headers", "stream_options"})
_KEPT = ("reasoning_content", "thinking_blocks", "reasoning_items", "annotations")
"""What a later turn may have to send back; the rest repeats the message or is litellm's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    raw: Raw
    message: AIMessage
    usage: Usage | None


def demand(params: Mapping[str, Json], deployment: Deployment) -> Demand:
    """What a request demands of its answer.

    Raises:
        RequestError: it sets what is not its to set, or cannot be.
    """
    functions = [tool.get("function", {}) for tool in params.get("tools") or ()]
    choice = params.get("tool_choice")
    form = params.get("response_format")
    return Demand(
        tools={one["name"]: one.get("parameters") or {} for one in functions if "name" in one},
        must_call=choice == "required" or isinstance(choice, Mapping),
        is_json=isinstance(form, Mapping) and form.get("type") in ("json_schema", "json_object"),
        schema=_schema(form),
        max_tokens=_limit(params, deployment),
    )


def _limit(params: Mapping[str, Json], deployment: Deployment) -> int:
    if found := refused_of(params):
        name, remedy = found
        raise RequestError("may not be set", field=name, value=params.get(name), remedy=remedy)
    limit = params.get("max_tokens")
    if limit is None:
        return deployment.max_tokens
    if not isinstance(limit, int) or limit < 1:
        raise RequestError(
            "is no number of tokens",
            field="max_tokens",
            value=limit,
            remedy="Give a whole number above zero, or leave it out.",
        )
    return limit


def most(sent: Json, params: Mapping[str, Json], deployment: Deployment) -> int:
    """At most so many tokens has the prompt of a request.

    Args:
        sent: The messages as they go onto the wire.
    """
    asked = {**deployment.params, **params}
    # Whatever has parts may stand before the model: a schema, options of one vendor.
    form = {
        name: value
        for name, value in asked.items()
        if isinstance(value, dict | list) and name not in _NO_PROMPT
    }
    return estimate_prompt(sent, asked.get("tools"), form)


def _schema(form: Json) -> Mapping[str, Json] | None:
    named = form.get("json_schema") if isinstance(form, Mapping) else None
    schema = named.get("schema") if isinstance(named, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def asked(params: Mapping[str, Json]) -> dict[str, Json]:
    """The part of the parameters that a replay needs."""
    return {key: params[key] for key in _ASKED if params.get(key) is not None}


async def watched(stream: Theirs) -> AsyncIterator[Theirs]:
    """The chunks of a litellm stream, without the finish reason and the count that it invents.

    litellm keeps the chunks that really came; only those tell whether the provider finished, and
    what it counted.
    """
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].finish_reason and not _finished(stream):
            chunk.choices[0].finish_reason = None
        if getattr(chunk, "usage", None) and not _counted(stream):
            chunk.usage = None
        yield chunk


def _finished(stream: Theirs) -> bool:
    return any(
        choice.finish_reason for chunk in reversed(stream.chunks) for choice in chunk.choices
    )


def _counted(stream: Theirs) -> bool:
    return any(getattr(chunk, "usage", None) for chunk in reversed(stream.chunks))


def whole(result: ChatResult) -> Received:
    """An answer that came in one piece."""
    if not result.generations:
        empty = Raw(choices=0, text="", calls=(), finish=None)
        return Received(raw=empty, message=AIMessage(""), usage=None)
    first = result.generations[0]
    message = first.message
    assert isinstance(message, AIMessage), "a chat model answers as the assistant"
    calls = [
        RawCall(
            id=call.id or "", name=call.function.name or "", arguments=call.function.arguments or ""
        )
        for call in message.additional_kwargs.get("tool_calls", ())
    ]
    finish = (first.generation_info or {}).get("finish_reason")
    raw = Raw(choices=1, text=_text(message), calls=tuple(calls), finish=finish)
    return Received(raw=raw, message=message, usage=_usage(message))


def joined(pieces: Sequence[ChatGenerationChunk]) -> Received:
    """An answer that came as a stream."""
    chunks = [piece.message for piece in pieces if isinstance(piece.message, AIMessageChunk)]
    if not chunks:
        empty = Raw(choices=0, text="", calls=(), finish=None)
        return Received(raw=empty, message=AIMessage(""), usage=None)
    for chunk in chunks:
        # The raw deltas repeat the tool call chunks, as objects that cannot be merged.
        chunk.additional_kwargs.pop("tool_calls", None)
        chunk.additional_kwargs.pop("provider_specific_fields", None)
    message = chunks[0] + chunks[1:] if len(chunks) > 1 else chunks[0]
    calls = [
        RawCall(id=call["id"] or "", name=call["name"] or "", arguments=call["args"] or "")
        for call in message.tool_call_chunks
    ]
    finish = message.response_metadata.get("finish_reason")
    raw = Raw(choices=1, text=_text(message), calls=tuple(calls), finish=finish)
    return Received(raw=raw, message=message, usage=_usage(message))


def seen(received: Received, look: Look) -> Received:
    """The answer with what its bytes say: the words of a refusal, and why it really ended."""
    raw = replace(
        received.raw,
        refusal="".join(look.refusal),
        finish=_finish(received.raw.finish, look.end),
        end=look.end or "",
    )
    return replace(received, raw=raw)


def _finish(told: str | None, end: str | None) -> str | None:
    """litellm's word for the end where the vendor's own, which it knows, bears it out."""
    # What was withheld is not used in any case.
    if end is None or told in WITHHELD or end.lower() in wire.DONE:
        return told
    return "length" if end.lower() in wire.CUT else None


def _text(message: AIMessage) -> str:
    return str(message.text)


def _usage(message: AIMessage) -> Usage | None:
    found = message.usage_metadata
    if not found or not found["input_tokens"]:
        return None
    details = found.get("input_token_details", {})
    return Usage(
        prompt=found["input_tokens"],
        completion=found["output_tokens"],
        cache_read=details.get("cache_read") or 0,
        cache_creation=details.get("cache_creation") or 0,
    )


def discreet(received: Received, mask: Callable[[Json], Json]) -> Received:
    """The answer without what `mask` takes out: of its text, arguments, and what goes with it."""
    raw, said = received.raw, received.message
    kept = said.additional_kwargs
    hidden = {key: mask(kept[key]) for key in _KEPT if kept.get(key)}
    calls = tuple(replace(call, arguments=mask(call.arguments)) for call in raw.calls)
    changed = {"content": mask(said.content), "additional_kwargs": kept | hidden}
    return replace(
        received,
        raw=replace(raw, text=mask(raw.text), refusal=mask(raw.refusal), calls=calls),
        message=said.model_copy(update=changed),
    )


def recorded(raw: Raw, message: AIMessage) -> Json:
    """The answer as the ledger keeps it, before any check."""
    return {
        "content": message.content,
        "tool_calls": [
            {"id": call.id, "name": call.name, "arguments": call.arguments} for call in raw.calls
        ],
        "finish_reason": raw.finish,
        "usage": dict(message.usage_metadata) if message.usage_metadata else None,
    }


def message(received: Received, calls: list[ToolCall], call: Call, bill: Bill) -> AIMessage:
    """The answer as callers get it: who answered, with what model, for how much."""
    deployment, usage = bill.deployment, bill.settled
    metadata: dict[str, Json] = {
        "tier": call.tier,
        "deployment": deployment.id,
        "model": deployment.model,
        "model_name": deployment.model,
        "provider": deployment.provider,
        "model_provider": "litellm",
        "finish_reason": received.raw.finish,
        "cost": bill.cost,
    }
    if not call.avoided:
        metadata["self_judged"] = True
    if not usage.reported:
        metadata["usage_estimated"] = True
    if bill.recalled:
        metadata["cached"] = True
    kept = received.message.additional_kwargs
    return AIMessage(
        content=received.message.content,
        tool_calls=calls,
        additional_kwargs={key: kept[key] for key in _KEPT if kept.get(key)},
        response_metadata=metadata,
        usage_metadata=_usage_metadata(usage),
    )


def _usage_metadata(usage: Usage) -> UsageMetadata:
    """Tokens only. LangChain adds these up, and fails over sums of money."""
    return UsageMetadata(
        input_tokens=usage.prompt,
        output_tokens=usage.completion,
        total_tokens=usage.prompt + usage.completion,
        input_token_details=InputTokenDetails(
            cache_read=usage.cache_read, cache_creation=usage.cache_creation
        ),
    )


def last_chunk(message: AIMessage, raw: Raw) -> ChatGenerationChunk:
    """What follows the text of a stream: the tool calls, which are good by now, and the books."""
    chunk = AIMessageChunk(
        content="",
        id=message.id,
        tool_call_chunks=[
            {
                "name": call.name,
                "args": call.arguments,
                "id": call.id,
                "index": index,
                "type": "tool_call_chunk",
            }
            for index, call in enumerate(raw.calls)
        ],
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
    )
    return ChatGenerationChunk(message=chunk)
