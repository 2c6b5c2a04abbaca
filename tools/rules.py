"""Reads Cedar files into single rules, each with its id, its line and its annotations.

Cedar's parser names no line, so the files are taken apart here and each rule is tried by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cedarpy import Schema, policies_to_json_str, validate_policies

from runtime.errors import ConfigError
from tools.schema import SCHEMA
from tools.sight import Sight, sight_of

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|;|[^";/]+|.', re.DOTALL)
_ANNOTATIONS = frozenset({"id", "ask", "reason"})
_NAMES = "Use the names of the schema that config/policy/base.cedar shows."
_GUARD = (
    "Ask first whether the call has the argument: context.args has NAME && context.args.NAME …;"
    " `switchyard policy schema` shows the arguments with their types."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy."""

    id: str
    text: str
    file: str
    line: int
    ask: str
    """The question's reason, when a person has to decide; else empty."""
    reason: str
    """Why, in the words of the policy's author; may be empty."""
    effect: Literal["permit", "forbid"]
    sight: Sight
    """What it looks at."""


def read_rules(folder: Path) -> tuple[list[Rule], list[ConfigError]]:
    """The rules of every `*.cedar` file of a folder in the order of names, and the mistakes."""
    files = sorted(folder.glob("*.cedar"))
    if not files:
        remedy = "Restore config/policy/base.cedar, or set SWITCHYARD_CONFIG."
        return [], [ConfigError("There is no *.cedar file here.", file=folder, remedy=remedy)]
    rules: list[Rule] = []
    mistakes: list[ConfigError] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "Make it readable, in UTF-8."
            mistakes.append(ConfigError(f"Cannot be read: {error}.", file=file, remedy=remedy))
            continue
        found, wrong = rules_of(text, file)
        rules += found
        mistakes += wrong
    return rules, mistakes + doubles(rules)


def rules_of(text: str, file: Path | str) -> tuple[list[Rule], list[ConfigError]]:
    """The rules of one text, and the mistakes in each; `doubles` are not looked for."""
    rules: list[Rule] = []
    mistakes: list[ConfigError] = []
    for line, statement in _statements(text):
        try:
            rule = _rule(statement, str(file), line)
            check_rule(rule, SCHEMA)
            rules.append(rule)
        except ConfigError as error:
            mistakes.append(error)
    return rules, mistakes


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each policy with the line on which its first word stands."""
    line, begun, parts = 1, 0, []
    for match in _PIECE.finditer(text):
        piece = match.group()
        comment = piece.startswith("//")
        if piece.strip() and not comment and not begun:
            begun = line + piece[: len(piece) - len(piece.lstrip())].count("\n")
        line += piece.count("\n")
        if begun and not comment:
            parts.append(piece)
        if piece == ";":
            yield begun, "".join(parts).strip()
            begun, parts = 0, []
    if begun:
        yield begun, "".join(parts).strip()


def _rule(statement: str, file: str, line: int) -> Rule:
    try:
        parsed = json.loads(policies_to_json_str(statement))
    except ValueError as error:
        raise ConfigError(
            f"This policy does not parse: {error}.",
            file=file,
            line=line,
            remedy="Mend its syntax; each policy ends with a semicolon.",
        ) from error
    if parsed["templates"]:
        raise ConfigError(
            "This policy is a template (?principal or ?resource), which permits nothing.",
            file=file,
            line=line,
            remedy="Name the principal or the resource, or leave it open.",
        )
    (policy,) = parsed["staticPolicies"].values()
    notes: dict[str, str | None] = policy.get("annotations", {})
    _check_notes(notes, policy["effect"], file, line)
    return Rule(
        id=notes["id"] or "",
        text=statement,
        file=file,
        line=line,
        ask=notes.get("ask") or "",
        reason=notes.get("reason") or "",
        effect=policy["effect"],
        sight=sight_of(policy),
    )


def _check_notes(notes: dict[str, str | None], effect: str, file: str, line: int) -> None:
    told = remedy = ""
    if not notes.get("id"):
        told, remedy = "This policy has no @id.", 'Begin it with @id("…"): the audit names it so.'
    elif unknown := sorted(notes.keys() - _ANNOTATIONS):
        told = f"There is no annotation @{unknown[0]}."
        remedy = "Use @id, @ask or @reason."
    elif "ask" in notes and not notes["ask"]:
        told, remedy = "This @ask says nothing.", 'Write @ask("why a person decides").'
    elif "ask" in notes and effect == "forbid":
        told, remedy = "A forbid cannot ask.", "Put @ask on the permit, or remove it."
    if told:
        raise ConfigError(told, file=file, line=line, field=notes.get("id") or "", remedy=remedy)


def check_rule(rule: Rule, schema: Schema) -> None:
    """Hold a rule against a schema.

    Raises:
        ConfigError: it names what is not there, or compares what cannot be compared.
    """
    found = validate_policies(rule.text, schema)
    if not found.validation_passed:
        told = str(found.errors[0].error).replace("`policy0`", f"`{rule.id}`")
        raise ConfigError(
            f"{told[:1].upper()}{told[1:]}.",
            file=rule.file,
            line=rule.line,
            field=rule.id,
            remedy=_GUARD if "`args" in told else _NAMES,
        )


def doubles(rules: list[Rule]) -> list[ConfigError]:
    """A mistake for each rule whose id an earlier one has."""
    first: dict[str, Rule] = {}
    return [
        ConfigError(
            f"The id {rule.id!r} is taken by {first[rule.id].file}:{first[rule.id].line}.",
            file=rule.file,
            line=rule.line,
            field=rule.id,
            remedy="Give each policy an id of its own.",
        )
        for rule in rules
        if first.setdefault(rule.id, rule) is not rule
    ]
