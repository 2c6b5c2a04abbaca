"""Checks a call's arguments against the tool's schema, and sets those that the run decides.

A mistake is told by field, value and remedy, so that a model can mend its call by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from jsonschema.exceptions import ValidationError
from referencing.exceptions import Unresolvable

from runtime.canonical import Json, canonical
from runtime.context import RunContext
from tools.catalogue import ToolEntry
from tools.fit import Fit

_LONGEST = 1_000_000
"""Bytes of canonical JSON that the arguments of one call may take."""

_ARTICLES = {"integer": "an integer", "object": "an object", "array": "an array", "null": "null"}


def unfit(arguments: Mapping[str, Json]) -> str:
    """What keeps arguments from being JSON of a sane size; empty when nothing does."""
    try:
        size = len(canonical(dict(arguments)).encode())
    except (TypeError, ValueError, RecursionError) as error:
        return f"The arguments are not JSON: {error}. Send plain JSON values."
    if size > _LONGEST:
        return f"The arguments take {size:,} bytes; at most {_LONGEST:,} are sent. Send less."
    return ""


def mistake(entry: ToolEntry, fit: Fit, arguments: Mapping[str, Json]) -> str:
    """The first thing that is wrong with the arguments, and what to do; empty when they fit."""
    for name in sorted(entry.hidden & arguments.keys()):
        return f"{name}: is set by the gateway for this run. Leave it out."
    try:
        error = fit.error(dict(arguments))
    except Unresolvable as cause:
        return f"The schema of {entry.name} refers to what is not in it: {cause}."
    return _told(entry, error) if error is not None else ""


def bind(
    entry: ToolEntry, arguments: Mapping[str, Json], context: RunContext
) -> tuple[dict[str, Json], str]:
    """The arguments with those that the gateway sets, and what is missing for it, in words."""
    bound: dict[str, Json] = dict(arguments)
    for argument, field in entry.bound:
        value = getattr(context, field)
        if not value:
            told = f"{argument}: this run has no {field!r}, which {entry.name} works on."
            hint = " Name a folder in the request." if field == "docs" else ""
            return bound, told + hint
        bound[argument] = value
    return bound, ""


def _told(entry: ToolEntry, error: ValidationError) -> str:
    field = ".".join(str(part) for part in error.absolute_path)
    shown = canonical(error.instance)
    shown = shown if len(shown) <= 80 else shown[:77] + "…"
    rule: Json = error.validator_value
    known = ", ".join(entry.schema["properties"]) or "none"
    match error.validator:
        case "required":
            given: Json = error.instance
            missing = next(key for key in rule if key not in given)
            name = f"{field}.{missing}" if field else missing
            return f"{name}: is missing. Add it; {entry.name} takes: {known}."
        case "additionalProperties" | "unevaluatedProperties":
            at = f"{field}: " if field else ""
            return f"{at}{error.message}. Leave it out; {entry.name} takes: {known}."
        case "type":
            kinds = [rule] if isinstance(rule, str) else list(rule)
            named = " or ".join(_ARTICLES.get(kind, f"a {kind}") for kind in kinds)
            return f"{field or 'arguments'}: {shown} does not fit. Send {named}."
        case "enum":
            choices = ", ".join(canonical(value) for value in rule)
            return f"{field}: {shown} is not a choice. Send one of: {choices}."
        case _:
            return f"{field or 'arguments'}: {error.message[:300]}. See the tool's schema."
