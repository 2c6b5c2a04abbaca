"""Stops a worker that makes the same tool call over and over, before the call is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langgraph.types import Command

from runtime.canonical import canonical

Handler = Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[None]]]


class LoopGuard(AgentMiddleware):
    """Counts equal calls in the transcript, so that the count survives a resume."""

    def __init__(self, repeated_calls: int) -> None:
        super().__init__()
        self._allowed = repeated_calls

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Handler
    ) -> ToolMessage | Command[None]:
        """Answer with an error once the limit `repeated_calls` is reached."""
        call = request.tool_call
        before = _earlier(request.state["messages"], call["name"], call["args"], call["id"])
        if before < self._allowed:
            return await handler(request)
        return ToolMessage(
            content=(
                f"Limit 'repeated_calls' of config/limits.yaml: {call['name']} was already called"
                f" {before} times with these arguments. Work with what it returned."
            ),
            name=call["name"],
            tool_call_id=call["id"] or "",
            status="error",
        )


def _earlier(messages: list[AnyMessage], name: str, args: object, id: str | None) -> int:
    """Calls with this name and these arguments that stand before the call `id`."""
    wanted, count = canonical(args), 0
    for message in messages:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            if call["id"] == id:
                return count
            count += call["name"] == name and canonical(call["args"]) == wanted
    return count
