"""Instances of schemas, as they occur in the wild and at the edges of the language.
Whatever the schema: an instance is valid, repeatable, and speaks of what was asked."""

from __future__ import annotations

import json
import random
import re
from typing import Annotated, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from tests.provider import Exchange, JsonObject, ToolCall, Turn
from tests.provider.instances import NoInstanceError, make
from tests.provider.material import Material
from tests.provider.patterns import sample

QUESTION = (
    "Which orders of customer 42 (ada@example.com) are late since 2026-03-01? "
    "See docs/orders.md and https://shop.example.com/help."
)


def asked(question: str, *results: str) -> Material:
    calls = tuple(ToolCall(name="look_up", id=f"call_{i}") for i in range(len(results)))
    turns = [Turn(role="user", text=question)]
    if results:
        turns.append(Turn(role="assistant", tool_calls=calls))
    for call, result in zip(calls, results, strict=True):
        turns.append(Turn(role="tool", text=result, tool_call_id=call.id))
    return Material.of(Exchange(wire="openai", model="m", turns=tuple(turns)))


class Tree(BaseModel):
    label: str
    children: list[Tree]


class ByCard(BaseModel):
    kind: Literal["card"]
    digits: Annotated[str, Field(pattern=r"^\d{4}$")]


class ByBank(BaseModel):
    kind: Literal["bank"]
    account: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{2}(?: \w{4}){2,4}$")]


class Order(BaseModel):
    number: Annotated[int, Field(gt=100, le=999, multiple_of=5)]
    paid_by: Annotated[ByCard | ByBank, Field(discriminator="kind")]
    notes: dict[str, str] = {}
    pair: tuple[int, str]
    share: Annotated[float, Field(gt=0, lt=1)]
    parent: Order | None = None


SCHEMAS: dict[str, JsonObject] = {
    "anything": {},
    "recursive model": Tree.model_json_schema(),
    "model with unions": Order.model_json_schema(),
    "list of models": TypeAdapter(list[Order]).json_schema(),
    "enum and const": {
        "type": "object",
        "properties": {"a": {"enum": [1, None, "x"]}, "b": {"const": {"k": [1]}}},
        "required": ["a", "b"],
    },
    "several types": {"type": ["null", "integer"]},
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    "one of": {"oneOf": [{"type": "integer", "multipleOf": 3, "minimum": 4}, {"type": "null"}]},
    "unique": {"type": "array", "items": {"type": "string"}, "minItems": 4, "uniqueItems": True},
    "long and short": {
        "type": "array",
        "prefixItems": [{"type": "string", "minLength": 300}, {"type": "string", "maxLength": 3}],
        "items": False,
    },
    "map": {
        "type": "object",
        "minProperties": 2,
        "additionalProperties": {"type": "object", "properties": {"n": {"type": "number"}}},
    },
    "bounds": {"type": "number", "exclusiveMinimum": 5, "exclusiveMaximum": 5.5},
    "closed and empty": {"type": "object", "properties": {}, "additionalProperties": False},
    "never an end": {
        "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}},
        "$ref": "#/$defs/n",
    },
    "property named type": {
        "type": "object",
        "properties": {"type": {"type": "string"}, "properties": {"type": "integer"}},
        "required": ["type", "properties"],
    },
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@pytest.mark.parametrize("seed", range(5))
def test_an_instance_is_valid_and_repeatable(schema: JsonObject, seed: int) -> None:
    made = make(schema, asked(QUESTION), random.Random(seed))
    jsonschema.validate(made, schema)
    assert make(schema, asked(QUESTION), random.Random(seed)) == made


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"allOf": [{"type": "integer"}], "not": {}},
        {
            "$defs": {
                "n": {
                    "type": "object",
                    "properties": {"next": {"$ref": "#/$defs/n"}},
                    "required": ["next"],
                }
            },
            "$ref": "#/$defs/n",
        },
    ],
    ids=["bounds", "not", "endless"],
)
def test_a_schema_that_nothing_satisfies_is_told(schema: JsonObject) -> None:
    with pytest.raises(NoInstanceError):
        make(schema, asked(QUESTION), random.Random(0))


def test_values_are_drawn_from_the_request_by_the_names_of_properties() -> None:
    names = {"customer_id": "integer", "email": "string", "path": "string", "url": "string"}
    schema: JsonObject = {
        "type": "object",
        "properties": {
            **{name: {"type": kind} for name, kind in names.items()},
            "since": {"type": "string", "format": "date"},
            "limit": {"type": "integer", "default": 10},
        },
        "required": [*names, "since"],
    }
    assert make(schema, asked(QUESTION), random.Random(1)) == {
        "customer_id": 42,
        "email": "ada@example.com",
        "path": "docs/orders.md",
        "url": "https://shop.example.com/help",
        "since": "2026-03-01",
    }


def test_rows_are_taken_from_the_results_of_tools() -> None:
    rows = [{"name": "rye", "licence": "MIT"}, {"name": "oat", "licence": "GPL-3.0"}]
    item: JsonObject = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "licence": {"type": "string"}},
        "required": ["name", "licence"],
    }
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": item},
            "evidence": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["rows", "evidence"],
    }
    material = asked("Which licences?", f"Found: {json.dumps({'packages': rows})} in all.")
    made = make(schema, material, random.Random(2))
    assert made == {"rows": rows, "evidence": ["call_0"]}


def test_a_quote_and_its_lines_are_taken_from_one_passage() -> None:
    passage = {"path": "docs/a.md", "start_line": 7, "text": "Every call is recorded.\nSecond."}
    names = {"path": "string", "start_line": "integer", "end_line": "integer", "quote": "string"}
    item: JsonObject = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in names.items()},
        "required": list(names),
    }
    made = make(
        {"type": "array", "items": item}, asked("How?", json.dumps(passage)), random.Random(3)
    )
    quote = "Every call is recorded."
    assert made == [{"path": "docs/a.md", "start_line": 7, "end_line": 7, "quote": quote}]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z0-9][a-z0-9-]{0,79}$",
        r"^(red|green|blue)-\d{2,3}$",
        r"[^a-z\s]+\.(?:py|md)",
        r"^\w+@\w+\.org$",
        r"^(\d)x\1$",
        r"a.c?",
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_sample_of_a_pattern_matches_it(pattern: str, seed: int) -> None:
    assert re.search(pattern, sample(pattern, random.Random(seed)))
