"""The offline model as a litellm provider, so that the default path is a real provider's path."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import (
    ChatCompletionMessageToolCall,
    Choices,
    Embedding,
    EmbeddingResponse,
    Function,
    GenericStreamingChunk,
    Message,
    ModelResponse,
    Usage,
)

from models.offline.embed import embed
from models.offline.reply import Reply
from models.offline.turns import answer
from models.offline.words import count_tokens
from runtime.canonical import Json

NAME = "offline"
_WORDS_PER_CHUNK = 6

# litellm hands a custom provider a dozen arguments; these two are what any provider gets.
Options = Mapping[str, Json]
Messages = Sequence[Mapping[str, Json]]


class Offline(CustomLLM):
    """Answers chats and embeddings without any connection. Costs nothing."""

    async def acompletion(  # type: ignore[override]
        self, model: str, messages: Messages, optional_params: Options, **_rest: object
    ) -> ModelResponse:
        reply = answer(messages, optional_params)
        calls = [
            ChatCompletionMessageToolCall(
                id=call.id,
                type="function",
                function=Function(name=call.name, arguments=call.arguments),
            )
            for call in reply.calls
        ]
        message = Message(role="assistant", content=reply.text or None, tool_calls=calls or None)
        return ModelResponse(
            model=model,
            choices=[Choices(index=0, finish_reason=reply.finish, message=message)],
            usage=_counted(_usage(messages, optional_params, reply)),
        )

    async def astreaming(  # type: ignore[override]
        self, messages: Messages, optional_params: Options, **_rest: object
    ) -> AsyncIterator[GenericStreamingChunk]:
        reply = answer(messages, optional_params)
        for piece in _pieces(reply.text):
            yield _chunk(text=piece)
        for index, call in enumerate(reply.calls):
            yield _chunk(
                tool={
                    "id": call.id,
                    "type": "function",
                    "index": index,
                    "function": {"name": call.name, "arguments": call.arguments},
                }
            )
        yield _chunk(finish=reply.finish, usage=_usage(messages, optional_params, reply))

    async def aembedding(  # type: ignore[override]
        self, model: str, input: Sequence[str], **_rest: object
    ) -> EmbeddingResponse:
        data = [
            Embedding(embedding=embed(text), index=index, object="embedding")
            for index, text in enumerate(input)
        ]
        count = sum(count_tokens(text) for text in input)
        usage = {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}
        return EmbeddingResponse(model=model, data=data, usage=_counted(usage))


def _counted(tokens: Mapping[str, int]) -> Usage:
    return Usage(
        prompt_tokens=tokens["prompt_tokens"],
        completion_tokens=tokens["completion_tokens"],
        total_tokens=tokens["total_tokens"],
    )


def _chunk(
    *,
    text: str = "",
    tool: Json = None,
    finish: str = "",
    usage: dict[str, int] | None = None,
) -> GenericStreamingChunk:
    return GenericStreamingChunk(
        text=text,
        tool_use=tool,
        is_finished=bool(finish),
        finish_reason=finish,
        usage=usage,  # type: ignore[typeddict-item]
        index=0,
    )


def _pieces(text: str) -> Iterator[str]:
    """The text cut after every few words, white space kept."""
    words = text.split(" ")
    for start in range(0, len(words) if text else 0, _WORDS_PER_CHUNK):
        piece = " ".join(words[start : start + _WORDS_PER_CHUNK])
        yield piece if start + _WORDS_PER_CHUNK >= len(words) else piece + " "


def _usage(messages: Messages, options: Options, reply: Reply) -> dict[str, int]:
    asked = count_tokens(json.dumps([messages, options.get("tools") or []], ensure_ascii=False))
    said = count_tokens(reply.text + " ".join(f"{c.name} {c.arguments}" for c in reply.calls))
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
