"""Inputs are held against what their source declares, before anything is spent."""

from __future__ import annotations

from typing import Any

import pytest

from harness.check import problems
from harness.inputs import unfit
from harness.limits import Limits
from harness.plan import Check, Input, Plan, Task
from runtime.canonical import Json

LIMITS = Limits(
    tasks=10_000,
    width=2,
    attempts=1,
    escalations=0,
    model_calls=1,
    tool_calls=1,
    repeated_calls=1,
    task_seconds=1,
)
ROW: dict[str, Json] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "size": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
OUTPUT: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["rows"],
    "properties": {
        "rows": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/row"}},
        "best": {"anyOf": [{"$ref": "#/$defs/row"}, {"type": "null"}]},
        "kind": {"enum": ["a", "b"]},
        "free": {"type": "object"},
        "notes": {"type": "object", "additionalProperties": {"type": "string"}},
        "when": {"allOf": [{"type": "string"}]},
    },
    "$defs": {"row": ROW},
}


def found(*tasks: Task, declared: dict[str, dict[str, Json]] | None = None) -> tuple[str, ...]:
    return problems(
        Plan(tasks=tasks),
        inputs={"question", "names"},
        permits=lambda _: "",
        limits=LIMITS,
        declared=declared,
    )


def asks(select: str, schema: dict[str, Json] | None = None, source: str = "a") -> tuple[str, ...]:
    first = Task(id="a", objective="collect", output=OUTPUT)
    second = Task(
        id="b",
        objective="sum up",
        inputs={"x": Input(source=source, select=select, json_schema=schema or {})},
    )
    return found(first, second)


@pytest.mark.parametrize(
    "select",
    [
        "@",
        "rows",
        "rows[].name",
        "rows[0].size",
        "rows[1:].tags[]",
        "rows[?size > `3`].name",
        "rows[].{n: name, s: size} | [0].n",
        "sort_by(rows, &size)[].name",
        "best.name",
        "free.anything.at.all",
        "notes.whatever",
        "when.unknown",
        "nothing || kind",
        "length(rows)",
        "[kind, rows[].name][]",
        "*.name",
    ],
)
def test_what_a_schema_has_or_does_not_rule_out_is_fine(select: str) -> None:
    assert asks(select) == ()


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("row", "there is no 'row' among best, free, kind, notes, rows, when"),
        ("rows.name", "'name' is asked of a value of type array"),
        ("rows[].nam", "there is no 'nam' among name, size, tags"),
        ("rows[?siez > `3`].name", "there is no 'siez'"),
        ("rows[0].name.first", "'first' is asked of a value of type string"),
        ("kind[0]", "items are asked of a value of type string"),
        ("best.nam", "there is no 'nam'"),
        ("notes.whatever.more", "'more' is asked of a value of type string"),
        ("rows[0].{n: name}.m", "there is no 'm' among n"),
        ("length(row)", "there is no 'row'"),
        ("none || nothing", "there is no 'none'"),
    ],
)
def test_a_selection_that_can_only_give_nothing_is_a_problem(select: str, says: str) -> None:
    (problem,) = asks(select)
    assert "Task 'b': input 'x' selects" in problem
    assert says in problem


@pytest.mark.parametrize(
    ("select", "schema", "says"),
    [
        ("rows[].name", {"type": "array", "items": {"type": "string"}}, ""),
        ("rows[].name", {"type": "string"}, "it is array where string is wanted"),
        (
            "rows",
            {"type": "array", "items": {"type": "integer"}},
            "[] is object where integer is wanted",
        ),
        ("rows[0].size", {"type": "number"}, ""),
        ("kind", {"enum": ["b", "c"]}, ""),
        ("kind", {"enum": ["c"]}, "of which none is wanted"),
        ("rows[0]", {"type": "object", "required": ["colour"]}, "no property 'colour'"),
        (
            "rows[0]",
            {"required": ["size"], "type": "object", "properties": {"size": {"type": "string"}}},
            "size is integer where string is wanted",
        ),
        ("rows[0]", {"type": "object", "properties": {"name": {"type": "string"}}}, ""),
        ("@", {"type": "object", "properties": {"more": {"type": "string"}}}, ""),
        (
            "@",
            {"type": "object", "additionalProperties": False, "properties": {"best": {}}},
            "has property 'rows', for which there is no place",
        ),
        ("best", {"type": ["object", "null"]}, ""),
        ("when", {"type": "array"}, ""),
    ],
)
def test_types_that_cannot_meet_are_a_problem(
    select: str, schema: dict[str, Json], says: str
) -> None:
    problem = " ".join(asks(select, schema))
    assert says in problem
    assert bool(problem) == bool(says)


