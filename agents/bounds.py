"""Keeps one attempt of a worker within its limits, before each act: model calls, tokens, tools.

Everything is counted in the transcript, so that neither a pause nor a crash starts the count anew.
No hook is a graph node of its own: each node would be one more step to store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ModelRequest, ModelResponse, ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.types import Command

from agents.compact import compacted
from harness.limits import Limits
from models.outage import OVERFLOW
from runtime.canonical import canonical
from runtime.errors import ModelFault

CallModel = Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
CallTool = Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[None]]]

LIMIT = "limit"
"""Key in the metadata of the message that ends an attempt in place of a model's answer."""
READ_ON = "files_read"
"""The tool that reads what a large result was handed off to; hidden until there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What one attempt works with: the context of its loop."""

    model: BaseChatModel
    tools: Mapping[str, BaseTool]


class Bounds(AgentMiddleware[Any, Hands, Any]):
    """The limits `model_calls`, `tokens`, `tool_calls` and `repeated_calls` of an attempt."""

    def __init__(self, limits: Limits, *, hidden: bool) -> None:
        """`hidden`: `files_read` is shown once a result was handed off, and not before."""
        super().__init__()
        self._limits = limits
        self._hidden = hidden

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: CallModel
    ) -> ModelResponse[Any]:
        """Ask the model, or end the attempt with a message that names the limit."""
        messages = request.state["messages"]
        if reached := _reached(messages, self._limits):
            ending = AIMessage(f"Stopped: {reached}.", response_metadata={LIMIT: reached})
            return ModelResponse(result=[ending])
        shown = request.tools
        if self._hidden and not _handed_off(messages):
            shown = [tool for tool in shown if getattr(tool, "name", "") != READ_ON]
        hands: Hands = request.runtime.context
        return await _answered(request.override(model=hands.model, tools=shown), handler)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: CallTool
    ) -> ToolMessage | Command[None]:
        """Let the call through, or answer it with an error that names the limit."""
        call = request.tool_call
        before = list(_earlier(request.state["messages"], call["id"]))
        if len(before) >= self._limits.tool_calls:
            return _refused(
                call,
                f"Limit 'tool_calls' of config/limits.yaml: {self._limits.tool_calls} calls were"
                " made. Deliver what you have, and say what is missing.",
            )
        same = sum(_same(one, call) for one in before)
        if same >= self._limits.repeated_calls:
            return _refused(
                call,
                f"Limit 'repeated_calls' of config/limits.yaml: {call['name']} was already called"
                f" {same} times with these arguments. Work with what it returned.",
            )
        hands: Any = request.runtime.context
        own = hands.tools.get(call["name"])
        # A tool that nobody offered is left to the loop, which says so to the model.
        return await handler(request.override(tool=own) if own else request)


async def _answered(request: ModelRequest[Any], handler: CallModel) -> ModelResponse[Any]:
    """Ask; where no window is large enough, again with less of what is old, as long as that is."""
    while True:
        try:
            return await handler(request)
        except ModelFault as fault:
            smaller = compacted(request.messages, READ_ON) if fault.fault == OVERFLOW else None
            if smaller is None:
                raise
            request = request.override(messages=smaller)


def limit_reached(messages: Sequence[AnyMessage]) -> str:
    """The limit that ended an attempt; empty when none did."""
    last = messages[-1] if messages else None
    return str(last.response_metadata.get(LIMIT, "")) if isinstance(last, AIMessage) else ""


def _reached(messages: Sequence[AnyMessage], limits: Limits) -> str:
    said = [one for one in messages if isinstance(one, AIMessage)]
    if len(said) >= limits.model_calls:
        return f"limit 'model_calls' of {limits.model_calls} (config/limits.yaml) was reached"
    used = sum(one.usage_metadata["total_tokens"] for one in said if one.usage_metadata)
    if used >= limits.tokens:
        return f"limit 'tokens' of {limits.tokens:,} (config/limits.yaml) was reached with {used:,}"
    return ""


def _handed_off(messages: Sequence[AnyMessage]) -> bool:
    return any(isinstance(one, ToolMessage) and READ_ON in str(one.content) for one in messages)


def _earlier(messages: Sequence[AnyMessage], id: str | None) -> Iterator[ToolCall]:
    """The calls that stand before the call `id`."""
    for message in messages:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            if call["id"] == id:
                return
            yield call


def _same(one: ToolCall, other: ToolCall) -> bool:
    return one["name"] == other["name"] and canonical(one["args"]) == canonical(other["args"])


def _refused(call: ToolCall, why: str) -> ToolMessage:
    return ToolMessage(
        content=why, name=call["name"], tool_call_id=call["id"] or "", status="error"
    )
