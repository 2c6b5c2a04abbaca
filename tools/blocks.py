"""The content of a result in the protocol's own blocks, for clients that can show more than text.

A model of ours reads text alone, so this is kept only where a block is something else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mcp.types import ContentBlock, TextContent

from runtime.canonical import Json

_LARGEST = 1_000_000
"""Bytes of all blocks of a result as JSON; more of them are named in its text alone."""

# Neither what a server notes for clients of its own, nor whom it says that a block is meant for.
_LEFT_OUT = {"annotations", "meta", "icons"}


def blocks_of(content: Sequence[ContentBlock]) -> Json:
    """The blocks as JSON; None where all of them are text, or where they are too large."""
    if all(isinstance(block, TextContent) for block in content):
        return None
    blocks: Json = [_block(block) for block in content]
    return blocks if len(json.dumps(blocks)) <= _LARGEST else None


def _block(block: ContentBlock) -> Json:
    kept: dict[str, Json] = block.model_dump(mode="json", exclude=_LEFT_OUT, exclude_none=True)
    if isinstance(kept.get("resource"), dict):
        kept["resource"].pop("meta", None)
    return kept
