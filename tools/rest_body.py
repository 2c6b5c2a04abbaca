"""The body of a request, where FastMCP's builder would leave part of it out.

It drops every argument that is null and sends no body when nothing is left. To an API, null often
means "clear this", and a body that it requires is missing even when all its fields are optional.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx

from runtime.canonical import Json

if TYPE_CHECKING:
    from fastmcp.utilities.openapi import HTTPRoute


def whole(route: HTTPRoute, given: Mapping[str, Json], built: httpx.Request) -> httpx.Request:
    """The request with every field of its JSON body that was given, nulls included; the very same
    request where it has all of that already."""
    kind = _object_kind(route)
    if not kind:
        return built
    fields = {
        place["openapi_name"]: given[argument]
        for argument, place in route.parameter_map.items()
        if place["location"] == "body" and argument in given
    }
    missing = None in fields.values() or (not fields and _required(route))
    if not missing:
        return built
    headers = {
        name: value
        for name, value in built.headers.items()
        if name not in ("content-length", "content-type")
    }
    return httpx.Request(
        built.method,
        built.url,
        headers=headers | {"content-type": kind},
        content=json.dumps(fields, ensure_ascii=False, allow_nan=False).encode(),
    )


def _object_kind(route: HTTPRoute) -> str:
    """The content type of a body that is a JSON object; empty for any other body."""
    if route.request_body is None:
        return ""
    for kind, schema in route.request_body.content_schema.items():
        # Only the first one counts: it is what the builder sends.
        return kind if "json" in kind.lower() and schema.get("type") == "object" else ""
    return ""


def _required(route: HTTPRoute) -> bool:
    return route.request_body is not None and route.request_body.required
