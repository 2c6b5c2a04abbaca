"""Hears a model's tokens and tool calls as the server's message stream does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessageChunk, ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tracers._streaming import _StreamingCallbackHandler


class Listener(AsyncCallbackHandler, _StreamingCallbackHandler[object]):
    """What was told, by the id of the message that it belongs to."""

    def __init__(self) -> None:
        self.heard: dict[str, str] = {}
        self.calls: list[tuple[str, ToolCallChunk]] = []

    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, object]],  # noqa: ARG002 - inherited
        *,
        chunk: object = None,
        **_rest: object,
    ) -> None:
        assert isinstance(chunk, ChatGenerationChunk)
        message = chunk.message
        assert isinstance(message, AIMessageChunk)
        id = str(message.id)
        self.heard[id] = self.heard.get(id, "") + str(message.content)
        self.calls += [(id, call) for call in message.tool_call_chunks]

    def tap_output_aiter(
        self,
        run_id: UUID,  # noqa: ARG002 - inherited
        output: AsyncIterator[object],
    ) -> AsyncIterator[object]:
        return output

    def tap_output_iter(
        self,
        run_id: UUID,  # noqa: ARG002 - inherited
        output: Iterator[object],
    ) -> Iterator[object]:
        return output
