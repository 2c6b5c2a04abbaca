"""Asking a person from inside a run: the run pauses, and the answer finds its own question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt

from graphs.identity import authenticated
from graphs.services import services
from ledger.approvals import Approval
from ledger.store import Ledger
from runtime.canonical import Json

_YES = {"approve", "approved", "yes"}
_NO = {"refuse", "refused", "no"}
_MAY_ADD: dict[str, dict[str, str]] = {
    "plan": {"plan": "the plan as you want it; leave it out to take this one"},
    "task": {"text": "advice for one more try", "output": "or the result itself"},
    "elicitation": {"output": "the values of the form; leave it out to take its defaults"},
}
"""What an approval of each kind may carry besides the word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided on a question."""

    kind: Literal["approved", "refused"]
    by: str
    text: str = ""
    """Advice in words; only for a task that nobody could do."""
    output: Json = None
    """The person's own result of such a task; None for none."""
    plan: Json = None
    """The plan as the person changed it; None when it was left as it is. Not yet checked."""


async def ask_person(ledger: Ledger, approval: Approval) -> Literal["approved", "refused"]:
    """Pause the task until a person decides on `approval`.

    An answer that is addressed to another approval, or says neither yes nor no, is not an answer:
    the question is asked again.
    """
    return (await ask_decision(ledger, approval)).kind


async def ask_decision(ledger: Ledger, approval: Approval) -> Decision:
    """Pause the task until a person decides on `approval`, and take what they add to it.

    What the answer carries is in no record yet: the caller writes it down, then answers the
    approval in the ledger.
    """
    reason = f"waits for approval {approval.id}"
    await ledger.tasks.move(approval.run, approval.task, "paused", reason=reason)
    form = {"approval": approval.id, "decision": "approve | refuse"}
    form |= _MAY_ADD.get(approval.kind, {})
    while True:
        answer = await _asked(approval, form)
        if said := decision_in(answer, approval.id):
            told = f"approval {approval.id}: {said}"
            await ledger.tasks.move(approval.run, approval.task, "running", reason=told)
            return await _taken(ledger, approval, said, answer)


async def ask_text(ledger: Ledger, question: Approval) -> str:  # noqa: ARG001 - as its siblings
    """Pause the run until the user answers a clarifying question in words."""
    form = {"approval": question.id, "text": "your words"}
    while True:
        answer = await _asked(question, form)
        addressed = isinstance(answer, dict) and answer.get("approval") == question.id
        text = str(answer.get("text") or "").strip() if addressed else ""
        if text:
            return text


def decision_in(answer: Json, approval: str) -> Literal["approved", "refused"] | None:
    """The decision that an answer makes on `approval`; None when it makes none."""
    if not isinstance(answer, dict) or answer.get("approval") != approval:
        return None
    word = str(answer.get("decision")).strip().casefold()
    if word in _YES:
        return "approved"
    return "refused" if word in _NO else None


async def _asked(approval: Approval, form: dict[str, str]) -> Json:
    """The resume value; the first time the task ends here, and the run rests with its last one."""
    question = {
        "approval": approval.id,
        "kind": approval.kind,
        "task": approval.task,
        "question": approval.question,
        "answer_with": form,
    }
    try:
        return interrupt(question)
    except GraphInterrupt:
        await services().holding.asked(approval.run)
        raise


async def _taken(
    ledger: Ledger, approval: Approval, said: Literal["approved", "refused"], answer: Json
) -> Decision:
    run = await ledger.runs.get(approval.run)
    by = authenticated() or (run.user if run else "")
    may = _MAY_ADD.get(approval.kind, {}) if said == "approved" else {}
    plan, output = answer.get("plan"), answer.get("output")
    return Decision(
        kind=said,
        by=by,
        text=str(answer.get("text") or "").strip() if "text" in may else "",
        output=output if "output" in may else None,
        plan=plan if "plan" in may and isinstance(plan, dict) else None,
    )
