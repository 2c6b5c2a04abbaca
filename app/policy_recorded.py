"""Recorded decisions, decided again by the present policies: what a change of rules would change.

Nothing is called and nothing is written: a decision is a function of what its row says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ledger.calls import ToolCall
from runtime.canonical import Json
from tools.asked import asked_again
from tools.entities import Asked
from tools.masking import MASK
from tools.policy import Decision, Policy, Verdict
from tools.projection import Kind, fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A recorded call and what is decided on it now."""

    call: ToolCall
    question: Asked
    before: Verdict
    """What the policies said then; the call may have been turned away by a rate limit as well."""
    decision: Decision
    met: frozenset[str]
    """Ids of every rule that it meets now."""
    hidden: tuple[str, ...]
    """Arguments that a rule may look at and whose recorded value is not what was decided on,
    since it was masked or deleted."""

    @property
    def differs(self) -> bool:
        """Whether the verdict is another one."""
        return self.before != self.decision.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a number of recorded calls."""

    again: tuple[Again, ...]
    undecided: int
    """Calls of which no policy was asked: repeated effects, wrong arguments, unknown tools, and
    those that an earlier release recorded."""
    unreadable: tuple[str, ...]
    """Ids of calls whose record is not of a form that this release knows."""

    @property
    def differing(self) -> tuple[Again, ...]:
        """Those that are decided otherwise now."""
        return tuple(one for one in self.again if one.differs)


def replay(policy: Policy, calls: Iterable[ToolCall]) -> Replayed:
    """Decide recorded calls again."""
    again: list[Again] = []
    unreadable: list[str] = []
    undecided = 0
    for call in calls:
        try:
            one = decide_again(policy, call)
        except ValueError:
            unreadable.append(call.id)
            continue
        if one is None:
            undecided += 1
        else:
            again.append(one)
    return Replayed(again=tuple(again), undecided=undecided, unreadable=tuple(unreadable))


def decide_again(policy: Policy, call: ToolCall) -> Again | None:
    """Decide one recorded call again; None when no policy was asked about it.

    Raises:
        ValueError: its record is not of a form that this release knows.
    """
    found = asked_again(call)
    if found is None:
        return None
    question, before = found
    hidden = [
        name
        for name, kind in question.kinds.items()
        if policy.sees_argument(name) and _is_hidden(kind, question.arguments.get(name))
    ]
    return Again(
        call=call,
        question=question,
        before=before,
        decision=policy.decide(question),
        met=frozenset(rule.id for rule in policy.applied(question).met),
        hidden=tuple(hidden),
    )


def _is_hidden(kind: Kind, value: Json) -> bool:
    """Whether a recorded argument is not the one that was decided on. One that is gone counts."""
    return value is None or not fits(kind, value) or MASK in json.dumps(value)
