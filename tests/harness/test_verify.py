"""Verification: nothing is accepted that its record does not bear out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks import Facts, Observation
from harness.ladder import after_rejection
from harness.limits import Limits
from harness.plan import Check, Task
from harness.verify import verify
from runtime.canonical import Json

ROWS = {"findings": [{"name": "a", "licence": "MIT"}, {"name": "b", "licence": "GPL-3.0-only"}]}
PASSAGE = {"path": "x.md", "start_line": 3, "end_line": 4, "text": "one line\nanother line"}
SCHEMA: dict[str, Json] = {
    "type": "object",
    "required": ["findings", "evidence"],
    "properties": {"findings": {"type": "array"}, "evidence": {"type": "array"}},
}


def task(*accept: Check, output: dict[str, Json] | None = None) -> Task:
    return Task(
        id="t", objective="x", tools=("tool",), output=output or {"type": "object"}, accept=accept
    )


def facts(output: Json, inputs: dict[str, Json] | None = None) -> Facts:
    return Facts(
        output=output,
        inputs=inputs or {},
        observations=[
            Observation(id="c-1", tool="tool", ok=True, data=ROWS | {"passages": [PASSAGE]}),
            Observation(id="c-2", tool="tool", ok=False, data="refused"),
        ],
    )


def test_a_result_with_schema_and_evidence_is_accepted() -> None:
    verdict = verify(task(output=SCHEMA), facts(ROWS | {"evidence": ["c-1"]}))
    assert (verdict.action, verdict.reasons, verdict.evidence) == ("accept", (), ("c-1",))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"findings": []}, "'evidence' is a required property"),
        ({"findings": "none", "evidence": ["c-1"]}, "$.findings"),
        ({"findings": [], "evidence": ["c-9"]}, "'c-9' is no tool call of this task"),
        ({"findings": [], "evidence": ["c-2"]}, "'c-2' is a call that failed or was denied"),
        ({"findings": [], "evidence": []}, "No evidence is given"),
        ({"findings": [{"evidence": ["c-7"]}], "evidence": ["c-1"]}, "'c-7' is no tool call"),
        (None, "None is not of type 'object'"),
    ],
)
def test_a_claim_without_a_record_is_sent_back(output: Json, expected: str) -> None:
    verdict = verify(task(output=SCHEMA), facts(output))
    assert verdict.action == "retry"
    assert any(expected in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    ("check", "good", "bad", "says"),
    [
        (Check(check="min_items", at="xs", count=2), {"xs": [1, 2]}, {"xs": [1]}, "has 1 items"),
        (Check(check="regex", at="id", pattern="^A-"), {"id": "A-1"}, {"id": "B"}, "not match"),
        (
            Check(check="covers", at="names", input="wanted"),
            {"names": ["B", "a"]},
            {"names": ["a"]},
            "lacks b",
        ),
        (
            Check(check="covers", at="names", input="wanted"),
            {"names": ["a", "b"]},
            {"names": ["a", "b", "c"]},
            "has c, not in input",
        ),
        (
            Check(check="references_input", at="text", input="wanted"),
            {"text": "about A and B"},
            {"text": "only A"},
            "does not mention 'b'",
        ),
        (
            Check(check="grounded_rows", at="rows", key="name", fields=("licence",)),
            {"rows": [{"name": "a", "licence": "MIT"}]},
            {"rows": [{"name": "b", "licence": "MIT"}]},
            "differs from the tool result",
        ),
        (
            Check(check="grounded_rows", at="rows", key="name", fields=("licence",)),
            {"rows": [{"name": "a", "licence": "MIT"}]},
            {"rows": [{"name": "z", "licence": "MIT"}]},
            "is in no tool result",
        ),
        (
            Check(check="citations", at="cited"),
            {"cited": [{"path": "x.md", "start_line": 4, "end_line": 4, "quote": "another line"}]},
            {"cited": [{"path": "x.md", "start_line": 3, "end_line": 3, "quote": "another line"}]},
            "does not read as quoted",
        ),
        (
            Check(check="citations", at="cited"),
            {"cited": [PASSAGE | {"quote": PASSAGE["text"]}]},
            {"cited": []},
            "nothing is cited",
        ),
    ],
)
def test_each_criterion_passes_what_holds_and_says_what_does_not(
    check: Check, good: Json, bad: Json, says: str
) -> None:
    inputs: dict[str, Json] = {"wanted": ["a", "b"]}
    assert verify(task(check), facts(good, inputs)).action == "accept"
    verdict = verify(task(check), facts(bad, inputs))
    assert verdict.action == "retry"
    assert any(says in reason for reason in verdict.reasons), verdict.reasons


def test_a_citation_may_rest_on_lines_of_an_accepted_input() -> None:
    cited = {"cited": [{"path": "y.md", "start_line": 1, "end_line": 1, "quote": "from before"}]}
    check = Check(check="citations", at="cited")
    passage = {"path": "y.md", "start_line": 1, "end_line": 1, "text": "from before"}
    assert verify(task(check), facts(cited)).action == "retry"
    assert verify(task(check), facts(cited, {"passages": [passage]})).action == "accept"


def test_the_ladder_retries_then_escalates_then_ends() -> None:
    limits = Limits(
        tasks=1,
        width=1,
        attempts=2,
        escalations=1,
        model_calls=1,
        tool_calls=1,
        repeated_calls=1,
        task_seconds=1,
    )
    steps = [after_rejection(attempts, limits) for attempts in (1, 2, 3)]
    assert [(step.action, step.tier) for step in steps] == [
        ("retry", "work"),
        ("escalate", "plan"),
        ("fail", "work"),
    ]


@pytest.mark.parametrize(
    ("other", "asks", "expected"),
    [
        (False, 0, ["retry", "escalate", "fail", "fail"]),
        (True, 0, ["retry", "escalate", "hand_over", "fail"]),
        (False, 1, ["retry", "escalate", "ask", "fail"]),
        (True, 1, ["retry", "escalate", "hand_over", "ask", "fail"]),
        (True, 2, ["retry", "escalate", "hand_over", "ask", "ask", "fail"]),
    ],
)
def test_another_specialist_comes_before_a_person_and_each_is_asked_within_its_limit(
    other: bool, asks: int, expected: list[str]
) -> None:
    limits = Limits(
        tasks=1,
        width=1,
        attempts=2,
        escalations=1,
        asks=asks,
        model_calls=1,
        tool_calls=1,
        repeated_calls=1,
        task_seconds=1,
    )
    steps: list[str] = []
    for attempts in range(1, len(expected) + 1):
        asked = steps.count("ask")
        steps.append(after_rejection(attempts, limits, other=other, asked=asked).action)
    assert steps == expected


FILES = {"out/report.md": "a" * 64}


@pytest.mark.parametrize(
    ("artifacts", "says"),
    [
        ([{"path": "out/report.md", "sha256": "A" * 64}], ""),
        ([], ""),
        ([{"path": "out/report.md", "sha256": "b" * 64}], "was changed"),
        ([{"path": "out/other.md", "sha256": "a" * 64}], "is no file of this run"),
        ([{"path": "out/report.md"}], "lacks path or sha256"),
        (["out/report.md"], "lacks path or sha256"),
    ],
)
def test_an_artifact_must_be_a_file_of_the_run_with_its_hash(
    artifacts: list[Json], says: str
) -> None:
    output = {"said": "done", "parts": [{"artifacts": artifacts}]}
    verdict = verify(task(), replace(facts(output), files=FILES))
    assert verdict.action == ("retry" if says else "accept")
    assert says in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ({"text": " ", "rows": ["x"]}, "$.text is nothing but white space"),
        ({"text": "x", "rows": ["", " "]}, "$.rows has 2 items, and all of them are empty"),
        ({"text": "x", "rows": [{"name": None}]}, "all of them are empty"),
        ({"text": "x", "rows": ["", "y"]}, ""),
        ({"text": "x", "rows": [0]}, ""),
    ],
)
def test_content_that_a_schema_asks_for_is_more_than_its_form(output: Json, says: str) -> None:
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1},
            "rows": {"type": "array", "minItems": 1},
        },
    }
    verdict = verify(task(output=schema), facts(output))
    assert verdict.action == ("retry" if says else "accept")
    assert says in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("output", "action"),
    [
        ({"found": [], "note": ""}, "retry"),
        ({"found": [{"name": " "}], "note": None}, "retry"),
        ({"found": [], "note": "There is none."}, "accept"),
        ({"found": [], "note": "", "evidence": ["c-1"]}, "accept"),
    ],
)
def test_finding_nothing_is_a_result_with_evidence_and_saying_nothing_is_none(
    output: Json, action: str
) -> None:
    schema: dict[str, Json] = {"type": "object", "required": ["found", "note"]}
    assert verify(task(output=schema), facts(output)).action == action


def test_a_criterion_that_does_not_fit_the_output_is_a_reason_and_not_a_crash() -> None:
    verdict = verify(task(Check(check="min_items", at="length(n)")), facts({"n": 3}))
    assert verdict.action == "retry"
    assert "length(n)" in verdict.reasons[0]


def test_a_citation_over_a_billion_lines_is_refused_at_once() -> None:
    cited = {"cited": [{"path": "x.md", "start_line": 1, "end_line": 10**12, "quote": "x"}]}
    verdict = verify(task(Check(check="citations", at="cited")), facts(cited))
    assert "too many lines" in verdict.reasons[0]
