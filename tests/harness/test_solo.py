"""A short chain is done by one worker, and nothing becomes weaker by it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks import Facts, Observation
from harness.limits import Limits
from harness.plan import Check, Input, Plan, Task
from harness.schemas import malformed, violations
from harness.solo import Solo, solo, split
from harness.solo_verify import verify_solo
from harness.verify import Verdict
from runtime.canonical import Json

LIMITS = Limits(
    tasks=10,
    width=2,
    attempts=2,
    escalations=1,
    model_calls=10,
    tool_calls=10,
    repeated_calls=2,
    task_seconds=5,
    solo_tasks=3,
)
PASSAGES: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["passages", "evidence"],
    "properties": {
        "passages": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/passage"}},
        "evidence": {"type": "array", "items": {"type": "string"}},
    },
    "$defs": {"passage": {"type": "object", "required": ["path", "start_line", "text"]}},
}
FIND = Task(
    id="find",
    objective="Search the documents.",
    inputs={"question": Input(source="request", select="question"), "limit": Input(value=5)},
    tools=("docs_search",),
    output=PASSAGES,
    accept=(Check(check="grounded_rows", at="passages", key="path", fields=("text",)),),
)
ANSWER = Task(
    id="answer",
    objective="Answer from the passages.",
    inputs={
        "question": Input(source="request", select="question"),
        "limit": Input(value=9),
        "passages": Input(source="find", select="passages"),
        "paths": Input(source="find", select="passages[].path", distinct=True),
    },
    output={"type": "object", "required": ["cited", "paths", "text"]},
    accept=(
        Check(check="citations", at="cited"),
        Check(check="covers", at="paths", input="paths"),
        Check(check="references_input", at="text", input="question"),
    ),
    criteria=("It is short.",),
)
PASSAGE = {"path": "x.md", "start_line": 3, "text": "one line"}


def joined() -> Solo:
    found = solo(Plan(tasks=(ANSWER, FIND)), LIMITS)
    assert found is not None
    return found


def output() -> dict[str, Any]:
    cited = {"path": "x.md", "start_line": 3, "end_line": 3, "quote": "one line"}
    return {
        "find": {"passages": [PASSAGE], "evidence": ["c-1"]},
        "answer": {"cited": [cited], "paths": ["x.md"], "text": "Why? Because."},
    }


def verdict(given: Json) -> Verdict:
    facts = Facts(
        output=given,
        inputs={"question": "why?", "find.limit": 5, "answer.limit": 9},
        observations=[
            Observation(id="c-1", tool="docs_search", ok=True, data=[PASSAGE]),
            Observation(id="c-2", tool="mail_send", ok=True, data=[PASSAGE]),
        ],
    )
    return verify_solo(joined(), facts)


def test_a_chain_becomes_one_task_that_names_its_steps_in_order() -> None:
    one = joined()
    assert (one.order, len(one.plan.tasks), one.task.id) == (("find", "answer"), 1, "solo")
    assert one.task.objective.index("Search the docu") < one.task.objective.index("Answer from")
    assert "the result of 'find', of it what JMESPath 'passages' selects" in one.task.objective
    assert one.task.tools == ("docs_search",)
    assert one.task.output["required"] == ["find", "answer"]
    # An input on which both agree is given once.
    assert sorted(one.task.inputs) == ["answer.limit", "find.limit", "question"]
    assert one.task.criteria == ("answer: It is short.",)
    assert malformed(one.task.output) == ()
    assert list(violations(one.task.output, output())) == []


def test_what_is_saved_is_counted_and_says_how() -> None:
    found = solo(Plan(tasks=(FIND, ANSWER)), LIMITS, instructions=6_000, tools={"docs_search": 600})
    assert found is not None
    # Apart: two calls and one. Together: one to look and one to deliver.
    assert found.saved.model_calls == 1
    assert 800 < found.saved.prompt_tokens < 1_000
    assert "characters" in found.saved.how


@pytest.mark.parametrize(
    ("tasks", "change"),
    [
        ((FIND,), {}),
        ((FIND, ANSWER), {"solo_tasks": 0}),
        ((FIND, ANSWER), {"solo_tasks": 1}),
        ((FIND, ANSWER), {"tool_calls": 1}),
        ((FIND, ANSWER), {"model_calls": 3}),
        ((FIND, ANSWER), {"tokens": 100}),
        ((FIND, ANSWER, Task(id="beside", objective="x", needs=("find",))), {}),
        ((FIND, Task(id="beside", objective="x")), {}),
        ((FIND, ANSWER.model_copy(update={"specialist": "legal"})), {}),
        ((FIND, ANSWER.model_copy(update={"output": {"type": "object", "$id": "a"}})), {}),
        (
            (
                Task(id="a", objective="x", needs=("b",)),
                Task(id="b", objective="y", needs=("a",)),
            ),
            {},
        ),
    ],
)
def test_everything_else_is_kept_apart(tasks: tuple[Task, ...], change: dict[str, int]) -> None:
    assert solo(Plan(tasks=tasks), LIMITS.model_copy(update=change)) is None


def test_a_right_result_is_accepted_and_taken_apart() -> None:
    assert verdict(output()) == Verdict(action="accept", evidence=("c-1",))
    assert split(joined(), output()) == output()
    assert split(joined(), None) == {}


def _set(part: str, name: str, value: Json) -> dict[str, Any]:
    changed = output()
    changed[part][name] = value
    return changed


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"find": output()["find"]}, "'answer' is a required property"),
        (_set("find", "passages", []), "$.find.passages"),
        (_set("find", "evidence", ["c-9"]), "'c-9' is no tool call"),
        # A call that was made, but by a tool that is none of this step's.
        (_set("find", "evidence", ["c-2"]), "find: Evidence 'c-2' is no tool call of this task"),
        (_set("find", "evidence", []), "find: No evidence is given"),
        (
            _set("find", "passages", [PASSAGE | {"text": "another"}]),
            "find: passages: 'x.md' differs from the tool result",
        ),
        (_set("answer", "cited", []), "answer: cited: nothing is cited"),
        (_set("answer", "paths", ["y.md"]), "answer: paths lacks x.md of input 'paths'"),
        (_set("answer", "text", "Because."), "does not mention 'why?' of input 'question'"),
    ],
)
def test_each_part_is_held_to_what_its_own_task_demands(wrong: Json, says: str) -> None:
    found = verdict(wrong)
    assert found.action == "retry"
    assert any(says in reason for reason in found.reasons), found.reasons


def test_an_input_from_an_earlier_part_must_fit_its_schema() -> None:
    strict = ANSWER.model_copy(
        update={
            "inputs": ANSWER.inputs
            | {"paths": Input(source="find", select="length(passages)", json_schema={"const": 2})}
        }
    )
    one = solo(Plan(tasks=(FIND, strict)), LIMITS)
    assert one is not None
    seen = [Observation(id="c-1", tool="docs_search", ok=True, data=[PASSAGE])]
    facts = Facts(output=output(), inputs={"question": "why?"}, observations=seen)
    assert verify_solo(one, facts).reasons == (
        "answer: Input 'paths' of task 'answer': 2 was expected",
    )
