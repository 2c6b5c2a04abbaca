"""Codes for the names in a trace that may not tell what its run is about.

A planner names the tasks of its plan, in words that may be the request's. Those names stand in
spans, tags and metadata; there a code replaces them, the same one wherever the same name stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2s
from secrets import token_bytes
from typing import Any

from runtime.canonical import Json

_SUPERVISOR = ("intake", "rule", "local", "model", "clarify", "decline", "dispatch", "judge")
_DEEP = ("plan", "check", "approve", "execute", "replan", "synthesise", "conclude")
_LANGGRAPH = ("model", "tools", "branch", "to")
_OURS = frozenset({"supervisor", "respond", "deep", *_SUPERVISOR, *_DEEP, *_LANGGRAPH})
"""Names that are part of the program. One that is missing here is shown as a code."""
_PLACES = (
    "task",
    "checkpoint_ns",
    "langgraph_checkpoint_ns",
    "langgraph_node",
    "langgraph_path",
    "langgraph_triggers",
)
"""Metadata that say where in a plan something stands."""
_TASK_TAG = "task:"
_PART = re.compile(r"[^/|:]+")
_MAY_BE_A_TASK = re.compile(r"[a-z0-9][a-z0-9-]*")
"""What `harness.plan.TaskId` allows, and more."""
_NUMBERED = re.compile(r"d?[0-9]{1,2}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Dispatches, counts, and the ids that LangGraph gives."""
_KEY = token_bytes(16)
"""Of this process: nobody who gets a code can try names on it."""


class Names:
    """Tells names that are the program's or the operator's from those that a model made up."""

    def __init__(self, known: Collection[str] = ()) -> None:
        """
        Args:
            known: Names that the operator gave: those of specialists.
        """
        self._known = _OURS | set(known)

    def shown(self, text: str) -> str:
        """A name, or a path of names, with codes for those that may be a task's."""
        return _PART.sub(lambda part: self._part(part[0]), text)

    def tags(self, tags: Sequence[str]) -> list[str]:
        """Those of a listener, of which one names the task."""
        return [self._tag(tag) for tag in tags]

    def metadata(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a span, with codes where they say what task it belongs to."""
        return {
            key: self._in(value) if key in _PLACES else value for key, value in metadata.items()
        }

    def _tag(self, tag: str) -> str:
        name = tag.removeprefix(_TASK_TAG)
        return tag if name == tag else _TASK_TAG + self.shown(name)

    def _in(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.shown(value)
        return [self._in(one) for one in value] if isinstance(value, list | tuple) else value

    def _part(self, name: str) -> str:
        if name in self._known or _NUMBERED.fullmatch(name) or not _MAY_BE_A_TASK.fullmatch(name):
            return name
        return f"name-{blake2s(name.encode(), key=_KEY, digest_size=5).hexdigest()}"
