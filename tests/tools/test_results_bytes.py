"""Bytes of a result are named to a model, wherever its server repeats them."""

from __future__ import annotations

from mcp.types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
)
from pydantic import AnyUrl

from tools.results import answer_of

PIXELS = "iVBORw0KGgo="


def test_an_image_is_named_in_the_text_and_whole_in_the_data() -> None:
    image = ImageContent(type="image", mimeType="image/png", data=PIXELS)
    data = {"content": [{"type": "image", "data": PIXELS, "mimeType": "image/png"}], "n": 1}
    answer = answer_of(CallToolResult(content=[image], structuredContent=data))
    assert answer.text == (
        '{"content":[{"type":"image","data":"[image image/png, 8 bytes]",'
        '"mimeType":"image/png"}],"n":1}'
    )
    assert answer.data == data


def test_a_file_is_named_too() -> None:
    resource = BlobResourceContents(uri=AnyUrl("file:///a.bin"), blob=PIXELS)
    block = EmbeddedResource(type="resource", resource=resource)
    answer = answer_of(CallToolResult(content=[block], structuredContent={"blob": PIXELS}))
    assert answer.text == '{"blob":"[resource file:///a.bin]"}'


def test_text_that_looks_like_bytes_stays() -> None:
    said = TextContent(type="text", text=PIXELS)
    answer = answer_of(CallToolResult(content=[said], structuredContent={"blob": PIXELS}))
    assert answer.text == f'{{"blob":"{PIXELS}"}}'
