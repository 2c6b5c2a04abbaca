"""How a call ended, in the protocol's words: the result of the tool, or an error with a remedy.

Each carries the ids under which the audit tells of it.
"""

from __future__ import annotations

from mcp.types import CallToolResult, ContentBlock, TextContent
from pydantic import TypeAdapter

from app.facade_offer import META
from ledger.approvals import Approval
from runtime.canonical import Json
from runtime.labels import Label
from tools.calls import ToolReply
from tools.catalogue import ToolEntry

_BLOCKS: TypeAdapter[list[ContentBlock]] = TypeAdapter(list[ContentBlock])
_UNKNOWN = "unknown"
UNREAD = "The label of this session could not be read, so no result is told."
"""Why a result is not told while the ledger is away."""
_AGAIN = "It was done before in this session; nothing was sent again."


def result_of(
    reply: ToolReply, run: str, entry: ToolEntry | None, *, repeated: bool
) -> CallToolResult:
    """The reply of the gateway. `repeated`: an effect that was done before."""
    data = reply.data if isinstance(reply.data, dict) or reply.data is None else None
    content = _content(reply)
    if repeated:
        content.append(TextContent(type="text", text=_AGAIN))
    # Clients hold a result against the schema; without its data it would only confuse them.
    lacking = entry is not None and entry.output is not None and data is None
    return CallToolResult(
        content=content,
        structuredContent=data,
        isError=reply.error or lacking,
        _meta=_meta(run, reply.id, outcome=reply.outcome, repeated=repeated),
    )


def waiting(question: Approval, run: str, call: str, name: str, command: str) -> CallToolResult:
    """A person has not answered yet."""
    told = (
        f"{name} waits for a person's decision ({question.id}); nothing was done. A person answers"
        f" with: {command}. After that, call {name} again with the same arguments: it is carried"
        " out once. The question ends with this session."
    )
    return failed(told, run, call, approval=question.id)


def too_sensitive(label: Label, cleared: Label) -> str:
    """Why a result is not told to the client, and what to do."""
    return (
        f"The data is {label}, and clients are cleared for {cleared}: no result is told."
        f" An operator can set `cleared_for: {label}` in config/facade.yaml, if clients and their"
        " models may have it. A new session has read nothing yet."
    )


def withheld(result: CallToolResult, told: str) -> CallToolResult:
    """A result that came, and must not go on; a question to a person is none, nor is an end that
    nobody knows."""
    meta = result.meta or {}
    outcome = meta.get(f"{META}outcome")
    if outcome in (None, _UNKNOWN):
        return result
    words = f"{told} The call is recorded with the outcome {outcome!r}; do not repeat it."
    return CallToolResult(content=[TextContent(type="text", text=words)], isError=True, _meta=meta)


def unrecorded(run: str, call: str, name: str) -> CallToolResult:
    """A call that reached its tool, and whose end the ledger could not take."""
    told = (
        f"{name} was called, but how it ended could not be recorded, so no result is told. It may"
        " have taken effect: look at its target before it is done again."
    )
    return failed(told, run, call, outcome=_UNKNOWN)


def failed(told: str, run: str, call: str = "", **more: Json) -> CallToolResult:
    """An error that tells what to do."""
    return CallToolResult(
        content=[TextContent(type="text", text=told)], isError=True, _meta=_meta(run, call, **more)
    )


def _content(reply: ToolReply) -> list[ContentBlock]:
    text: ContentBlock = TextContent(type="text", text=reply.text)
    if not reply.blocks:
        return [text]
    blocks = _BLOCKS.validate_python(reply.blocks)
    if not reply.handed_off:
        return blocks
    # The texts are too long: their beginning, and whatever else there is.
    return [text, *(one for one in blocks if not isinstance(one, TextContent))]


def _meta(run: str, call: str, **more: Json) -> dict[str, Json]:
    told = {"run": run, "call": call, **more}
    return {f"{META}{name}": value for name, value in told.items() if value not in ("", False)}
