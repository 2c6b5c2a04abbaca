"""What is given for the body of a request reaches the API, null and nothing included."""

from __future__ import annotations

import json

import httpx
import pytest

from runtime.canonical import Json
from tools.rest_document import read_document

PRICE: Json = {"type": "object", "properties": {"price": {"type": ["number", "null"]}}}


def request(
    schema: Json, *, required: bool = True, kind: str = "application/json", **given: Json
) -> httpx.Request:
    """The request of one operation, PATCH /books/{id}."""
    operation: Json = {
        "operationId": "change",
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
            {"name": "x-why", "in": "header", "schema": {"type": "string"}},
            {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
        ],
        "requestBody": {"required": required, "content": {kind: {"schema": schema}}},
        "responses": {"200": {"description": "done"}},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {"/books/{id}": {"patch": operation}},
    }
    return read_document(json.dumps(document), ()).request("change", given, "http://api.example")


def body(made: httpx.Request) -> Json:
    return json.loads(made.content) if made.content else None


def test_a_field_that_is_cleared_is_sent_as_null() -> None:
    made = request(PRICE, id=7, price=None, **{"x-why": "sold"}, dry=True)
    assert body(made) == {"price": None}
    assert str(made.url) == "http://api.example/books/7?dry=true"
    assert made.headers["x-why"] == "sold"
    assert made.headers["content-type"] == "application/json"
    assert made.headers["content-length"] == str(len(made.content))


def test_a_body_of_optional_fields_is_there_even_when_none_is_given() -> None:
    assert body(request(PRICE, id=7)) == {}
    assert body(request(PRICE, required=False, id=7)) is None


def test_a_null_beside_the_body_is_left_out() -> None:
    made = request(PRICE, id=7, price=2, dry=None, **{"x-why": None})
    assert body(made) == {"price": 2}
    assert made.url.query == b""
    assert "x-why" not in made.headers


def test_another_kind_of_json_keeps_its_name() -> None:
    made = request(PRICE, kind="application/merge-patch+json", id=7, price=None)
    assert made.headers["content-type"] == "application/merge-patch+json"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
def test_a_body_that_is_no_json_is_left_alone(kind: str) -> None:
    assert request(PRICE, kind=kind, id=7, price=None).content == b""
