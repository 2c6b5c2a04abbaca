"""Plans, routes and verdicts: told by the shape of what is demanded, answered by overlap."""

from __future__ import annotations

import json

import pytest

from models.offline.turns import answer
from runtime.canonical import Json
from tests.models.offline.asking import IDS, TEXT, brief, list_of, object_of, tool

PLAN = {
    **object_of(
        tasks=list_of(
            {
                **object_of("id", "objective", "tools", id=TEXT, objective=TEXT, tools=IDS),
                "additionalProperties": False,
            }
        )
    ),
    "additionalProperties": False,
}
ROUTE = object_of(
    specialist={"type": "string", "enum": ["crm-lookup", "document-research", "none"]},
    confidence={"type": "number", "minimum": 0, "maximum": 1},
    reason=TEXT,
)
CANDIDATES = """\
## Request
{request}

## Specialists
- crm-lookup: Looks up customers, their orders and support tickets.
- document-research: Answers a question from a folder of documents, cited.
"""
VERDICT = object_of(
    verdict={"type": "string", "enum": ["accept", "revise"]},
    score={"type": "number", "minimum": 0, "maximum": 1},
    reasons=list_of(TEXT),
)


def demanded(text: str, schema: Json) -> Json:
    """What a forced tool of this schema is called with."""
    spec = tool("give", "Give it.")
    spec["function"]["parameters"] = schema
    messages = [{"role": "system", "content": "Choose well."}, {"role": "user", "content": text}]
    reply = answer(messages, {"tools": [spec], "tool_choice": "required"})
    (call,) = reply.calls
    return json.loads(call.arguments)


def test_the_outline_is_the_plan_without_keys_that_nobody_knows() -> None:
    outline = {
        "tasks": [
            {"id": "find", "objective": "Find it.", "tools": ["search"], "colour": "red"},
            {"id": "say", "objective": "Say it.", "tools": []},
        ],
        "mood": "good",
    }
    text = brief("Answer.") + f"\n## Outline\n```json\n{json.dumps(outline)}\n```\n"
    assert demanded(text, PLAN) == {
        "tasks": [
            {"id": "find", "objective": "Find it.", "tools": ["search"]},
            {"id": "say", "objective": "Say it.", "tools": []},
        ]
    }


def test_without_an_outline_one_task_has_all_tools() -> None:
    text = brief("Sort the mail.") + "\n## Tools\n- read_mail: Reads mail.\n- sort: Sorts.\n"
    (task,) = demanded(text, PLAN)["tasks"]
    assert task["objective"] == "Sort the mail."
    assert task["tools"] == ["read_mail", "sort"]


@pytest.mark.parametrize(
    ("request_", "specialist"),
    [
        ("Which orders does customer 7 have?", "crm-lookup"),
        ("What do the documents say about retention?", "document-research"),
        ("Bake a cake", "none"),
    ],
)
def test_a_route_goes_where_the_words_lead(request_: str, specialist: str) -> None:
    chosen = demanded(CANDIDATES.format(request=request_), ROUTE)
    assert chosen["specialist"] == specialist
    assert 0 <= chosen["confidence"] <= 1
    assert (chosen["confidence"] > 0) is (specialist != "none")


def test_a_route_inside_a_list_of_dispatches_is_found() -> None:
    schema = object_of(dispatches=list_of(object_of(specialist=ROUTE["properties"]["specialist"])))
    chosen = demanded(CANDIDATES.format(request="Look up the orders of a customer"), schema)
    assert chosen == {"dispatches": [{"specialist": "crm-lookup"}]}


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("Customer 42 has one open order.", "accept"),
        ("", "revise"),
        ("{}", "revise"),
        ("Bananas ripen slowly.", "revise"),
    ],
)
def test_a_verdict_says_by_what_it_was_reached(said: str, verdict: str) -> None:
    asked = "## Request\nOrders of customer 42\n\n## Criteria\n- Names the order.\n"
    text = f"{asked}\n## Answer\n{said}\n"
    judged = demanded(text, VERDICT)
    assert judged["verdict"] == verdict
    assert "overlap" in judged["reasons"][0]
    assert (judged["score"] >= 0.5) is (verdict == "accept")


def test_a_schema_for_the_text_itself_is_answered_in_json() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": object_of(n=TEXT)}}
    given = brief("Give n.", {"n": "one"})
    reply = answer([{"role": "user", "content": given}], {"response_format": form})
    assert json.loads(reply.text) == {"n": "one"}
