"""Puts an effect to a person, once. The answer is kept under an id that follows from the effect,
so that a run which was cut off finds it again, and no other call can take it for its own.
"""

from __future__ import annotations

from ledger.approvals import Approvals
from runtime.canonical import Json
from runtime.context import RunContext
from tools.calls import Ask
from tools.catalogue import ToolEntry
from tools.policy import Decision
from tools.provenance import CLEAN, RANKS, Origin, Provenance

_FREE = RANKS["designated"]
_WORDS: dict[Origin, str] = {
    "request": "the request",
    "person": "a person",
    "designated": "a trusted field of a record that the request names",
    "trusted": "a trusted field of a record that the request does not name",
    "untrusted": "text that strangers may have written",
}


def question_of(
    entry: ToolEntry,
    arguments: dict[str, Json],
    decision: Decision,
    context: RunContext,
    provenance: Provenance = CLEAN,
) -> Json:
    """What a person needs to know to decide: the call, why they are asked, and, where it matters,
    each argument that comes neither from the request nor from a person, with its source."""
    question: dict[str, Json] = {
        "tool": entry.name,
        "action": entry.action,
        "arguments": arguments,
        "reason": decision.reason,
        "specialist": context.specialist,
        "policies": list(decision.policies),
    }
    if provenance.rank <= _FREE:
        return question
    doubtful = [one for one in provenance.arguments if RANKS[one.origin] > _FREE]
    # The worst first: a person may read no further than the first line.
    doubtful.sort(key=lambda one: -RANKS[one.origin])
    question["offending"] = [
        {
            "argument": one.name,
            "value": one.shown,
            "origin": _WORDS[one.origin],
            "source": one.source,
        }
        for one in doubtful
    ]
    question["read_before"] = provenance.taint
    return question


async def approved(
    approvals: Approvals, id: str, context: RunContext, question: Json, ask: Ask
) -> bool:
    """A person's answer: the recorded one, or a new one. Anything but a yes is a no.

    Raises:
        Exception: whatever `ask` raises; the question then stays open.
    """
    found = await approvals.ask(
        id, run=context.run, task=context.task, kind="effect", question=question
    )
    if found.state == "pending":
        said = await ask(found)
        await approvals.answer(id, "approved" if said == "approved" else "refused", by=context.user)
        # Somebody else may have answered first; then that answer counts.
        found = await approvals.get(id) or found
    return found.state == "approved"
