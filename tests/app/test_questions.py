"""Questions of paused runs and the answers to them."""

from __future__ import annotations

import pytest
from langgraph.types import Interrupt

from app.questions import Added, answer_to, command_for, in_lines, questions_in
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


def test_a_plan_may_be_signed_as_the_person_wants_it() -> None:
    plan: dict[str, list[str]] = {"tasks": []}
    said = answer_to("a-1", "plan", "approve", Added(plan=plan))
    assert said == {"approval": "a-1", "decision": "approve", "plan": plan}
    assert command_for("a-1", "plan") == "switchyard answer a-1 approve|refuse [--plan FILE]"


@pytest.mark.parametrize(
    ("added", "more"),
    [
        (Added(), {}),
        (Added(text=" look twice "), {"text": "look twice"}),
        (Added(output={"n": 1}), {"output": {"n": 1}}),
    ],
)
def test_a_task_that_nobody_could_do_takes_advice_or_the_result(
    added: Added, more: dict[str, object]
) -> None:
    said = answer_to("a-1", "task", "approve", added)
    assert said == {"approval": "a-1", "decision": "approve", **more}


@pytest.mark.parametrize(
    ("kind", "word", "added", "told"),
    [
        ("effect", "approve", Added(text="but gently"), "--text does not belong"),
        ("plan", "approve", Added(output={}), "It takes --plan"),
        ("plan", "refuse", Added(plan={}), "--plan does not belong"),
        ("task", "approve", Added(text="x", output={}), "takes one of --text, --output"),
    ],
)
def test_what_does_not_belong_to_an_answer_is_refused(
    kind: str, word: str, added: Added, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        answer_to("a-1", kind, word, added)


def test_a_task_that_nobody_could_do_is_shown_with_what_was_wrong() -> None:
    question = {
        "specialist": "reviewer",
        "objective": "Count them.",
        "inputs": {"list": [1, 2]},
        "output": {"type": "object"},
        "reasons": ["no evidence", "wrong number"],
    }
    text = "\n".join(in_lines("task", "d1/count", question))
    for part in ("Nobody could do d1/count (reviewer): Count them.", "no evidence", "list: [1, 2]"):
        assert part in text
