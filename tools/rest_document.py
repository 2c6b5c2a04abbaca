"""Reads an OpenAPI document into operations: what each is called, takes, and does.

FastMCP's reader does the reading and builds the requests; its server is not needed for that.
"""

# ruff: noqa: PLC0415 (FastMCP's reader takes over a second to load: only where an entry needs it)

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx
import yaml

from runtime.canonical import Json
from tools.catalogue import Listed
from tools.config import Action
from tools.definition import Definition
from tools.rest_body import whole

if TYPE_CHECKING:
    from fastmcp.utilities.openapi import HTTPRoute
    from fastmcp.utilities.openapi.director import RequestDirector

_METHODS: Mapping[str, Action] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "write",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "delete",
}
_OURS = frozenset(
    (
        *("accept", "accept-encoding", "authorization", "connection", "content-length"),
        *("content-type", "cookie", "expect", "host", "proxy-authorization", "te"),
        *("transfer-encoding", "upgrade", "user-agent"),
    )
)
"""Headers that belong to the transport and to the credentials, whatever the document says."""

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_MOST = 500
_LONGEST = 2_000


class BadDocument(Exception):
    """It is no OpenAPI document that tools can be made of. Says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of an API."""

    definition: Definition
    route: HTTPRoute
    hidden: frozenset[str]
    """Arguments that are never sent, whoever gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The operations of an API by their names."""

    operations: Mapping[str, Operation]
    address: str
    """The address that the document itself names first; may be relative, or empty."""
    director: RequestDirector

    @property
    def definitions(self) -> list[Definition]:
        """Every operation in the words of the document."""
        return [one.definition for one in self.operations.values()]

    def request(self, name: str, arguments: dict[str, Json], base: str) -> httpx.Request:
        """The request of a call, without credentials.

        Raises:
            ValueError: an argument cannot be put into the address.
        """
        operation = self.operations[name]
        given = {key: one for key, one in arguments.items() if key not in operation.hidden}
        return whole(operation.route, given, self.director.build(operation.route, given, base))


def read_document(text: str, reserved: Collection[str]) -> Document:
    """The operations of a document in JSON or YAML. It takes a second: call it in a thread.

    Args:
        reserved: Names of headers and query parameters that carry credentials; lower case.

    Raises:
        BadDocument: it is none.
    """
    from fastmcp.utilities.openapi import parse_openapi_to_http_routes
    from fastmcp.utilities.openapi.director import RequestDirector
    from jsonschema_path import SchemaPath

    # It writes whole documents to the terminal when one is wrong; the reason is told below.
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)
    raw = _mapping(text)
    try:
        routes = parse_openapi_to_http_routes(raw)
        director = RequestDirector(SchemaPath.from_dict(raw))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).strip().partition("\n")[0][:300]
        raise BadDocument(f"The document is no OpenAPI document: {reason}.") from error
    routes = [route for route in routes if route.method in _METHODS]
    if not 0 < len(routes) <= _MOST:
        raise BadDocument(f"It has {len(routes)} operations; 1 to {_MOST} are taken.")
    operations: dict[str, Operation] = {}
    for route in routes:
        name = _name(route, operations)
        operations[name] = _operation(name, route, frozenset(reserved) | _OURS)
    servers = raw.get("servers") or [{}]
    address = servers[0].get("url", "") if isinstance(servers[0], dict) else ""
    return Document(operations=operations, address=str(address), director=director)


def _mapping(text: str) -> dict[str, Json]:
    try:
        raw: Json = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise BadDocument("The document is neither JSON nor YAML.") from error
    version = raw.get("openapi") if isinstance(raw, dict) else None
    if not isinstance(version, str) or not version.startswith("3."):
        raise BadDocument(f"The document says openapi: {version!r}; 3.0 and 3.1 are read.")
    return dict(raw)


def _name(route: HTTPRoute, taken: Collection[str]) -> str:
    wanted = route.operation_id or f"{route.method.lower()}_{route.path}"
    name = _UNFIT.sub("_", wanted).strip("_") or "call"
    number = 2
    while (name if number == 2 else f"{name}_{number}") in taken:
        number += 1
    return name if number == 2 else f"{name}_{number}"


def _operation(name: str, route: HTTPRoute, reserved: frozenset[str]) -> Operation:
    hidden = frozenset(
        argument
        for argument, place in route.parameter_map.items()
        if place["location"] == "cookie"
        or (place["location"] in ("header", "query") and place["openapi_name"].lower() in reserved)
    )
    words = [route.summary or "", route.description or ""]
    told = "\n".join(dict.fromkeys(word.strip() for word in words if word.strip()))
    definition = Definition(
        name=name,
        description=(told or f"{route.method} {route.path}")[:_LONGEST],
        arguments=_without(route.flat_param_schema, hidden),
        # What is called is pinned as well: the same words may come to stand for another request.
        notes={
            "readOnlyHint": _METHODS[route.method] == "read",
            "method": route.method,
            "path": route.path,
        },
    )
    return Operation(definition=definition, route=route, hidden=hidden)


def listed_of(definition: Definition) -> Listed:
    """An operation for the catalogue: what it does follows from its method."""
    notes = definition.notes if isinstance(definition.notes, dict) else {}
    action = _METHODS.get(str(notes.get("method")), "write")
    return replace(definition.listed(), action=action)


def _without(schema: Json, hidden: frozenset[str]) -> Json:
    """The schema without arguments that are never sent; what it does not name is refused."""
    seen = {name: one for name, one in schema.get("properties", {}).items() if name not in hidden}
    needed = [name for name in schema.get("required", []) if name not in hidden]
    fixed = {"type": "object", "properties": seen, "required": needed}
    return schema | fixed | {"additionalProperties": False}
