"""Decides whether a tool may be called: Cedar policies, parsed and checked once, default deny.

A decision is a pure function of the question. A policy that fails to evaluate is a deny, since
Cedar by itself would skip a `forbid` that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cedarpy import PolicySet, is_authorized

from runtime.errors import ConfigError
from tools.entities import Asked, entities, request
from tools.rules import Rule, doubles, read_rules, rules_of

Verdict = Literal["allow", "deny", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Allow, deny or ask, with what made it."""

    verdict: Verdict
    policies: tuple[str, ...]
    """Ids (`@id`) of the policies that decided; empty for the default deny."""
    reason: str
    """Why, in words that a person and a model can act on."""


class Policy:
    """All policies of a folder. Holds nothing that changes."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._set = PolicySet.from_str("\n".join(rule.text for rule in rules))
        # Cedar numbers policies in the order of their text.
        self._by_number = {f"policy{number}": rule for number, rule in enumerate(rules)}

    def decide(self, call: Asked) -> Decision:
        """Allow only when a policy permits it, none forbids it, and none failed.

        When several policies permit it and one of them asks, it is asked: a broad permission
        never weakens a narrower rule that wants a person.
        """
        known = entities(call.specialist, call.tenant, call.user, call.tool, call.server)
        answer = is_authorized(request(call), self._set, known)
        deciding = [self._by_number[number] for number in answer.diagnostics.reasons]
        ids = tuple(sorted(rule.id for rule in deciding))
        if answer.diagnostics.errors:
            told = self._named("; ".join(answer.diagnostics.errors))
            return Decision(verdict="deny", policies=ids, reason=f"A policy failed: {told}.")
        if not answer.allowed:
            return Decision(verdict="deny", policies=ids, reason=_refusal(call, deciding))
        questions = [rule.ask for rule in deciding if rule.ask]
        if questions:
            return Decision(verdict="ask", policies=ids, reason=" ".join(dict.fromkeys(questions)))
        reasons = [rule.reason for rule in deciding if rule.reason]
        told = " ".join(dict.fromkeys(reasons)) or f"Permitted by {', '.join(ids)}."
        return Decision(verdict="allow", policies=ids, reason=told)

    def _named(self, text: str) -> str:
        """Cedar's numbers of policies replaced by their ids."""
        for number, rule in self._by_number.items():
            text = text.replace(f"`{number}`", f"`{rule.id}`")
        return text


def load_policy(folder: Path) -> Policy:
    """Read, parse and check every `*.cedar` file of a folder.

    Raises:
        ConfigError: the first mistake, with file, line and remedy.
    """
    rules, mistakes = read_rules(folder)
    if mistakes:
        raise mistakes[0]
    return Policy(rules)


def parse_policy(text: str, file: Path | str = "policy") -> Policy:
    """The policies of one text.

    Raises:
        ConfigError: the first mistake in it.
    """
    rules, mistakes = rules_of(text, file)
    mistakes += doubles(rules)
    if mistakes:
        raise mistakes[0]
    return Policy(rules)


def check_policy(folder: Path) -> list[ConfigError]:
    """Every mistake in the policies of a folder."""
    return read_rules(folder)[1]


def _refusal(call: Asked, forbidding: Sequence[Rule]) -> str:
    if forbidding:
        told = [rule.reason or f"Forbidden by {rule.id}." for rule in forbidding]
        return " ".join(dict.fromkeys(told))
    return (
        f"No policy permits {call.specialist or 'this caller'} to {call.action} with {call.tool}."
    )
