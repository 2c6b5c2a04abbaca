"""Does a value have the form that was demanded? Schemas of the request against what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import jsonschema_rs

from runtime.canonical import Json, canonical


def misfit(schema: Mapping[str, Json], value: Json) -> str:
    """In words what is wrong with a value, with its place; empty where it fits.

    A schema that is none, or refers to another place, holds nothing back: what it is of use for is
    for others to tell.
    """
    check = _compiled(canonical(schema))
    if check is None:
        return ""
    try:
        found = next(iter(check.iter_errors(value)), None)
    except ValueError:
        return "it holds text that is no Unicode, or is nested too deep"
    if found is None:
        return ""
    place = ".".join(str(step) for step in found.instance_path) or "it"
    return f"{place}: {found.message[:300]}"


@lru_cache(maxsize=512)
def _compiled(schema: str) -> jsonschema_rs.Validator | None:
    try:
        return jsonschema_rs.validator_for(
            json.loads(schema), retriever=_nowhere, validate_formats=False
        )
    except ValueError:
        return None


def _nowhere(uri: str) -> Json:
    raise ValueError(f"{uri} is not fetched")
