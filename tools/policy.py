"""Decides whether a tool may be called: Cedar policies, parsed and checked once, default deny.

A decision is a pure function of the question. A policy that fails to evaluate is a deny, since
Cedar by itself would skip a `forbid` that fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial, reduce
from operator import or_
from pathlib import Path
from typing import Literal

from cedarpy import PolicySet, is_authorized, policies_to_json_str

from runtime.errors import ConfigError
from tools.catalogue import Deed
from tools.entities import Asked, context_of, entities, request
from tools.rules import Rule, doubles, read_rules, rules_of
from tools.sight import Seen

Verdict = Literal["allow", "deny", "ask"]

_KEPT = 2048
"""Decisions that are kept."""
_LONG = 2000
"""Characters of a context; the decision on a longer one is not kept."""
_NUMBER = re.compile(r"`(policy\d+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Allow, deny or ask, with what made it."""

    verdict: Verdict
    policies: tuple[str, ...]
    """Ids (`@id`) of the policies that decided; empty for the default deny."""
    reason: str
    """Why, in words that a person and a model can act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What each rule by itself says to a question, in the order of the files."""

    met: tuple[Rule, ...]
    failed: tuple[Rule, ...]
    """Those that cannot be evaluated; one is enough for a deny."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The rules that may be met by one action."""

    parsed: PolicySet
    by_number: Mapping[str, Rule]
    seen: Seen


class Policy:
    """All policies of a folder. Holds nothing that changes but decisions it made before."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_number = _numbered(rules)
        self._every = _as_permits(rules)
        self._seen = _seen(rules)
        # Cedar tries one rule after the other, and most are for other actions.
        self._part = cache(partial(_part, self.rules))
        # A decision is a function of what the rules look at, and most calls look alike.
        self._decided = lru_cache(maxsize=_KEPT)(self._decide)

    def sees(self, attribute: str) -> bool:
        """Whether a rule looks at this attribute of the context."""
        return self._seen.attribute(attribute)

    def sees_argument(self, name: str) -> bool:
        """Whether a rule looks at this argument."""
        return self._seen.argument(name)

    def decide(self, call: Asked) -> Decision:
        """Allow only when a policy permits it, none forbids it, and none failed.

        When several policies permit it and one of them asks, it is asked: a broad permission
        never weakens a narrower rule that wants a person.
        """
        context = json.dumps(context_of(call, self._part(call.action).seen))
        # What strangers wrote may be long; it is not worth its memory.
        decide = self._decided if len(context) <= _LONG else self._decide
        return decide(
            call.specialist, call.tenant, call.user, call.action, call.tool, call.server, context
        )

    def _decide(
        self,
        specialist: str,
        tenant: str,
        user: str,
        action: Deed,
        tool: str,
        server: str,
        context: str,
    ) -> Decision:
        part = self._part(action)
        known = entities(specialist, tenant, user, tool, server)
        answer = is_authorized(request(specialist, action, tool, context), part.parsed, known)
        deciding = [part.by_number[number] for number in answer.diagnostics.reasons]
        ids = tuple(sorted(rule.id for rule in deciding))
        if answer.diagnostics.errors:
            told = _named("; ".join(answer.diagnostics.errors), part.by_number)
            return Decision(verdict="deny", policies=ids, reason=f"A policy failed: {told}.")
        if not answer.allowed:
            told = f"No policy permits {specialist or 'this caller'} to {action} with {tool}."
            return Decision(verdict="deny", policies=ids, reason=_refusal(deciding, told))
        questions = [rule.ask for rule in deciding if rule.ask]
        if questions:
            return Decision(verdict="ask", policies=ids, reason=" ".join(dict.fromkeys(questions)))
        reasons = [rule.reason for rule in deciding if rule.reason]
        told = " ".join(dict.fromkeys(reasons)) or f"Permitted by {', '.join(ids)}."
        return Decision(verdict="allow", policies=ids, reason=told)

    def applied(self, call: Asked) -> Applied:
        """Every rule that this question meets, those too that another one went before."""
        known = entities(call.specialist, call.tenant, call.user, call.tool, call.server)
        context = json.dumps(context_of(call, self._seen))
        asked = request(call.specialist, call.action, call.tool, context)
        found = is_authorized(asked, self._every, known).diagnostics
        failed = {number for text in found.errors for number in _NUMBER.findall(text)}
        return Applied(
            met=tuple(self._by_number[number] for number in sorted(found.reasons, key=_order)),
            failed=tuple(self._by_number[number] for number in sorted(failed, key=_order)),
        )


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


def _part(rules: Sequence[Rule], action: Deed) -> _Part:
    own = [rule for rule in rules if rule.sight.acts(action)]
    parsed = PolicySet.from_str("\n".join(rule.text for rule in own))
    return _Part(parsed=parsed, by_number=_numbered(own), seen=_seen(own))


def _numbered(rules: Sequence[Rule]) -> dict[str, Rule]:
    """The rules by Cedar's numbers, which follow the order of their text."""
    return {f"policy{number}": rule for number, rule in enumerate(rules)}


def _seen(rules: Sequence[Rule]) -> Seen:
    return reduce(or_, (rule.sight.seen for rule in rules), Seen())


def _named(text: str, rules: Mapping[str, Rule]) -> str:
    """Cedar's numbers of policies replaced by their ids."""
    for number, rule in rules.items():
        text = text.replace(f"`{number}`", f"`{rule.id}`")
    return text


def _as_permits(rules: Sequence[Rule]) -> PolicySet:
    """The same rules without forbids: where all of them permit, each that is met is told."""
    parsed = json.loads(policies_to_json_str("\n".join(rule.text for rule in rules)))
    for policy in parsed["staticPolicies"].values():
        policy["effect"] = "permit"
    return PolicySet.from_json_str(json.dumps(parsed))


def _order(number: str) -> int:
    return int(number.removeprefix("policy"))


def _refusal(forbidding: Sequence[Rule], default: str) -> str:
    told = [rule.reason or f"Forbidden by {rule.id}." for rule in forbidding]
    return " ".join(dict.fromkeys(told)) or default
