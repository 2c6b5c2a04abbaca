"""Filling a schema from sources: values by name, rows with their evidence, cautious defaults."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models.offline.fill import fill
from models.offline.scope import Filled, Scope
from models.offline.sources import Source
from runtime.canonical import Json
from tests.models.offline.asking import IDS, TEXT, WHOLE, list_of, object_of


def filled(schema: Json, *results: Json, objective: str = "", inputs: Json = None) -> Filled:
    """The value for a schema, from results in the order of the calls and from inputs."""
    called = [
        Source(name=f"get_{number}", value=value, evidence=(f"ev-{number}",))
        for number, value in enumerate(results, start=1)
    ]
    given_ = [Source(name="inputs", value=inputs)] if inputs is not None else []
    scope = Scope(objective=objective, sources=(*reversed(called), *given_), root=schema)
    return fill(schema, scope)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("status", {"status": "open"}),
        ("Status", {"status": "open"}),
        ("order_status", {"order": {"status": "open"}}),
        ("orderStatus", {"orders": [{"status": "open"}]}),
    ],
)
def test_a_value_is_found_by_its_name_or_by_that_of_its_parent(name: str, source: Json) -> None:
    assert filled(object_of(**{name: TEXT}), source).value == {name: "open"}


def test_the_newest_result_goes_before_older_ones_and_before_inputs() -> None:
    found = filled(object_of(n=WHOLE), {"n": 1}, {"n": 2}, inputs={"n": 3})
    assert found.value == {"n": 2}
    assert found.evidence == ("ev-2",)


def test_a_value_of_the_wrong_type_is_not_taken() -> None:
    found = filled(object_of(total=WHOLE), {"total": "many"})
    assert found.value == {"total": 0}
    assert not found.sure


def test_rows_of_several_results_are_joined_in_order_without_repetition() -> None:
    item = object_of(name=TEXT, evidence=IDS)
    found = filled(
        object_of(packages=list_of(item)),
        {"packages": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]},
        {"packages": [{"name": "b", "size": 2}, {"name": "c", "size": 3}]},
    )
    assert found.value["packages"] == [
        {"name": "a", "evidence": ["ev-1"]},
        {"name": "b", "evidence": ["ev-1"]},
        {"name": "c", "evidence": ["ev-2"]},
    ]


def test_an_object_that_has_all_the_fields_is_one_row() -> None:
    item = object_of(id=WHOLE, name=TEXT)
    found = filled(object_of(customers=list_of(item)), {"id": 4, "name": "Ada", "tags": ["x"]})
    assert found.value == {"customers": [{"id": 4, "name": "Ada"}]}


def test_an_array_of_other_things_is_no_row() -> None:
    item = object_of(id=WHOLE, name=TEXT, email=TEXT)
    found = filled(object_of(customers=list_of(item)), {"items": [{"name": "Chair", "sku": "C1"}]})
    assert found.value == {"customers": []}
    assert not found.sure


def test_a_choice_is_what_the_row_names_and_else_the_first() -> None:
    category = {"type": "string", "enum": ["unknown", "permissive", "copyleft"]}
    item = object_of(name=TEXT, category=category)
    rows = [{"name": "a", "note": "this is permissive"}, {"name": "b", "note": "?"}]
    found = filled(object_of(findings=list_of(item)), {"packages": rows})
    assert [row["category"] for row in found.value["findings"]] == ["permissive", "unknown"]


def test_references_and_null_alternatives_are_followed() -> None:
    schema = {
        "$defs": {"Person": object_of(name=TEXT)},
        "type": "object",
        "properties": {
            "owner": {"anyOf": [{"$ref": "#/$defs/Person"}, {"type": "null"}]},
            "end": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["owner", "end"],
    }
    found = filled(schema, {"owner": {"name": "Ada"}})
    assert found.value == {"owner": {"name": "Ada"}, "end": None}


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    schema = {
        "$defs": {"Node": object_of(label=TEXT, next={"$ref": "#/$defs/Node"})},
        "$ref": "#/$defs/Node",
    }
    assert filled(schema, {"label": "x"}).value["label"] == "x"


def test_evidence_names_the_results_that_were_used() -> None:
    found = filled(object_of(colour=TEXT, evidence=IDS), {"size": 1}, {"colour": "red"})
    assert found.value == {"colour": "red", "evidence": ["ev-2"]}


def test_an_optional_field_takes_nothing_out_of_a_list_of_others() -> None:
    schema = object_of("answer", answer=TEXT, status=TEXT)
    found = filled(schema, {"messages": [{"id": 1, "status": "queued"}]}, objective="Was it sent?")
    assert "status" not in found.value


def test_numbers_are_counted_when_a_count_is_asked_for() -> None:
    found = filled(object_of(package_count=WHOLE), {"packages": [{"name": "a"}, {"name": "b"}]})
    assert found.value == {"package_count": 2}


def test_constants_and_limits_are_kept() -> None:
    schema = object_of(version={"const": 3}, tags=list_of(TEXT, maxItems=2))
    found = filled(schema, {"tags": ["a", "b", "c"]})
    assert found.value == {"version": 3, "tags": ["a", "b"]}


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"type": "number"},
        {"type": "boolean"},
        {"type": ["string", "null"]},
        {"enum": ["a", "b"]},
        {"const": 1},
    ]
)
NAMES = st.sampled_from(["id", "name", "summary", "count", "evidence_note", "rows", "items"])


def _object(parts: dict[str, Json]) -> dict[str, Json]:
    return {"type": "object", "properties": parts, "required": sorted(parts)}


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, max_size=4).map(_object),
        inner.map(lambda items: {"type": "array", "items": items}),
    ),
    max_leaves=8,
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(schema=SCHEMAS.map(lambda inner: _object({"result": inner})), value=VALUES)
def test_whatever_is_at_hand_the_answer_has_the_form_that_was_demanded(
    schema: dict[str, Json], value: Json
) -> None:
    found = filled(schema, value, objective="Say what there is.").value
    assert list(Draft202012Validator(schema).iter_errors(found)) == []
    assert found == filled(schema, value, objective="Say what there is.").value
