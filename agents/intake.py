"""The inputs that a specialist declares, taken from the request before anything is planned."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

from jsonschema import Draft202012Validator

from agents.spec import Read, Specialist, SpecInput
from runtime.canonical import Json
from runtime.errors import RequestError

Reader = Callable[[Read], Awaitable[Json]]
"""Makes a read through the gateway and gives what it selects."""


async def take_inputs(
    specialist: Specialist,
    text: str,
    upstream: Mapping[str, Json],
    others: Mapping[str, str],
    read: Reader,
    given: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """The value of each declared input. `others` maps specialists to their summaries.

    `given` are inputs that a parent's plan hands over; they go before every other source.

    Raises:
        RequestError: an input is not in the request, or does not fit its schema.
    """
    taken: dict[str, Json] = {}
    for name, declared in specialist.inputs.items():
        if given and name in given:
            value = given[name]
        else:
            value = await _take(name, declared, text, upstream, others, read)
        for error in Draft202012Validator(declared.json_schema).iter_errors(value):
            raise RequestError(
                error.message[:200],
                field=name,
                value=value,
                remedy=declared.description or f"See the inputs of {specialist.name}.",
            )
        taken[name] = value
    return taken


async def _take(
    name: str,
    declared: SpecInput,
    text: str,
    upstream: Mapping[str, Json],
    others: Mapping[str, str],
    read: Reader,
) -> Json:
    if declared.read is not None:
        return await read(declared.read)
    if declared.match:
        return _matched(name, declared, text, upstream)
    match declared.given:
        case "request":
            return text
        case "upstream":
            return dict(upstream)
        case "specialists":
            return dict(others)


def _matched(name: str, declared: SpecInput, text: str, upstream: Mapping[str, Json]) -> str:
    for place in (text, str(dict(upstream))):
        if found := re.search(declared.match, place):
            return found.group(found.lastindex or 0)
    raise RequestError(
        "the request does not contain it",
        field=name,
        value=text[:80],
        remedy=declared.description or f"Name something that matches {declared.match!r}.",
    )


def strange_inputs(
    specialist: Specialist, text: str, given: Mapping[str, Json] | None = None
) -> tuple[str, ...]:
    """The texts of those inputs that the specialist's file calls untrusted.

    Only what a request or a parent's plan says: what other dispatches found is known to come from
    where they read it.
    """
    found: list[str] = []
    for name in specialist.untrusted:
        declared = specialist.inputs.get(name)
        if declared is None:
            continue
        if given and name in given:
            found += _texts(given[name])
        elif declared.match:
            match = re.search(declared.match, text)
            found += [match.group(match.lastindex or 0)] if match else []
        elif declared.given == "request":
            found.append(text)
    return tuple(one for one in found if one.strip())


def _texts(value: Json) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for part in value.values() for text in _texts(part)]
        case list():
            return [text for part in value for text in _texts(part)]
        case _:
            return []
