"""What a paused run asks, and what a person's words answer: one question, one answer, by id."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from langgraph.types import Interrupt

from runtime.canonical import Json
from runtime.errors import UserError

_WITH = {"plan": ("plan",), "task": ("text", "output"), "elicitation": ("output",)}
"""What a person may add to the word `approve`, by kind of question."""

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
    """`effect`, `plan`, `task`, `elicitation` or `clarify`."""
    task: str
    question: Json

    @property
    def in_words(self) -> bool:
        """Whether the answer is a text, not a decision."""
        return self.kind == "clarify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a person adds to a decision."""

    text: str = ""
    """Advice for one more try of a task that nobody could do."""
    output: Json = None
    """The person's own result of such a task."""
    plan: Json = None
    """The plan as it shall be carried out."""

    def given(self) -> dict[str, Json]:
        """What there is, by name."""
        fields = {"text": self.text.strip() or None, "output": self.output, "plan": self.plan}
        return {name: value for name, value in fields.items() if value is not None}


NOTHING = Added()


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


def answer_to(approval: str, kind: str, said: str, added: Added = NOTHING) -> dict[str, Json]:
    """The resume value for an approval.

    Raises:
        UserError: the words decide nothing, or what is added does not belong to the question.
    """
    words, more = said.strip(), added.given()
    if kind == "clarify":
        words = words or added.text.strip()
        if not words:
            raise UserError("The answer is empty.", remedy="Answer the question in words.")
        return {"approval": approval, "text": words}
    if words.casefold() in REFUSE:
        _refuse_added(approval, more, ())
        return {"approval": approval, "decision": "refuse"}
    if words.casefold() in APPROVE:
        _refuse_added(approval, more, _WITH.get(kind, ()))
        return {"approval": approval, "decision": "approve", **more}
    raise UserError(
        f"{words!r} is no decision on {approval}.", remedy="Answer with: approve, or refuse."
    )


def _refuse_added(approval: str, more: Mapping[str, Json], allowed: tuple[str, ...]) -> None:
    for name in more:
        if name not in allowed:
            takes = " or ".join(f"--{one}" for one in allowed) or "the word alone"
            raise UserError(
                f"--{name} does not belong to this answer to {approval}.",
                remedy=f"It takes {takes}.",
            )
    if len(more) > 1:
        raise UserError(
            f"{approval} takes one of {', '.join(f'--{name}' for name in more)}.",
            remedy="Give advice for one more try, or the result itself.",
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
        case "task":
            return [
                f"Nobody could do {task} ({question.get('specialist', '')}):"
                f" {_shown(question.get('objective', ''))}",
                *(f"  rejected: {_shown(why)}" for why in question.get("reasons", ())),
                *_named("input", question.get("inputs")),
                f"  the result has the form: {json.dumps(question.get('output'))[:500]}",
                "Approve for one more try (--text with advice), give the result yourself"
                " (--output FILE), or refuse to let it fail.",
            ]
        case "elicitation":
            return [
                f"The tool server {question['server']} asks {question['specialist']} ({task}),"
                f" in the middle of {question['tool']}:",
                f"  {_shown(question['message'])}",
                *([f"  address: {_shown(question['url'])}"] if question["url"] else []),
                *_named("field", (question["form"] or {}).get("properties")),
                f"Why you are asked: {question['reason']}",
            ]
        case _:
            arguments = question["arguments"]
            return [
                f"{question['specialist']} ({task}) wants to {question['action']}"
                f" with {question['tool']}:",
                *(f"  {name}: {_shown(value)}" for name, value in arguments.items()),
                f"Why you are asked: {question['reason']}",
                *_doubtful(question),
            ]


def command_for(approval: str, kind: str, home: str = "") -> str:
    """The exact command that answers from another terminal."""
    words = {
        "clarify": '"your words"',
        "plan": "approve|refuse [--plan FILE]",
        "task": 'approve|refuse [--text "advice" | --output FILE]',
        "elicitation": "approve|refuse [--output FILE]",
    }.get(kind, "approve|refuse")
    return f"switchyard answer {approval} {words}" + (f" --home {home}" if home else "")


def _named(what: str, values: Json) -> list[str]:
    if not isinstance(values, dict):
        return []
    return [f"  {what} {name}: {_shown(value)[:200]}" for name, value in values.items()]


def _doubtful(question: Json) -> list[str]:
    """The arguments that neither the request nor a person gave, and where they come from."""
    lines = [
        f"  {one['argument']} = {_shown(one['value'])}: from {one['origin']}"
        + (f" ({_shown(one['source'])})" if one["source"] else "")
        for one in question.get("offending", ())
    ]
    if read := question.get("read_before"):
        lines.append(f"  Text of strangers came in before, with {_shown(read)}.")
    return lines


def _shown(value: Json) -> str:
    """A value on one line, or its lines indented below."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(text).replace("\n", "\n    ")


def visible(text: str) -> str:
    """A text with what no eye sees written out: signs that hide, reverse or colour others would
    show a person something else than what they decide on."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)
