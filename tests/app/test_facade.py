"""The MCP facade within this process: a real client, session, gateway, tool server and ledger."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, McpError
from mcp.shared.context import RequestContext
from mcp.types import (
    CallToolResult,
    CancelledNotification,
    CancelledNotificationParams,
    ClientNotification,
    ElicitRequestParams,
    ElicitResult,
    ImageContent,
    ServerNotification,
    TextContent,
    ToolListChangedNotification,
)

import app.facade_open
from app.audit import verify
from app.facade_answer import answer_session
from app.facade_config import load_facade
from app.facade_run import THREAD, close_left
from app.questions import NOTHING
from graphs.holding import open_holding
from ledger.store import open_ledger
from runtime.errors import ConfigError
from runtime.labels import Label
from tests.app.facade import CALL, RUN, first_question, opened, place, rows, said, text
from tests.tools.conftest import until
from tools.masking import Masking
from tools.pins import FILE as PINS
from tools.pins import Pins
from tools.results import answer_of, recalled

SEND: dict[str, dict[str, Any]] = {"s_send": {}}
NEVER_ADD = """
@id("test/no-adding")
@reason("Nobody adds.")
forbid (principal == Specialist::"clerk", action, resource == Tool::"s_add");
"""


async def test_what_reads_and_what_the_file_names_is_offered_unless_policy_denies_it(
    tmp_path: Path,
) -> None:
    offered = {"s_send": {}, "s_say": {"as": "repeat"}, "s_steps": {"as": "s_link"}}
    async with (
        opened(tmp_path, rules=NEVER_ADD, specialist="clerk", tools=offered) as it,
        it.client() as client,
    ):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"s_send", "repeat", "s_link", "s_hang", "files_read"} <= tools.keys()
        assert tools["s_link"].description == "steps.", "a name is given once, to whom it is meant"
        hidden = {"s_send_huge", "s_say", "s_steps", "s_add", "files_write"}
        assert not hidden & tools.keys()
        assert tools["repeat"].inputSchema["required"] == ["text"]
        assert tools["s_send"].meta == {
            "switchyard/action": "write",
            "switchyard/decision": "ask",
        }
        assert text(await client.call_tool("repeat", {"text": "hello"})) == "hello"
        denied = await client.call_tool("s_add", {"a": 1, "b": 2})
        assert denied.isError
        assert "Nobody adds." in text(denied)
    assert [one["tool"] for one in it.received] == ["say"]


async def test_a_call_is_a_row_of_the_principal_that_the_configuration_names(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, specialist="clerk") as it, it.client() as client:
        result = await client.call_tool(
            "s_add", {"a": 1, "b": 2}, meta={"tenant": "globex", "switchyard/key": "mine"}
        )
        assert result.structuredContent == {"sum": 3}
        wrong = await client.call_tool("s_add", {"a": 1})
        assert wrong.isError
        assert text(wrong).startswith("b: is missing.")
    (row, other) = await rows(it, said(result, RUN))
    assert other["outcome"] == "error"
    assert (row["id"], row["outcome"]) == (said(result, CALL), "ok")
    assert (row["specialist"], row["tenant"], row["user"]) == ("clerk", "acme", "ann")


@pytest.mark.parametrize("tool", ["s_send", "files_write", "nothing"])
async def test_what_is_not_offered_is_recorded_and_never_reaches_a_server(
    tmp_path: Path, tool: str
) -> None:
    async with opened(tmp_path) as it, it.client() as client:
        with pytest.raises(McpError, match="Unknown tool") as refused:
            await client.call_tool(tool, {"to": "bob", "path": "x", "content": "y"})
        assert refused.value.error.code == -32602
        (run,) = await _runs(it.ledger())
    (row,) = await rows(it, run)
    assert (row["tool"], row["decision"], row["outcome"]) == (tool, "deny", "denied")
    assert refused.value.error.data == {CALL: row["id"]}
    assert it.received == []


async def test_an_asked_effect_happens_once_after_its_approval_however_often_it_is_called(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, tools=SEND, wait_seconds=0) as it, it.client() as client:
        waits = await client.call_tool("s_send", {"to": "bob"})
        assert waits.isError
        assert it.received == []
        approval = said(waits, "switchyard/approval")
        assert f"switchyard answer {approval} approve" in text(waits)
        answered = await answer_session(it.settings, approval, "approve", NOTHING)
        assert answered is not None
        done = await client.call_tool("s_send", {"to": "bob"})
        assert (done.isError, said(done, CALL)) == (False, said(waits, CALL))
        again = await client.call_tool("s_send", {"to": "bob"})
        assert (again.isError, said(again, "switchyard/repeated")) == (False, "True")
        assert [one["arguments"] for one in it.received] == [{"to": "bob"}]
        other = await client.call_tool("s_send", {"to": "bob"}, meta={"switchyard/key": "2"})
        assert said(other, "switchyard/approval") != approval, "another effect, another question"
    async with open_ledger(it.ledger()) as ledger:
        (run,) = await ledger.runs.latest()
        assert (run.status, run.answer["tool_calls"]) == ("done", 3)
        states = [one.state for one in await ledger.approvals.of_run(run.id)]
        assert states == ["approved", "withdrawn"], "nobody can use the answer any more"
        assert [list(one.damages) for one in await verify(it.settings, "", "")] == [[]]


async def test_a_refusal_and_a_client_that_waits_no_more_send_nothing(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, tools=SEND, wait_seconds=60, parallel=1) as it,
        it.client() as client,
        open_ledger(it.ledger()) as ledger,
        asyncio.TaskGroup() as tasks,
    ):
        first = tasks.create_task(_refused(client, {"to": "bob"}))
        approval = await first_question(ledger)
        busy = await client.call_tool("s_say", {"text": "x"})
        assert "1 calls of this session are under way" in text(busy)
        note = CancelledNotificationParams(requestId=1)
        await client.send_notification(ClientNotification(CancelledNotification(params=note)))
        await first
        # It waits no more, and the question is still there to be answered.
        assert [one.id for one in await ledger.approvals.pending()] == [approval]
        await answer_session(it.settings, approval, "refuse", NOTHING)
        told = await client.call_tool("s_send", {"to": "bob"})
        assert "A person refused" in text(told)
    assert it.received == []


async def test_progress_and_questions_of_a_tool_server_reach_the_client(tmp_path: Path) -> None:
    asked: list[str] = []
    steps: list[tuple[float, float | None]] = []

    async def answer(
        context: RequestContext[ClientSession, Any],
        params: ElicitRequestParams,
    ) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"count": 7})

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert message, "a tool server says what it does"
        steps.append((progress, total))

    async with opened(tmp_path) as it, it.client(answer) as client:
        filled = await client.call_tool("s_wish", {})
        assert filled.structuredContent == {"said": {"action": "accept", "content": {"count": 7}}}
        await client.call_tool("s_steps", {"count": 3}, progress_callback=note)
        link = await client.call_tool("s_link", {})
        assert link.content[0].type == "resource_link"
    assert asked == ["s_wish asks: How many?"]
    assert [round(one, 2) for one in steps[0] if one is not None] == [0.33, 1.0]


async def test_clients_hear_of_a_tool_that_is_withheld_and_of_its_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.facade_open, "_LOOK", 0.05)
    heard: list[object] = []

    async def listen(message: object) -> None:
        if isinstance(message, ServerNotification):
            heard.append(message.root)

    def changes() -> int:
        return sum(isinstance(one, ToolListChangedNotification) for one in heard)

    async with opened(tmp_path) as it, it.client(heard=listen) as client:
        assert "s_say" in await _names(client)
        (tmp_path / "lists").write_text(json.dumps({"say": "Say it to all."}))
        await client.call_tool("s_announce", {})
        await until(lambda: changes() >= 1)
        assert "s_say" not in await _names(client)
        denied = await client.call_tool("s_say", {"text": "x"})
        assert denied.isError
        pins = Pins(tmp_path / PINS)
        pins.approve(pins.reviews(), "ann")
        await until(lambda: changes() >= 2)
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert listed["s_say"].description == "Say it to all."


async def test_a_session_that_an_operator_cancels_does_nothing_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as it, it.client() as client:
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        async with open_ledger(it.ledger()) as ledger:
            await ledger.runs.ask_cancel(run, "ann")
            async with asyncio.timeout(5):
                # The process looks for it once in a second.
                while not (await ledger.runs.some([run]))[0].ended:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        told = await client.call_tool("s_say", {"text": "y"})
        assert text(told) == "This session was ended by ann. Open a new one."
    assert len(it.received) == 1


async def test_what_was_sent_is_recorded_to_its_end_although_its_client_left(
    tmp_path: Path,
) -> None:
    free = {"s_send_hang": {"foreseen": True}}
    async with opened(tmp_path, deadline=0.5, tools=free) as it:
        async with it.client() as client:
            call = asyncio.create_task(client.call_tool("s_send_hang", {"to": "bob"}))
            await until(lambda: it.received)
            call.cancel()
        async with open_ledger(it.ledger()) as ledger:
            (run,) = await ledger.runs.latest()
            assert run.status == "done"
            assert [one.state for one in await ledger.effects.of_run(run.id)] == ["unknown"]
            assert [one.outcome for one in await ledger.calls.of_run(run.id)] == ["timeout"]


async def test_a_session_whose_process_was_killed_is_closed_at_the_next_start(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    async with open_ledger(url) as ledger, open_holding(ledger, "mcp") as holding:
        for run, thread in (("left", f"{THREAD}left"), ("other", "t")):
            await ledger.runs.start(
                run,
                thread=thread,
                request="x",
                tenant="t",
                user="u",
                label=Label.internal,
                docs="",
                holder="mcp-of-a-killed-process",
            )
        question = {"tool": "s_send"}
        await ledger.approvals.ask("a1", run="left", task="mcp", kind="effect", question=question)
        await close_left(ledger, holding)
        assert [one.status for one in await ledger.runs.some(["left"])] == ["failed"]
        assert [one.status for one in await ledger.runs.some(["other"])] == ["running"]
        assert await ledger.approvals.pending() == []


def test_content_that_is_no_text_keeps_its_form_and_loses_its_secrets() -> None:
    image = ImageContent(type="image", data="aGVsbG8=", mimeType="image/png")
    words = TextContent(type="text", text="password=hunter22")
    result = CallToolResult(content=[words, image])
    answer = Masking(["aGVsbG8="]).answer(answer_of(result))
    assert answer.blocks == [
        {"type": "text", "text": "password=[masked]"},
        {"type": "image", "data": "[masked]", "mimeType": "image/png"},
    ]
    assert recalled(json.dumps(answer.content()).encode()) == answer
    assert answer_of(CallToolResult(content=[words])).blocks is None
    huge = image.model_copy(update={"data": "A" * 1_000_001})
    assert answer_of(CallToolResult(content=[huge])).blocks is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tool": {}}, "'tool' is not a known field"),
        ({"tools": {"s_say": {"as": "x y"}}}, "String should match pattern"),
        ({"tools": {"s_say": {"as": "s_add"}, "s_add": {}}}, "given to two tools"),
        ({"parallel": 0}, "greater than or equal to 1"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(
    tmp_path: Path, wrong: dict[str, Any], told: str
) -> None:
    config = place(tmp_path, **wrong).settings.config
    with pytest.raises(ConfigError, match=told) as error:
        load_facade(config)
    assert error.value.file.endswith("facade.yaml")


async def _refused(client: ClientSession, arguments: dict[str, Any]) -> None:
    with pytest.raises(McpError, match="cancelled"):
        await client.call_tool("s_send", arguments)


async def _names(client: ClientSession) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


async def _runs(url: str) -> list[str]:
    async with open_ledger(url) as ledger:
        return [run.id for run in await ledger.runs.latest()]