def test_a_group_is_a_list_of_what_its_tasks_give() -> None:
    parts = [Task(id=f"g-{n}", objective=f"part{n}", output=OUTPUT, group="g") for n in (1, 2)]

    def end(select: str) -> Task:
        return Task(id="z", objective="all", inputs={"x": Input(source="g", select=select)})

    assert found(*parts, end("[].rows[].name")) == ()
    assert "'rows' is asked of a value of type array" in found(*parts, end("rows"))[0]


def test_the_request_has_only_what_the_specialist_declares() -> None:
    assert asks("question", source="request") == ()
    assert "there is no 'customer' among names, question" in asks("customer", source="request")[0]
    task = Task(id="a", objective="x", inputs={"n": Input(source="request", select="names[].id")})
    of_texts: dict[str, dict[str, Json]] = {"names": {"type": "array", "items": {"type": "string"}}}
    assert found(task) == ()
    assert "'id' is asked of a value of type string" in found(task, declared=of_texts)[0]


def test_a_literal_must_keep_its_own_schema() -> None:
    task = Task(id="a", objective="x", inputs={"n": Input(value=3, json_schema={"type": "string"})})
    assert "is a literal that breaks its schema: 3 is not of type 'string'" in found(task)[0]


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (Check(check="min_items", at="row"), "criterion 'min_items' looks at 'row'"),
        (Check(check="covers", at="rows", input="names"), "'names', which is none of its inputs"),
        (Check(check="min_items", at="rows[].tags[]"), ""),
    ],
)
def test_a_criterion_that_nothing_can_meet_is_a_problem(check: Check, says: str) -> None:
    problem = " ".join(found(Task(id="a", objective="x", output=OUTPUT, accept=(check,))))
    assert says in problem
    assert bool(problem) == bool(says)


@pytest.mark.parametrize(
    ("schema", "says"),
    [({"type": "text"}, "is not a JSON schema"), ({"$ref": "http://x/y"}, "only '#/…' is")],
)
def test_an_input_schema_that_is_none_is_a_problem(schema: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in asks("rows", schema))


def test_a_schema_that_refers_to_itself_ends() -> None:
    tree: dict[str, Json] = {"type": "object", "properties": {"in": {"$ref": "#"}}}
    loop: dict[str, Json] = {"type": "object", "properties": {"in": {"$ref": "#/properties/in"}}}
    for output in (tree, loop):
        first = Task(id="a", objective="x", output=output)
        second = Task(
            id="b",
            objective="y",
            inputs={"x": Input(source="a", select="in.in.in", json_schema=tree)},
        )
        assert found(first, second) == ()


def test_resolved_inputs_are_held_against_their_schemas() -> None:
    task = Task(
        id="b",
        objective="x",
        inputs={"x": Input(source="a", json_schema={"type": "string"}), "y": Input(source="a")},
    )
    assert unfit(task, {"x": "fine", "y": None}) == ()
    assert unfit(task, {"x": None, "y": None}) == (
        "Input 'x' of task 'b': None is not of type 'string'",
    )


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ((Task(id="request", objective="x"),), "'request' is taken"),
        (
            (Task(id="g", objective="x"), Task(id="g-1", objective="y", group="g")),
            "'g' is the name of a group as well",
        ),
    ],
)
def test_a_name_stands_for_one_thing(tasks: tuple[Task, ...], says: str) -> None:
    assert says in found(*tasks)[0]
