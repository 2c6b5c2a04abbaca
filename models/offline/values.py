"""Single values of an answer: a choice, a number, a text. From the sources, or cautious."""

from __future__ import annotations

from dataclasses import replace

from models.offline import prose
from models.offline.schema import Schema, nullable
from models.offline.scope import Filled, Scope, lookup, merged
from models.offline.sources import Source, walk
from models.offline.words import TEXT, name_key, terms, words

_COUNT = terms("count total number")


def choice(schema: Schema, scope: Scope, name: str) -> Filled:
    found = lookup(name, schema, scope)
    if found:
        return found
    offered = list(schema["enum"])
    # What the row or the request names is meant; what some source mentions is a guess.
    for text in (_row_text(scope), scope.objective, "" if scope.row else _result_text(scope)):
        spoken = words(text)
        for value in offered:
            if isinstance(value, str) and _spoken(words(value), spoken):
                return Filled(value=value, evidence=scope.row.evidence if scope.row else ())
    return Filled(value=None if nullable(schema) else offered[0], sure=False)


def _row_text(scope: Scope) -> str:
    return _all_text((scope.row,)) if scope.row else ""


def _result_text(scope: Scope) -> str:
    return _all_text(tuple(source for source in scope.sources if source.is_result))


def _all_text(sources: tuple[Source, ...]) -> str:
    return " ".join(
        str(place.value)
        for source in sources
        for place in walk(source)
        if isinstance(place.value, str | int | float)
    )


def _spoken(phrase: list[str], text: list[str]) -> bool:
    size = len(phrase)
    return size > 0 and any(text[i : i + size] == phrase for i in range(len(text) - size + 1))


def number(schema: Schema, scope: Scope, name: str) -> Filled:
    found = lookup(name, schema, scope)
    if found:
        return found
    counted = _counted(name, scope)
    if counted:
        return counted
    lowest = schema.get("minimum", 0)
    return Filled(value=None if nullable(schema) else max(0, lowest), sure=False)


def _counted(name: str, scope: Scope) -> Filled | None:
    """`package_count` and the like: how many of that name there are."""
    key = set(name_key(name))
    if not key & _COUNT:
        return None
    wanted = {"type": "array"}
    found = lookup(" ".join(sorted(key - _COUNT)), wanted, scope)
    return Filled(value=len(found.value), evidence=found.evidence) if found else None


def string(schema: Schema, scope: Scope, name: str) -> Filled:
    """The value of that name; sentences from the sources for a field that is to hold some."""
    textual = bool(terms(name) & TEXT) or not name
    # What was asked of the tools is told from their results, not from what was known before.
    pool = replace(scope, sources=_tellable(scope)) if textual else scope
    found = lookup(name, schema, pool)
    if found and found.value:
        return found
    if nullable(schema):
        return Filled(value=None, sure=False)
    filled = _text(schema, scope, name) if textual else None
    return filled or Filled(value="unknown" if schema.get("minLength") else "", sure=False)


def _text(schema: Schema, scope: Scope, name: str) -> Filled | None:
    """What failed, and what the sources say: their sentences, else the facts of their records."""
    given = _tellable(scope)
    lines = prose.extract(scope.query, given, 2 if scope.row else 3)
    lines = lines or prose.facts(scope.query, given, 4)
    if not lines:
        hint = terms(name + " " + str(schema.get("description", "")))
        lines = prose.extract(hint, given, 2)
    failures = () if scope.row else scope.failures
    text = " ".join([*failures, *(line.text for line in lines)])
    if not text:
        return None
    evidence = merged(line.evidence for line in lines)
    own = scope.row.evidence if scope.row else scope.results
    return Filled(value=text[: schema.get("maxLength", len(text))], evidence=evidence or own)


def _tellable(scope: Scope) -> tuple[Source, ...]:
    """The row, or the results in the order of the calls, or what was given."""
    if scope.row:
        return (scope.row,)
    results = tuple(source for source in reversed(scope.sources) if source.is_result)
    return results or scope.sources
