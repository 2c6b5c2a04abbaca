"""The jobs that the README shows, from request to answer, on the offline model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.canonical import Json
from runtime.settings import ROOT
from tests.graphs.driver import DENIED, INCIDENT, LICENCES, STATUS_MAIL, Driver, Told
from tests.graphs.licences import readings
from tests.servers.mailbox import Mailbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


def approve(_question: Json) -> str:
    return "approve"


def refuse(_question: Json) -> str:
    return "refuse"


async def test_the_licence_table_agrees_package_by_package_with_an_independent_reading(
    offline: Driver, record_property: Callable[[str, object], None]
) -> None:
    told = await offline.ask(LICENCES, thread="licences")
    findings = told.answer["outcomes"][0]["outputs"]["findings"]
    independent = readings()
    reviewed = {row["name"]: row["category"] for row in findings}
    differing = {
        name: (reviewed.get(name), independent.get(name))
        for name in reviewed.keys() | independent.keys()
        if (reviewed.get(name) == "permissive") != (independent.get(name) == "permissive")
    }
    record_property("agreement", f"{len(reviewed) - len(differing)} of {len(reviewed)} packages")
    assert told.answer["status"] == "done"
    assert len(reviewed) >= 100
    assert reviewed.keys() == independent.keys()
    assert differing == {}


async def test_the_licence_review_runs_in_parallel_and_shows_its_evidence(offline: Driver) -> None:
    told = await offline.ask(LICENCES, thread="licences-2")
    (plan,) = told.of("plan")
    reviews = [task for task in plan["tasks"] if task["group"] == "review"]
    started = [event["task"] for event in told.of("task") if event["state"] == "running"]
    accepted = [event["task"] for event in told.of("task") if event["state"] == "accepted"]
    assert len(reviews) >= 9
    assert all(task["parents"] == [] for task in reviews)
    # More than one began before the first ended.
    first_end = next(
        number for number, event in enumerate(told.of("task")) if event["state"] == "accepted"
    )
    assert first_end > 1
    assert sorted(started) == sorted(accepted)
    calls = {
        call.id: call for call in await offline.services.ledger.calls.of_run(told.answer["run"])
    }
    for row in told.answer["outcomes"][0]["outputs"]["findings"]:
        (evidence,) = row["evidence"]
        assert calls[evidence].outcome == "ok"
        assert row["name"] in calls[evidence].arguments["names"]


def citations_of(told: Told, output: str) -> list[dict[str, Json]]:
    sentences = told.answer["outcomes"][0]["outputs"][output]
    assert all(sentence["citations"] for sentence in sentences)
    return [citation for sentence in sentences for citation in sentence["citations"]]


def reads_as_quoted(citation: dict[str, Json], folder: Path) -> bool:
    lines = (folder / citation["path"]).read_text(encoding="utf-8").splitlines()
    read = lines[citation["start_line"] - 1 : citation["end_line"]]
    return "\n".join(read) == citation["quote"]


async def test_every_citation_of_a_document_answer_reads_as_quoted(offline: Driver) -> None:
    told = await offline.ask(DENIED, thread="documents")
    citations = citations_of(told, "sentences")
    assert told.answer["status"] == "done"
    assert citations
    assert all(reads_as_quoted(citation, ROOT / "docs") for citation in citations)
    first = told.answer["outcomes"][0]["outputs"]["sentences"][0]["text"]
    assert "A denied tool call is recorded in the ledger" in first


async def test_an_incident_review_joins_tickets_and_logs_and_cites_its_cause(
    offline: Driver,
) -> None:
    told = await offline.ask("Review incident INC-2026-014", thread="incident", docs=str(INCIDENT))
    outputs = told.answer["outcomes"][0]["outputs"]
    times = [row["at"] for row in outputs["timeline"]]
    assert told.answer["status"] == "done", told.message
    assert times == sorted(times)
    assert {"ticket", "checkout-api.log"} <= {row["source"] for row in outputs["timeline"]}
    assert any("certificate" in sentence["text"] for sentence in outputs["cause"])
    for output in ("cause", "actions"):
        assert all(reads_as_quoted(one, INCIDENT) for one in citations_of(told, output))


async def test_a_look_up_and_a_mail_run_in_order_and_the_mail_waits_for_a_person(
    offline: Driver, mailbox: Mailbox
) -> None:
    before = len(mailbox.messages)
    told = await offline.ask(STATUS_MAIL, thread="mail-1")
    (route,) = told.of("route")
    assert [(one["specialist"], one["needs"]) for one in route["dispatches"]] == [
        ("crm-lookup", []),
        ("notify", ["d1"]),
    ]
    (question,) = told.questions
    assert question["kind"] == "effect"
    assert len(mailbox.messages) == before
    again = await offline.ask(STATUS_MAIL, thread="mail-2", decide=approve)
    (message,) = mailbox.messages[before:]
    customer = again.answer["outcomes"][0]["outputs"]["customers"][0]
    order = again.answer["outcomes"][0]["outputs"]["orders"][0]
    assert again.answer["status"] == "done", again.message
    assert message["To"] == customer["email"]
    assert order["status"] in message.get_content()
    assert str(order["id"]) in message.get_content()


async def test_after_a_refusal_nothing_is_sent_and_the_answer_says_so(
    offline: Driver, mailbox: Mailbox
) -> None:
    before = len(mailbox.messages)
    told = await offline.ask(STATUS_MAIL, thread="mail-3", decide=refuse)
    calls = await offline.services.ledger.calls.of_run(told.answer["run"])
    (sending,) = {call.outcome for call in calls if call.tool == "notify_send_email"}
    assert sending == "refused"
    assert len(mailbox.messages) == before
    assert len(told.questions) == 1
    assert told.answer["outcomes"][1]["outputs"]["answer"]
    assert "refused" in told.message


async def test_a_general_question_gets_an_honest_answer_from_the_fallback(offline: Driver) -> None:
    told = await offline.ask("What's the weather in Paris?", thread="weather")
    (route,) = told.of("route")
    assert route["stage"] == "model"
    assert told.answer["outcomes"][0]["specialist"] == "general"
    assert told.answer["offline"]
    assert "offline model" in told.message


@pytest.mark.parametrize(
    ("text", "context", "says"),
    [
        ("   ", {}, "there is no request"),
        ("x" * 1_000_000, {}, "1,000,000 characters"),
        ("hello", {"docs": "/nowhere/at/all"}, "no such folder"),
        ("hello", {"docs": "/"}, "SWITCHYARD_DOCS_ROOTS"),
        ("hello", {"specialist": "nobody"}, "no specialist 'nobody'"),
        ("@nobody hello", {}, "no specialist 'nobody'"),
        ("@incident-review what happened?", {}, "INC-2026-014"),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_with_the_remedy(
    offline: Driver, text: str, context: dict[str, Json], says: str
) -> None:
    told = await offline.ask(text, thread=f"bad {says}", **context)
    assert told.answer["status"] == "rejected"
    assert says in told.message
    assert "Traceback" not in told.message


async def test_a_thread_serves_one_request_after_another(offline: Driver) -> None:
    first = await offline.ask("Look up customer 7", thread="chat")
    second = await offline.ask("Look up customer 8", thread="chat")
    assert first.answer["run"] != second.answer["run"]
    ids = [one.answer["outcomes"][0]["outputs"]["customers"][0]["id"] for one in (first, second)]
    assert ids == [7, 8]


async def test_every_model_answer_and_tool_result_is_kept_by_its_content(offline: Driver) -> None:
    told = await offline.ask("Look up customer 42", thread="replay")
    ledger = offline.services.ledger
    exchanges = await ledger.exchanges.of_run(told.answer["run"])
    kinds = [exchange.kind for exchange in exchanges]
    assert kinds.count("model") == told.answer["model_calls"]
    assert kinds.count("tool") == told.answer["tool_calls"]
    for exchange in exchanges:
        assert await ledger.exchanges.content(exchange.request)
        assert await ledger.exchanges.content(exchange.response)


async def test_a_long_request_is_served(offline: Driver) -> None:
    words = "@crm-lookup Look up customer 42. " + "and then pears " * 2000
    told = await offline.ask(words, thread="long")
    unaddressed = await offline.ask("apples and then pears " * 2000, thread="long-2")
    assert told.answer["outcomes"][0]["specialist"] == "crm-lookup"
    assert told.answer["status"] == "done", told.message[:500]
    assert unaddressed.answer["status"] in ("done", "failed")
