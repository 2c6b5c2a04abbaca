"""The README's jobs over the LangGraph API of a running dev server, on any wire format."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from runtime.settings import ROOT
from tests.app.test_server import Server, said
from tests.graphs.driver import DENIED, INCIDENT, LICENCES, STATUS_MAIL
from tests.graphs.test_any_model import config_on
from tests.provider import ScriptedProvider
from tests.provider.extracting import ExtractingBrain
from tests.servers.mailbox import Mailbox, mail_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(
        tmp_path_factory.mktemp("server"),
        SWITCHYARD_CONFIG=str(ROOT / "config"),
        SWITCHYARD_SMTP_HOST="127.0.0.1",
        SWITCHYARD_SMTP_PORT=str(mailbox.port),
        SWITCHYARD_MAIL_FROM="desk@example.com",
    )
    yield started
    assert started.end() == 0


async def job(
    server: Server, text: str, *, decision: str = "", **context: str
) -> tuple[dict[str, Any], list[str]]:
    """The final state of one request, and the kinds of progress that were streamed."""
    async with get_client(url=server.url) as client:
        thread = (await client.threads.create())["thread_id"]
        kinds = await stream(client, thread, input=said(text), context=context)
        state = await client.threads.get_state(thread)
        if decision:
            (asked,) = {one["id"]: one for one in state["interrupts"]}.values()
            answer = {"approval": asked["value"]["approval"], "decision": decision}
            kinds += await stream(client, thread, command={"resume": {asked["id"]: answer}})
            state = await client.threads.get_state(thread)
    assert isinstance(state["values"], dict)
    return state["values"]["answer"], kinds


async def stream(client: LangGraphClient, thread: str, **call: Any) -> list[str]:  # noqa: ANN401
    parts = client.runs.stream(
        thread,
        "supervisor",
        stream_mode=["updates", "messages-tuple", "custom"],
        stream_subgraphs=True,
        **call,
    )
    kinds = []
    async for part in parts:
        assert part.event != "error", part.data
        if part.event.partition("|")[0] == "custom":
            kinds.append(part.data["event"])
    return kinds


async def test_the_licence_review_runs_over_the_api_with_its_progress(server: Server) -> None:
    answer, kinds = await job(server, LICENCES)
    assert answer["status"] == "done"
    assert len(answer["outcomes"][0]["outputs"]["findings"]) >= 100
    assert kinds[:2] == ["route", "plan"]
    assert kinds.count("task") >= 18
    assert {"tool", "spend"} <= set(kinds)


async def test_the_document_question_runs_over_the_api(server: Server) -> None:
    answer, _ = await job(server, DENIED)
    assert answer["status"] == "done"
    assert "[1] tools.md:" in answer["text"]


async def test_the_incident_review_runs_over_the_api(server: Server) -> None:
    answer, _ = await job(server, "Review incident INC-2026-014", docs=str(INCIDENT))
    assert answer["status"] == "done"
    assert "## Cause" in answer["text"]


async def test_a_mail_is_sent_after_approval_and_not_after_refusal(
    server: Server, mailbox: Mailbox
) -> None:
    await job(server, STATUS_MAIL, decision="refuse")
    assert mailbox.messages == []
    answer, _ = await job(server, STATUS_MAIL, decision="approve")
    assert answer["status"] == "done"
    assert [message["To"] for message in mailbox.messages] == ["marta.lindqvist@example.com"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("wire", "path"),
    [
        ("anthropic", "/v1/messages"),
        ("gemini", "/v1beta/models/gemini-3.8-flash"),
    ],
)
async def test_a_job_runs_with_all_tiers_on_another_vendors_wire_format(
    tmp_path: Path, wire: str, path: str
) -> None:
    with ScriptedProvider(ExtractingBrain()) as provider:
        config = config_on(provider, wire, tmp_path / "vendor")
        server = Server(tmp_path / "home", SWITCHYARD_CONFIG=str(config))
        try:
            answer, _ = await job(server, DENIED)
        finally:
            server.end()
        paths = {request.path for request in provider.calls}
    assert answer["status"] == "done", answer
    assert not answer["offline"]
    assert answer["cost"] > 0
    assert {one.partition(":")[0] for one in paths} == {path}
