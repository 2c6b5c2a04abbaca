"""The answer of a tool server, turned into what is handed to a model and kept for a replay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from runtime.canonical import Json
from tools.blocks import blocks_of
from tools.credentials import OPEN, Veil
from tools.invisible import cleaned, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a tool said."""

    text: str
    """What a model reads: the structured content as compact JSON, else the text."""
    data: Json
    """The structured content; None when there is none."""
    error: bool
    """The tool itself says that it failed."""
    note: str = ""
    """What the gateway has to tell of it; it stands behind whatever part of the text is shown."""
    blocks: Json = None
    """The content in the protocol's own blocks, where one of them is not text."""

    @property
    def size(self) -> int:
        """Bytes of UTF-8 that a model would be handed."""
        return len(self.text.encode())

    def content(self) -> Json:
        """The answer as JSON, to be kept in the ledger."""
        kept: Json = {"text": self.text, "data": self.data, "error": self.error}
        kept |= {"note": self.note} if self.note else {}
        return kept | ({"blocks": self.blocks} if self.blocks else {})


def answer_of(result: CallToolResult, veil: Veil = OPEN) -> Answer:
    """Read a result: without secrets of its server, without invisible characters.

    Raises:
        ValueError: its structured content holds a number that is none (NaN or an infinity).
    """
    text, taken = cleaned("\n".join(_block(block) for block in result.content))
    text = veil.text(text)
    data, inside = _cleaned(result.structuredContent)
    data = veil.value(data) if veil else data
    # A tool that returns plain text is wrapped as {"result": text}: the text reads better bare.
    if data is not None and data.keys() == {"result"} and isinstance(data["result"], str):
        # Itself, and not what stands beside it: the model reads what is looked at for origins.
        text = data["result"]
    elif data is not None:
        shown = _without_bytes(data, result.content)
        text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # The text says the same as the data once more, as a rule: counted once.
    told = note(max(taken, inside))
    blocks = veil.value(_cleaned(blocks_of(result.content))[0])
    return Answer(text=text, data=data, error=result.isError, note=told, blocks=blocks)


def _cleaned(value: Json) -> tuple[Json, int]:
    """A JSON value without invisible characters in its texts and names, and how many there were."""
    match value:
        case str():
            return cleaned(value)
        case list():
            parts = [_cleaned(one) for one in value]
            return [part for part, _ in parts], sum(taken for _, taken in parts)
        case dict():
            named = [(cleaned(name), _cleaned(one)) for name, one in value.items()]
            taken = sum(of_name[1] + of_value[1] for of_name, of_value in named)
            return {of_name[0]: of_value[0] for of_name, of_value in named}, taken
        case _:
            return value, 0


def recalled(content: bytes) -> Answer:
    """The answer that `Answer.content` stored."""
    stored = json.loads(content)
    return Answer(
        text=stored["text"],
        data=stored["data"],
        error=stored["error"],
        note=stored.get("note", ""),
        blocks=stored.get("blocks"),
    )


def _without_bytes(data: Json, content: Sequence[ContentBlock]) -> Json:
    """The data as a model reads it: bytes that a block carries as well are named here too."""
    names = {coded: _block(block) for block in content if (coded := _coded(block))}
    return _named(data, names) if names else data


def _coded(block: ContentBlock) -> str:
    match block:
        case ImageContent() | AudioContent():
            return block.data
        case EmbeddedResource(resource=BlobResourceContents() as resource):
            return resource.blob
        case _:
            return ""


def _named(value: Json, names: Mapping[str, str]) -> Json:
    match value:
        case str():
            return names.get(value, value)
        case list():
            return [_named(one, names) for one in value]
        case dict():
            return {key: _named(one, names) for key, one in value.items()}
        case _:
            return value


def _block(block: ContentBlock) -> str:
    """A block as text. What is not text is named, never inlined."""
    match block:
        case TextContent():
            return block.text
        case ImageContent() | AudioContent():
            size = len(block.data.rstrip("=")) * 3 // 4
            return f"[{block.type} {block.mimeType}, {size:,} bytes]"
        case ResourceLink():
            return f"[resource {block.name}: {block.uri}]"
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case EmbeddedResource():
            return f"[resource {block.resource.uri}]"
