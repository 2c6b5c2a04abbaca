"""Where an answer may be taken from: tool results and inputs, and how to find values in them.

Each value that is found comes with the evidence it rests on, so that a claim can name its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.offline.conversation import Conversation
from models.offline.words import name_key
from runtime.canonical import Json

Evidence = tuple[str, ...]
_NOT_FACTS = frozenset({"outline", "schema", "rejected"})
_IDENTITY = tuple(name_key(name) for name in ("id", "name", "key", "title", "path"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    name: str
    value: Json
    evidence: Evidence = ()
    """Call ids; empty for what came with the brief."""

    @property
    def is_result(self) -> bool:
        return bool(self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value at a place in a source."""

    value: Json
    path: tuple[str, ...]
    """The keys that lead to it, without positions in arrays."""
    evidence: Evidence
    in_array: bool
    depth: int
    owner: Mapping[str, Json] | None = None
    """The object that holds the value."""


def gather(conversation: Conversation) -> tuple[Source, ...]:
    """Everything at hand, the newest tool result first and the brief's own data last."""
    results = [
        Source(name=result.call.name, value=result.value, evidence=(result.evidence,))
        for result in conversation.good
    ]
    given = [
        Source(name=name, value=value)
        for name, section in conversation.brief.sections.items()
        if name not in _NOT_FACTS
        for value in section.all_json
    ]
    return (*reversed(results), *given)


def walk(source: Source, *, arrays: bool = True) -> Iterator[Found]:
    """Every value below the source, outer ones before inner ones, in document order.

    Without `arrays`, what stands inside of an array is left out.
    """
    level = [Found(value=source.value, path=(), evidence=source.evidence, in_array=False, depth=0)]
    while level:
        yield from level
        level = [
            inner
            for found in level
            if arrays or not isinstance(found.value, list)
            for inner in _inside(found)
        ]


def _inside(found: Found) -> Iterator[Found]:
    if isinstance(found.value, dict):
        for key, value in found.value.items():
            yield Found(
                value=value,
                path=(*found.path, key),
                evidence=found.evidence,
                in_array=found.in_array,
                depth=found.depth + 1,
                owner=found.value,
            )
    elif isinstance(found.value, list):
        for value in found.value:
            yield Found(
                value=value,
                path=found.path,
                evidence=found.evidence,
                in_array=True,
                depth=found.depth + 1,
            )


def closeness(wanted: str, path: tuple[str, ...]) -> int:
    """How well the end of a path answers to a name: 3 same, 2 as a part of its parent, 0 not.

    `customer_email` is met by `customer.email`, `customer_id` also by `customers[].id`.
    """
    if not path:
        return 0
    key, last = name_key(wanted), name_key(path[-1])
    if key == last:
        return 3
    if not last or not set(last) < set(key):
        return 0
    parents = {part for name in path[:-1] for part in name_key(name)}
    return 2 if set(key) - set(last) <= parents else 0


def identity(item: Mapping[str, Json]) -> Json:
    """What an object is called: its id, name, key, title or path; None without any."""
    for wanted in _IDENTITY:
        for key, value in item.items():
            if name_key(key) == wanted and isinstance(value, str | int):
                return value
    return None


def objects(found: Found) -> list[Mapping[str, Json]]:
    """The objects of an array of objects; empty for anything else."""
    if isinstance(found.value, list) and all(isinstance(item, dict) for item in found.value):
        return found.value
    return []
