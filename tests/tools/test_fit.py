"""A value fits or not by the compiled check and by the thorough one alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from mcp.types import CallToolResult
from referencing.exceptions import Unresolvable

from runtime.canonical import Json
from tools.definition import Definition
from tools.fit import Fit
from tools.outputs import Outputs

_SCHEMAS: list[Json] = [
    {"type": "integer", "minimum": 0},
    {"type": "number", "multipleOf": 2},
    {"type": "string", "maxLength": 2, "pattern": "^[a-c]*$"},
    {"enum": [1, "a", None, [0]]},
    {"const": {"a": 1}},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "maxItems": 2},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False},
    {"type": "object", "required": ["a"], "minProperties": 1},
    {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/n"}], "$defs": {"n": {"type": "boolean"}}},
    {"not": {"type": "string"}},
    {"format": "email"},
    True,
]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("abcd", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(schema=st.sampled_from(_SCHEMAS), value=_VALUES)
def test_it_says_the_same_as_the_reference(schema: Json, value: Json) -> None:
    assert (Fit(schema).error(value) is None) == Draft202012Validator(schema).is_valid(value)


def test_half_of_a_surrogate_pair_is_a_value_like_any_other() -> None:
    assert Fit({"type": "object"}).error({"a": "\ud800"}) is None
    assert Fit({"type": "object"}).error("\ud800") is not None


def test_a_reference_to_elsewhere_is_never_fetched() -> None:
    with pytest.raises(Unresolvable):
        Fit({"$ref": "http://127.0.0.1:9/schema.json"}).error({})


def test_a_schema_that_is_none_is_told_when_it_is_checked() -> None:
    with pytest.raises(SchemaError):
        Fit({"type": "frob"}).check()


def _result(content: Json, *, error: bool = False) -> CallToolResult:
    return CallToolResult(content=[], structuredContent=content, isError=error)


def _outputs(schema: Json) -> Outputs:
    return Outputs([Definition(name="look", output=schema)])


def test_structured_content_is_held_against_the_output_schema() -> None:
    outputs = _outputs({"type": "object", "properties": {"n": {"type": "integer"}}})
    assert outputs.unfit("look", _result({"n": 1})) == ""
    assert outputs.unfit("look", _result({"n": "one"})).startswith("n of look is not what its")
    assert "no structured content" in outputs.unfit("look", _result(None))
    assert outputs.unfit("look", _result(None, error=True)) == ""
    assert outputs.unfit("other", _result(None)) == ""


@pytest.mark.parametrize("schema", [{"type": "frob"}, {"$ref": "#/none"}])
def test_an_output_schema_that_cannot_be_used_is_told_with_every_result(schema: Json) -> None:
    assert "output schema of look" in _outputs(schema).unfit("look", _result({"n": 1}))
