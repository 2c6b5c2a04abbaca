"""Why a recorded call was decided as it was, and what the present policies say to it."""

from __future__ import annotations

from dataclasses import dataclass

from app.policy_recorded import Again, decide_again
from ledger.calls import ToolCall
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.errors import UnknownRun, UserError
from tools.entities import context_of
from tools.policy import Applied, Policy
from tools.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A decision in full."""

    call: ToolCall
    again: Again | None
    """None for a call that no policy was asked about."""
    applied: Applied
    context: Json
    """What the policies were shown; empty where none was asked."""


async def explain(ledger: Ledger, policy: Policy, id: str) -> Explained:
    """Take a recorded decision apart, and make it again.

    Raises:
        UnknownRun: there is no such call.
        UserError: its record is of a later release.
    """
    call = await ledger.calls.get(id)
    if call is None:
        remedy = "`switchyard runs show RUN` lists the calls of a run with their ids."
        raise UnknownRun("call", id, remedy=remedy)
    try:
        again = decide_again(policy, call)
    except ValueError as error:
        raise UserError(
            f"The record of {id} is not of a form that this release knows.",
            remedy="Use the release that recorded it, or a later one.",
        ) from error
    if again is None:
        return Explained(call=call, again=None, applied=Applied(met=(), failed=()), context={})
    return Explained(
        call=call,
        again=again,
        applied=policy.applied(again.question),
        context=context_of(again.question),
    )


def role_of(rule: Rule, explained: Explained) -> str:
    """What a rule that applied did to the decision."""
    assert explained.again is not None, "only a decided call has rules"
    if rule in explained.applied.failed:
        return "failed"
    if rule.effect == "forbid":
        return "forbids"
    if rule.id not in explained.again.decision.policies:
        return "would permit"
    return "asks" if rule.ask else "permits"
