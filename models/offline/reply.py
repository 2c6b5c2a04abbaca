"""What the offline model says: text, or tool calls. The one type that all turns end in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runtime.canonical import Json, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A tool call as it goes onto the wire."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    text: str = ""
    calls: tuple[Said, ...] = ()

    @property
    def finish(self) -> str:
        return "tool_calls" if self.calls else "stop"


def calling(
    name: str, arguments: Sequence[Mapping[str, Json]], messages: Sequence[Mapping[str, Json]]
) -> Reply:
    """Calls of one tool. Their ids follow from the whole conversation, so that they differ from
    turn to turn without any chance being involved."""
    place = hashlib.sha256(canonical(messages).encode()).hexdigest()[:16]
    return Reply(
        calls=tuple(
            Said(id=f"call_{place}_{index}", name=name, arguments=canonical(one))
            for index, one in enumerate(arguments)
        )
    )
