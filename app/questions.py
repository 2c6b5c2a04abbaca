"""What a paused run asks, and what a person's words answer: one question, one answer, by id."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from langgraph.types import Interrupt

from runtime.canonical import Json
from runtime.errors import UserError

APPROVE = frozenset({"approve", "approved", "yes", "y"})
REFUSE = frozenset({"refuse", "refused", "no", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An open interrupt of a run."""

    interrupt: str
    """Id of the interrupt, by which the run is resumed."""
    approval: str
    """Id in the ledger, by which a person answers."""
    kind: str
    """`effect`, `plan` or `clarify`."""
    task: str
    question: Json

    @property
    def in_words(self) -> bool:
        """Whether the answer is a text, not a decision."""
        return self.kind == "clarify"


def questions_in(interrupts: Iterable[Interrupt]) -> list[Question]:
    """The questions among the open interrupts, each once, in the order in which they stand."""
    found: dict[str, Question] = {}
    for one in interrupts:
        if isinstance(one.value, dict) and "approval" in one.value:
            found.setdefault(
                one.id,
                Question(
                    interrupt=one.id,
                    approval=str(one.value["approval"]),
                    kind=str(one.value["kind"]),
                    task=str(one.value["task"]),
                    question=one.value["question"],
                ),
            )
    return list(found.values())


def answer_to(approval: str, kind: str, said: str) -> Json:
    """The resume value for an approval.

    Raises:
        UserError: the words decide nothing.
    """
    words = said.strip()
    if kind == "clarify":
        if not words:
            raise UserError("The answer is empty.", remedy="Answer the question in words.")
        return {"approval": approval, "text": words}
    if words.casefold() in APPROVE:
        return {"approval": approval, "decision": "approve"}
    if words.casefold() in REFUSE:
        return {"approval": approval, "decision": "refuse"}
    raise UserError(
        f"{words!r} is no decision on {approval}.", remedy="Answer with: approve, or refuse."
    )


def in_lines(kind: str, task: str, question: Json) -> list[str]:
    """A question as a person reads it."""
    match kind:
        case "clarify":
            return [str(question["question"])]
        case "plan":
            tasks = question["plan"]["tasks"]
            return [
                f"{question['specialist']} wants to carry out this plan of {len(tasks)} tasks:",
                *(f"  {task['id']}: {task['objective'][:100]}" for task in tasks[:20]),
                *([f"  … and {len(tasks) - 20} more"] if len(tasks) > 20 else []),
            ]
        case _:
            arguments = question["arguments"]
            return [
                f"{question['specialist']} ({task}) wants to {question['action']}"
                f" with {question['tool']}:",
                *(f"  {name}: {_shown(value)}" for name, value in arguments.items()),
                f"Why you are asked: {question['reason']}",
            ]


def command_for(approval: str, kind: str, home: str = "") -> str:
    """The exact command that answers from another terminal."""
    words = '"your words"' if kind == "clarify" else "approve|refuse"
    return f"switchyard answer {approval} {words}" + (f" --home {home}" if home else "")


def _shown(value: Json) -> str:
    """A value on one line, or its lines indented below."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("\n", "\n    ")
