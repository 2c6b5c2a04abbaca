"""Asking a person from inside a run: the run pauses, and the answer finds its own question."""

from __future__ import annotations

from typing import Literal

from langgraph.types import interrupt

from ledger.approvals import Approval
from ledger.store import Ledger
from runtime.canonical import Json

_YES = {"approve", "approved", "yes"}
_NO = {"refuse", "refused", "no"}


async def ask_person(ledger: Ledger, approval: Approval) -> Literal["approved", "refused"]:
    """Pause the task until a person decides on `approval`.

    An answer that is addressed to another approval, or says neither yes nor no, is not an answer:
    the question is asked again.
    """
    reason = f"waits for approval {approval.id}"
    await ledger.tasks.move(approval.run, approval.task, "paused", reason=reason)
    await ledger.runs.set_status(approval.run, "paused")
    question = {
        "approval": approval.id,
        "kind": approval.kind,
        "task": approval.task,
        "question": approval.question,
        "answer_with": {"approval": approval.id, "decision": "approve | refuse"},
    }
    while True:
        decision = decision_in(interrupt(question), approval.id)
        if decision:
            told = f"approval {approval.id}: {decision}"
            await ledger.tasks.move(approval.run, approval.task, "running", reason=told)
            await ledger.runs.set_status(approval.run, "running")
            return decision


async def ask_text(ledger: Ledger, question: Approval) -> str:
    """Pause the run until the user answers a clarifying question in words."""
    await ledger.runs.set_status(question.run, "paused")
    payload = {
        "approval": question.id,
        "kind": question.kind,
        "task": question.task,
        "question": question.question,
        "answer_with": {"approval": question.id, "text": "your words"},
    }
    while True:
        answer = interrupt(payload)
        addressed = isinstance(answer, dict) and answer.get("approval") == question.id
        text = str(answer.get("text") or "").strip() if addressed else ""
        if text:
            await ledger.runs.set_status(question.run, "running")
            return text


def decision_in(answer: Json, approval: str) -> Literal["approved", "refused"] | None:
    """The decision that an answer makes on `approval`; None when it makes none."""
    if not isinstance(answer, dict) or answer.get("approval") != approval:
        return None
    word = str(answer.get("decision")).strip().casefold()
    if word in _YES:
        return "approved"
    return "refused" if word in _NO else None
