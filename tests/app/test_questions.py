"""Questions of paused runs and the answers to them."""

from __future__ import annotations

import pytest
from langgraph.types import Interrupt

from app.questions import answer_to, command_for, in_lines, questions_in
from runtime.errors import UserError

EFFECT = {
    "tool": "notify_send_email",
    "action": "send",
    "arguments": {"to": "anna@example.com", "body": "two\nlines", "copies": 2},
    "reason": "It changes something.",
    "specialist": "notify",
    "policies": ["p"],
}


def test_an_interrupt_that_is_seen_twice_is_one_question() -> None:
    value = {"approval": "a-1", "kind": "effect", "task": "d1", "question": EFFECT}
    twice = [Interrupt(value, id="i-1"), Interrupt(value, id="i-1"), Interrupt("else", id="i-2")]
    (question,) = questions_in(twice)
    assert (question.interrupt, question.approval, question.in_words) == ("i-1", "a-1", False)


@pytest.mark.parametrize(
    ("said", "decision"),
    [("approve", "approve"), (" YES ", "approve"), ("refuse", "refuse"), ("No", "refuse")],
)
def test_a_decision_is_addressed_to_its_approval(said: str, decision: str) -> None:
    assert answer_to("a-1", "effect", said) == {"approval": "a-1", "decision": decision}


@pytest.mark.parametrize(("kind", "said"), [("effect", "perhaps"), ("plan", ""), ("clarify", " ")])
def test_words_that_decide_nothing_are_no_answer(kind: str, said: str) -> None:
    with pytest.raises(UserError):
        answer_to("a-1", kind, said)


def test_a_clarifying_question_takes_any_words() -> None:
    assert answer_to("q-1", "clarify", " no, the other ") == {
        "approval": "q-1",
        "text": "no, the other",
    }
    assert command_for("q-1", "clarify", "/h") == 'switchyard answer q-1 "your words" --home /h'


def test_an_effect_is_shown_with_every_argument_and_the_reason() -> None:
    text = "\n".join(in_lines("effect", "d1", EFFECT))
    for part in ("notify (d1) wants to send", "to: anna@example.com", "copies: 2", "two\n"):
        assert part in text
    assert text.endswith("Why you are asked: It changes something.")


def test_a_plan_is_shown_with_its_tasks() -> None:
    tasks = [{"id": f"t{n}", "objective": "Do it."} for n in range(25)]
    lines = in_lines("plan", "d1", {"specialist": "x", "plan": {"tasks": tasks}})
    assert lines[0] == "x wants to carry out this plan of 25 tasks:"
    assert lines[-1] == "  … and 5 more"
