"""Makes a conversation smaller when it has outgrown every window: old tool results give way first.

Nothing is summarised by a model: what is sent instead is a function of what was there, so that a
replay sends the same. The transcript itself stays whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

_KEPT = 300
"""Characters that stay of a result that gives way."""
_NOTE = "[{gone:,} characters of this older result were left out to make room.]"


def compacted(messages: Sequence[AnyMessage], handle: str) -> list[AnyMessage] | None:
    """The messages with the oldest tool results shortened, until half of the text is left.

    The results that answer the last calls stay: they were not seen yet. Of each other its beginning
    stays, and every line that names `handle`, the tool that reads on in what was filed.

    Returns:
        None where nothing is left that could give way.
    """
    last = max((i for i, one in enumerate(messages) if isinstance(one, AIMessage)), default=0)
    made = list(messages)
    size = sum(len(str(one.content)) for one in messages)
    left = size
    for i, one in enumerate(messages[:last]):
        if left <= size // 2:
            break
        if isinstance(one, ToolMessage):
            shorter = _shortened(str(one.content), handle)
            made[i] = one.model_copy(update={"content": shorter})
            left -= len(str(one.content)) - len(shorter)
    return made if left < size else None


def _shortened(text: str, handle: str) -> str:
    kept, rest = text[:_KEPT], text[_KEPT:]
    lines = [line for line in rest.splitlines() if handle in line]
    gone = len(rest) - sum(map(len, lines))
    # What is left of one that gave way before is not worth a second time.
    return "\n".join([kept, _NOTE.format(gone=gone), *lines]) if gone > _KEPT else text
