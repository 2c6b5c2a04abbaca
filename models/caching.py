"""Prompt caching at the providers that have to be told where a prefix ends.

Anthropic's models keep a prompt up to a marker and take it at a tenth of the price when the same
bytes come again; others find out by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.deployment import Deployment
from runtime.canonical import Json

_MARK = {"cache_control": {"type": "ephemeral"}}
_WITH_CLAUDE = frozenset({"bedrock", "openrouter", "vertex_ai"})


def wants_markers(deployment: Deployment) -> bool:
    """Whether its vendor takes markers, and the file says what a write to the cache costs.

    Such a write is dearer than plain input. Without its price a ceiling could be passed unnoticed,
    so none is asked for.
    """
    takes = deployment.provider == "anthropic" or (
        deployment.provider in _WITH_CLAUDE and "claude" in deployment.model
    )
    return takes and deployment.cache_creation_input_token_cost is not None


def marked(
    messages: Sequence[Mapping[str, Json]], tools: Sequence[Mapping[str, Json]]
) -> dict[str, Json]:
    """Messages and tools with markers, as new objects: behind the tools and the instructions,
    which all workers of a specialist share, and in an agent's loop behind what the last turn ended
    with and this one does. That is four, the most that is taken.
    """
    places = [_end_of_instructions(messages)]
    if tools:
        # A single question has no next turn that could use what was written for it.
        answered = [at for at, one in enumerate(messages) if one["role"] == "assistant"]
        places += [answered[-1] - 1 if answered else -1, len(messages) - 1]
    changed = [_marked(one) if at in places else one for at, one in enumerate(messages)]
    if not tools:
        return {"messages": changed}
    return {"messages": changed, "tools": [*tools[:-1], {**tools[-1], **_MARK}]}


def _end_of_instructions(messages: Sequence[Mapping[str, Json]]) -> int:
    """The place of the last of the leading system messages; -1 without any."""
    first = (at for at, one in enumerate(messages) if one["role"] != "system")
    return next(first, len(messages)) - 1


def _marked(message: Mapping[str, Json]) -> Mapping[str, Json]:
    content = message.get("content")
    if message["role"] == "assistant" or not content:
        return message  # an empty text may not carry a marker
    if isinstance(content, str) or message["role"] == "tool":
        return {**message, **_MARK}
    return {**message, "content": [*content[:-1], {**content[-1], **_MARK}]}
