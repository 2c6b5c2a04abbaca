"""Feedback over HTTP: authenticated as every route of ours, and never a silent change."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from langgraph_sdk import get_client

from app.places import settings_for
from ledger.store import open_ledger
from runtime.settings import ROOT
from tests.app.test_server import KEYS, Server

TEXT = "Tell me what can be done here"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("feedback")
    keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
    running = Server(home, SWITCHYARD_API_KEYS=keys)
    yield running
    running.end()


async def ran(server: Server, label: str = "internal") -> str:
    """The id of a run of anna's."""
    async with get_client(url=server.url, api_key=KEYS["anna"]) as client:
        thread = await client.threads.create()
        await client.runs.wait(
            thread["thread_id"],
            "supervisor",
            input={"messages": [{"role": "user", "content": TEXT}]},
            context={"label": label},
        )
    async with open_ledger(settings_for(str(server.home)).ledger) as ledger:
        return (await ledger.runs.latest(1))[0].id


async def said(server: Server, run: str, body: object, key: str = "anna") -> httpx.Response:
    headers = {"x-api-key": KEYS[key]} if key else {}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        return await client.post(f"/runs/{run}/feedback", content=sent, headers=headers)


async def test_feedback_becomes_a_proposal_in_the_callers_name(server: Server) -> None:
    file = ROOT / "agents" / "specialists" / "crm-lookup.md"
    before = file.read_bytes()
    run = await ran(server)
    body = {"specialist": "crm-lookup", "intent": "customer-lookup", "note": "n"}
    answer = await said(server, run, body)
    assert answer.status_code == 201
    told = answer.json()
    assert told == {
        "proposal": told["proposal"],
        "state": "proposed",
        "run": run,
        "specialist": "crm-lookup",
        "intent": "customer-lookup",
    }
    async with open_ledger(settings_for(str(server.home)).ledger) as ledger:
        found = await ledger.proposals.get(told["proposal"])
    assert found is not None
    assert (found.state, found.proposed_by, found.sources) == ("proposed", "anna", [run])
    assert found.payload["text"] == TEXT
    assert file.read_bytes() == before


async def test_nobody_else_gives_feedback_on_a_run(server: Server) -> None:
    run = await ran(server)
    body = {"specialist": "crm-lookup"}
    assert (await said(server, run, body, key="")).status_code == 401
    assert (await said(server, run, body, key="ben")).status_code == 404
    assert (await said(server, "none", body)).status_code == 404
    assert (await said(server, run, body | {"tenant": "acme"})).status_code == 404


MISTAKES: list[tuple[object, str, str]] = [
    ({"specialist": "nobody"}, "no specialist 'nobody'", "Use one of: crm-lookup"),
    ({"specialist": "notify", "intent": "fly"}, "has no intent 'fly'", "Use one of"),
    ({}, "specialist: Field required", "Known fields: specialist"),
    ({"specialist": "notify", "by": "eve"}, "by: Extra inputs", "Known fields"),
    ([], "body: Input should be a valid dictionary", "Known fields"),
    (b"[" * 10_000, "is not JSON", "Send"),
    ({"specialist": "notify", "note": "x" * 30_000}, "more than 20,000 bytes", "short note"),
]


async def test_mistakes_are_told_with_field_and_remedy(server: Server) -> None:
    run = await ran(server)
    for body, error, remedy in MISTAKES:
        answer = await said(server, run, body)
        assert answer.status_code == 400
        assert error in answer.json()["error"]
        assert remedy in answer.json()["remedy"]


async def test_words_of_a_regulated_run_stay_out_over_http(server: Server) -> None:
    run = await ran(server, label="regulated")
    answer = await said(server, run, {"specialist": "crm-lookup", "note": "regulated"})
    assert answer.status_code == 201
    async with open_ledger(settings_for(str(server.home)).ledger) as ledger:
        found = await ledger.proposals.get(answer.json()["proposal"])
    assert found is not None
    assert found.payload["text"] == ""
