"""Up to which label clients of the facade are told results, and what becomes of the others."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, McpError
from mcp.shared.context import RequestContext
from mcp.types import (
    ElicitRequestParams,
    ElicitResult,
    LoggingMessageNotification,
    ServerNotification,
)

from app.facade_answer import answer_session
from app.facade_config import FILE, problems_of_facade
from app.questions import NOTHING
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.labels import Label
from runtime.settings import ROOT
from tests.app.facade import RUN, Place, first_question, opened, place, rows, said, text
from tests.graphs.installation import TERMS
from tools.config import load_tools

SECRET: Json = {"switchyard": {**TERMS, "labels": {"say": "regulated", "send": "regulated"}}}
NAMED: dict[str, dict[str, Any]] = {
    "s_say": {"as": "repeat"},
    "s_send": {"foreseen": True},
    "s_send_fail": {},
}


async def test_a_tool_above_the_clearance_is_neither_offered_nor_callable(tmp_path: Path) -> None:
    async with opened(tmp_path, server=SECRET, tools=NAMED) as it, it.client() as client:
        names = await _names(client)
        assert {"s_add", "s_send_fail", "files_read"} <= names
        assert not {"s_say", "repeat", "s_send"} & names
        for name in ("repeat", "s_say", "s_send"):
            with pytest.raises(McpError, match="Unknown tool"):
                await client.call_tool(name, {"text": "x", "to": "bob"})
        assert (await client.call_tool("s_add", {"a": 1, "b": 2})).structuredContent == {"sum": 3}
    assert [one["tool"] for one in it.received] == ["add"]


async def test_a_clearance_of_public_leaves_only_what_is_public(tmp_path: Path) -> None:
    server: Json = {"switchyard": {**TERMS, "labels": {"add": "public"}}}
    async with (
        opened(tmp_path, server=server, cleared_for="public") as it,
        it.client() as client,
    ):
        names = {name for name in await _names(client) if not name.startswith("files_")}
        assert names == {"s_add"}
        with pytest.raises(McpError, match="Unknown tool"):
            await client.call_tool("s_say", {"text": "x"})


async def test_a_clearance_that_is_high_enough_offers_it(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, server=SECRET, tools=NAMED, cleared_for="regulated") as it,
        it.client() as client,
    ):
        assert {"repeat", "s_send"} <= await _names(client)
        assert text(await client.call_tool("repeat", {"text": "hello"})) == "hello"


async def test_a_server_that_comes_up_later_is_held_to_its_label_too(tmp_path: Path) -> None:
    script = ROOT / "tests" / "tools" / "servers" / "scripted.py"
    start = f"test -e {tmp_path}/up && exec {sys.executable} -S -E {script}"
    server = SECRET | {"command": "sh", "args": ["-c", start]}
    async with opened(tmp_path, server=server, tools=NAMED) as it, it.client() as client:
        assert "s_add" not in await _names(client), "it is not there"
        (tmp_path / "up").touch()
        with pytest.raises(McpError, match="Unknown tool"):
            await client.call_tool("repeat", {"text": "x"})
    assert it.received == []


async def test_a_result_is_withheld_once_the_session_has_read_more_than_clients_may(
    tmp_path: Path,
) -> None:
    asked: Json = {"s_send": {}}
    async with (
        opened(tmp_path, tools=asked, wait_seconds=20) as it,
        it.client() as client,
        open_ledger(it.ledger()) as ledger,
        asyncio.TaskGroup() as tasks,
    ):
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        call = tasks.create_task(client.call_tool("s_send", {"to": "bob"}))
        approval = await first_question(ledger)
        await ledger.runs.raise_label(run, Label.regulated)
        await answer_session(it.settings, approval, "approve", NOTHING)
        withheld = await call
        assert withheld.isError
        assert withheld.structuredContent is None
        assert "The data is regulated, and clients are cleared for internal" in text(withheld)
        assert "`cleared_for: regulated` in config/facade.yaml" in text(withheld)
        assert "recorded with the outcome 'ok'; do not repeat it" in text(withheld)
        assert "bob" not in withheld.model_dump_json()
        # What is known before is not even sent.
        sent = len(it.received)
        for name, given in (("s_say", {"text": "y"}), ("files_list", {}), ("s_send", {"to": "al"})):
            told = await client.call_tool(name, given)
            assert told.isError
            assert text(told).endswith("Nothing was sent.")
        assert len(it.received) == sent == 2
        assert await _names(client) == set()
    found = await rows(it, run)
    assert [one["outcome"] for one in found] == ["ok", "ok", "denied", "denied", "denied"]


async def test_a_session_whose_label_rose_meanwhile_sends_nothing_more(tmp_path: Path) -> None:
    server: Json = {"switchyard": {**TERMS, "cleared_for": "regulated"}}
    tools: Json = {"s_send": {"foreseen": True}}
    async with (
        opened(tmp_path, server=server, tools=tools) as it,
        it.client() as client,
        open_ledger(it.ledger()) as ledger,
    ):
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        await ledger.runs.raise_label(run, Label.regulated)
        told = await client.call_tool("s_send", {"to": "bob"})
        assert told.isError
        assert text(told).endswith("Nothing was sent.")
        assert [one["tool"] for one in it.received] == ["say"]
        assert [one["outcome"] for one in await rows(it, run)] == ["ok", "denied"]


@pytest.mark.parametrize("risen", [False, True])
@pytest.mark.parametrize("logs", [False, True])
async def test_what_a_tool_says_while_it_works_is_held_to_the_clearance(
    tmp_path: Path, risen: bool, logs: bool
) -> None:
    heard, steps = [], []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        if "A person is asked" not in (message or ""):
            steps.append((progress < 0.1, total, message))

    async def hear(message: object) -> None:
        root = message.root if isinstance(message, ServerNotification) else None
        if isinstance(root, LoggingMessageNotification):
            heard.append(root.params.data)

    async with (
        asked_first(tmp_path, "s_steps", logs=logs) as (it, ledger),
        it.client(heard=hear) as client,
        asyncio.TaskGroup() as tasks,
    ):
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        await client.set_logging_level("info")
        given: Json = {"count": 3}
        call = tasks.create_task(client.call_tool("s_steps", given, progress_callback=note))
        approval = await first_question(ledger)
        if risen:
            await ledger.runs.raise_label(run, Label.regulated)
        await answer_session(it.settings, approval, "approve", NOTHING)
        assert (await call).isError == risen
    if risen:
        assert (heard, set(steps)) == ([], {(True, None, None)}), "a sign of life alone"
    elif logs:
        assert heard == ["a word of the tool"]
    else:
        assert steps[0] == (False, 1.0, "step 1")


@pytest.mark.parametrize("risen", [False, True])
async def test_a_question_of_a_tool_above_the_clearance_goes_to_the_inbox(
    tmp_path: Path, risen: bool
) -> None:
    asked: list[str] = []

    async def fill(
        context: RequestContext[ClientSession, Any],
        params: ElicitRequestParams,
    ) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"count": 7})

    async with (
        asked_first(tmp_path, "s_wish") as (it, ledger),
        it.client(fill) as client,
        asyncio.TaskGroup() as tasks,
    ):
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        call = tasks.create_task(client.call_tool("s_wish", {}))
        approval = await first_question(ledger)
        if risen:
            await ledger.runs.raise_label(run, Label.regulated)
        await answer_session(it.settings, approval, "approve", NOTHING)
        if risen:
            await answer_session(it.settings, await first_question(ledger), "refuse", NOTHING)
        assert (await call).isError == risen
    assert asked == ([] if risen else ["s_wish asks: How many?"])


@asynccontextmanager
async def asked_first(
    folder: Path, tool: str, *, logs: bool = False
) -> AsyncIterator[tuple[Place, Ledger]]:
    """A facade where a person decides on a tool before it works; where it `logs`, the tool server
    logs a word whenever it makes steps."""
    rule = f"""
    @id("test/asks")
    @ask("A person looks at it first.")
    permit (principal, action, resource == Tool::"{tool}");
    """
    script = (ROOT / "tests" / "tools" / "servers" / "scripted.py").read_text()
    if logs:
        word = {"level": "info", "data": "a word of the tool"}
        said = {"jsonrpc": "2.0", "method": "notifications/message", "params": word}
        script = script.replace('case "steps":', f'case "steps":\n            put({said})')
    (folder / "scripted.py").write_text(script)
    server: Json = {"args": ["-S", "-E", str(folder / "scripted.py")]}
    async with (
        opened(folder, rules=rule, server=server, wait_seconds=20) as it,
        open_ledger(it.ledger()) as ledger,
    ):
        yield it, ledger


async def test_a_question_still_open_is_told_as_one(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, tools={"s_send": {}}, wait_seconds=0.5) as it,
        it.client() as client,
        open_ledger(it.ledger()) as ledger,
        asyncio.TaskGroup() as tasks,
    ):
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        call = tasks.create_task(client.call_tool("s_send", {"to": "bob"}))
        await first_question(ledger)
        await ledger.runs.raise_label(run, Label.regulated)
        assert "waits for a person's decision" in text(await call)


async def test_what_clients_send_may_be_more_sensitive_than_what_they_are_told(
    tmp_path: Path,
) -> None:
    server: Json = {"switchyard": {**TERMS, "cleared_for": "regulated"}}
    async with (
        opened(tmp_path, server=server, label="regulated") as it,
        it.client() as client,
    ):
        assert text(await client.call_tool("s_say", {"text": "mine"})) == "mine"
        assert "s_say" in await _names(client)


def test_a_tool_that_is_named_and_cannot_be_offered_is_told(tmp_path: Path) -> None:
    config = place(tmp_path, server=SECRET, tools=NAMED).settings.config
    tools = load_tools(config / "mcp.json")
    found = problems_of_facade(config / FILE, tools, ())
    first, second = map(str, found)
    assert "the results of 's_say' are regulated: it is not offered to clients" in first
    assert "facade.yaml:" in first
    assert "set 'cleared_for' to regulated; it is internal now" in first
    assert "'s_send'" in second


async def _names(client: ClientSession) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}
