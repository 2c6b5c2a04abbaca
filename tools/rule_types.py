"""Holds rules against the tools that there are: the types of arguments, and whether they exist.

A rule is held against the tools of its own scope, so a rule for one tool is checked by exactly
what that tool takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from cedarpy import Schema

from runtime.errors import ConfigError
from tools.catalogue import ToolEntry
from tools.rules import Rule, check_rule
from tools.schema import conflicts, schema_of


def mistakes_of_types(
    rules: Iterable[Rule], catalogue: Collection[ToolEntry], *, complete: bool
) -> list[ConfigError]:
    """What is wrong with rules that look at arguments, beside these tools.

    Args:
        complete: Whether these are all tools; else nothing is said of arguments that none has.
    """
    found: list[ConfigError] = []
    schemas: dict[tuple[str, str, frozenset[str]], Schema] = {}
    for rule in rules:
        if rule.sight.seen.arguments == frozenset():
            continue
        covered = [entry for entry in catalogue if rule.sight.covers(entry)]
        scope = (rule.sight.tool, rule.sight.server, rule.sight.actions)
        if scope not in schemas:
            schemas[scope] = Schema.from_str(schema_of(covered))
        try:
            check_rule(rule, schemas[scope])
        except ConfigError as error:
            found.append(error)
            continue
        found += _conflicting(rule, covered)
        if complete:
            found += _missing(rule, covered)
    return found


def _conflicting(rule: Rule, covered: Iterable[ToolEntry]) -> list[ConfigError]:
    """A mistake for each argument that the tools in the rule's scope take in different types."""
    several = conflicts(covered)
    return [
        _mistake(
            rule,
            f"The argument {name!r} is "
            + " and ".join(f"{kind} in {', '.join(tools[:3])}" for kind, tools in kinds.items())
            + ": the rule would fail, and so deny, in some of them.",
            'Write one rule for each tool: resource == Tool::"NAME".',
        )
        for name, kinds in sorted(several.items())
        if name in (rule.sight.seen.arguments or ())
    ]


def _missing(rule: Rule, covered: Collection[ToolEntry]) -> list[ConfigError]:
    """A mistake for each argument that no tool in the rule's scope has."""
    known = sorted({name for entry in covered for name in entry.kinds})
    found = []
    for name in sorted((rule.sight.seen.arguments or frozenset()) - set(known)):
        near = get_close_matches(name, known, n=1)
        remedy = f"Did you mean {near[0]!r}? " if near else ""
        remedy += f"Rules can look at: {', '.join(known[:20]) or 'none'}."
        told = f"No tool of its scope has an argument {name!r} that rules can look at."
        found.append(_mistake(rule, told, remedy))
    return found


def _mistake(rule: Rule, told: str, remedy: str) -> ConfigError:
    return ConfigError(told, file=rule.file, line=rule.line, field=rule.id, remedy=remedy)
