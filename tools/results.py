"""The answer of a tool server, turned into what is handed to a model and kept for a replay."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mcp.types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from runtime.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a tool said."""

    text: str
    """What a model reads: the structured content as compact JSON, else the text."""
    data: Json
    """The structured content; None when there is none."""
    error: bool
    """The tool itself says that it failed."""

    @property
    def size(self) -> int:
        """Bytes of UTF-8 that a model would be handed."""
        return len(self.text.encode())

    def content(self) -> Json:
        """The answer as JSON, to be kept in the ledger."""
        return {"text": self.text, "data": self.data, "error": self.error}


def answer_of(result: CallToolResult) -> Answer:
    """Read a result.

    Raises:
        ValueError: its structured content holds a number that is none (NaN or an infinity).
    """
    data: Json = result.structuredContent
    text = "\n".join(_block(block) for block in result.content)
    # A tool that returns plain text is wrapped as {"result": text}: the text reads better bare.
    if data is not None and not (data.keys() == {"result"} and isinstance(data["result"], str)):
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Answer(text=text, data=data, error=result.isError)


def recalled(content: bytes) -> Answer:
    """The answer that `Answer.content` stored."""
    stored = json.loads(content)
    return Answer(text=stored["text"], data=stored["data"], error=stored["error"])


def _block(block: ContentBlock) -> str:
    """A block as text. What is not text is named, never inlined."""
    match block:
        case TextContent():
            return block.text
        case ImageContent() | AudioContent():
            return f"[{block.type} {block.mimeType}, {len(block.data) * 3 // 4:,} bytes]"
        case ResourceLink():
            return f"[resource {block.name}: {block.uri}]"
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case EmbeddedResource():
            return f"[resource {block.resource.uri}]"
