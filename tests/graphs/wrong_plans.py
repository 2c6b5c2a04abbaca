"""A planning specialist over a mapped task, the plan that fits it, and plans that do not."""

from __future__ import annotations

import json
from collections.abc import Callable

from runtime.canonical import Json
from tests.graphs.installation import specialist

ITEMS: Json = {"type": "array", "items": {"type": "string"}}
FOUND: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["said", "evidence"],
    "properties": {
        "said": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "evidence": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}
JOINED: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["count"],
    "properties": {"count": {"type": "integer", "minimum": 1}},
}
OUTLINE: list[Json] = [
    {
        "id": "say",
        "objective": "[say] Say each word with the tool.",
        "map": {"over": "words", "into": "words", "batch": 2},
        "tools": ["desk_say"],
        "output": FOUND,
        "accept": [{"check": "covers", "at": "said", "input": "words"}],
    },
    {
        "id": "join",
        "objective": "[join] Count what was said.",
        "inputs": {"said": {"from": "say", "select": "[].said[]"}},
        "output": JOINED,
    },
]
WORDS = ("alder", "birch", "cedar", "dogwood", "elm")
PLANNER = specialist(
    "talker",
    OUTLINE,
    outputs={"count": {"from": "join", "select": "count"}},
    tools=["desk_say", "desk_add"],
    by="model",
    inputs={
        "words": {
            "schema": ITEMS,
            "read": {
                "tool": "desk_add",
                "arguments": {"a": 1, "b": 1},
                "select": f"`{json.dumps(WORDS)}`",
            },
        }
    },
)
CRITERION = "The count is that of the words."
STRICT = specialist(
    "counter",
    [{"id": "join", "objective": "[join] Count.", "output": JOINED, "criteria": [CRITERION]}],
    outputs={"count": {"from": "join", "select": "count"}},
    by="model",
)
ODD: Json = {"id": "odd", "group": "", "inputs": {"words": {"value": ["fir"]}}}
"""What makes a task one of the planner's own, which no template of the author's stands behind."""

Draft = list[dict[str, Json]]


def sound() -> Draft:
    """The plan that the outline stands for, as a planner should hand it over."""
    pairs = [WORDS[start : start + 2] for start in range(0, len(WORDS), 2)]
    says: Draft = [
        {
            "id": f"say-{number:02d}",
            "objective": "[say] Say each word with the tool.",
            "inputs": {"words": {"value": list(pair)}},
            "tools": ["desk_say"],
            "output": FOUND,
            "group": "say",
        }
        for number, pair in enumerate(pairs, start=1)
    ]
    join = {
        "id": "join",
        "objective": "[join] Count what was said.",
        "inputs": {"said": {"from": "say", "select": "[].said[]"}},
        "tools": [],
        "output": JOINED,
    }
    return [*says, join]


def cyclic() -> Draft:
    first, *others = sound()
    return [{**first, "needs": ["join"]}, *others]


def of_itself() -> Draft:
    *others, join = sound()
    return [*others, {**join, "needs": ["join"]}]


def dangling() -> Draft:
    *others, join = sound()
    return [*others, {**join, "inputs": {"said": {"from": "nobody"}}}]


def foreign_tool() -> Draft:
    first, *others = sound()
    return [{**first, "tools": ["desk_send"]}, *others]


def unknown_tool() -> Draft:
    first, *others = sound()
    return [{**first, "tools": ["desk_say", "shell_run"]}, *others]


def twin_ids() -> Draft:
    first, second, *others = sound()
    return [first, {**second, "id": first["id"]}, *others]


def twins() -> Draft:
    first, *others = sound()
    return [first, {**first, "id": "again"}, *others]


def ten_thousand() -> Draft:
    least: Json = {"objective": "More.", "inputs": {}, "tools": [], "output": {"type": "object"}}
    return [*sound(), *({"id": f"more-{number}"} | least for number in range(10_000))]


def no_join() -> Draft:
    return sound()[:-1]


def no_schema() -> Draft:
    return [*sound(), _odd({"type": "object", "properties": 7})]


def remote_schema() -> Draft:
    return [*sound(), _odd({"type": "object", "$ref": "http://127.0.0.1:9/schema.json"})]


def _odd(output: Json) -> dict[str, Json]:
    """A task of the planner's own: one in the place of an author's has the author's schema."""
    return {"id": "odd", "objective": "Something odd.", "inputs": {}, "tools": [], "output": output}


def nothing() -> Draft:
    return []


WRONG: tuple[Callable[[], Draft], ...] = (
    cyclic,
    of_itself,
    dangling,
    foreign_tool,
    unknown_tool,
    twin_ids,
    ten_thousand,
    no_join,
    no_schema,
    remote_schema,
    nothing,
)
