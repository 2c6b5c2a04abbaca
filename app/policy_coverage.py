"""Which rules are ever met, and which tools no rule speaks of.

A rule that nothing meets is dead or untested; a tool without a rule of its own is decided by the
general ones; a tool that only the default deny decides cannot be used at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agents.spec import Specialist
from runtime.labels import Label
from tools.catalogue import ToolEntry
from tools.entities import Asked
from tools.policy import Policy, Verdict
from tools.rules import Rule

_NOBODY = "nobody"
"""Who asks in place of the specialists, for a tool that none of them lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleUse:
    """A rule and how often it was met."""

    rule: Rule
    cases: int
    recorded: int

    @property
    def hit(self) -> bool:
        return self.cases + self.recorded > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A tool and what the rules make of it."""

    tool: str
    action: str
    own: tuple[str, ...]
    """Ids of the rules that name it or its server."""
    best: Verdict
    """What its best caller gets for a foreseen call without any text of strangers."""
    undecided: bool
    """No rule permits or forbids it to anybody: only the default deny decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    rules: tuple[RuleUse, ...]
    tools: tuple[ToolUse, ...]
    unavailable: Mapping[str, str]
    """Servers that did not start, so that nothing is said of their tools."""

    @property
    def never(self) -> tuple[RuleUse, ...]:
        """Rules that no case and no recorded call ever met."""
        return tuple(one for one in self.rules if not one.hit)


def coverage(
    policy: Policy,
    *,
    cases: Iterable[Collection[str]],
    recorded: Iterable[Collection[str]],
    catalogue: Collection[ToolEntry],
    unavailable: Mapping[str, str],
    specialists: Collection[Specialist],
) -> Coverage:
    """`cases` and `recorded` hold the ids of the rules that each of them met."""
    by_case, by_record = _counted(cases), _counted(recorded)
    return Coverage(
        rules=tuple(
            RuleUse(rule=rule, cases=by_case.get(rule.id, 0), recorded=by_record.get(rule.id, 0))
            for rule in policy.rules
        ),
        tools=tuple(
            _tool(policy, entry, specialists)
            for entry in sorted(catalogue, key=lambda entry: entry.name)
        ),
        unavailable=unavailable,
    )


def _counted(met: Iterable[Collection[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for ids in met:
        for id in ids:
            counts[id] = counts.get(id, 0) + 1
    return counts


def _tool(policy: Policy, entry: ToolEntry, specialists: Collection[Specialist]) -> ToolUse:
    own = tuple(rule.id for rule in policy.rules if rule.sight.own and rule.sight.covers(entry))
    callers = [one for one in specialists if entry.name in one.tools]
    asked = [_question(entry, one) for one in callers] or [_question(entry, None)]
    decisions = [policy.decide(question) for question in asked]
    order: tuple[Verdict, ...] = ("allow", "ask", "deny")
    return ToolUse(
        tool=entry.name,
        action=entry.action,
        own=own,
        best=min((one.verdict for one in decisions), key=order.index),
        undecided=all(one.verdict == "deny" and not one.policies for one in decisions),
    )


def _question(entry: ToolEntry, caller: Specialist | None) -> Asked:
    """The most harmless call that there is of a tool."""
    return Asked(
        specialist=caller.name if caller else _NOBODY,
        tenant="local",
        user="local",
        task="coverage",
        tool=entry.name,
        server=entry.server,
        action=entry.action,
        declared=True,
        foreseen=True,
        label=caller.data if caller else Label.public,
        cleared_for=entry.cleared_for,
        asks_effects=caller is not None and caller.approval == "effects",
        hour=12,
        kinds=entry.kinds,
    )
