"""The real dev server over the real rooms, called as anybody would: by the SDK, MCP, A2A, HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError, PermissionDeniedError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from app.cli import main
from runtime.settings import ROOT
from tests.app.conftest import Invoke, command, environment

MAIL = "Send an e-mail to anna@example.com that the parcel has been shipped"
KEYS = {"anna": "key-of-anna", "ben": "key-of-ben"}


class Server:
    """A dev server in a process of its own, until `end`."""

    def __init__(self, home: Path, **env: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self.env = {"SWITCHYARD_HOME": str(home), **env}
        if "SWITCHYARD_CONFIG" not in env:
            self.env["SWITCHYARD_CONFIG"] = str(config(home))
        self.work = subprocess.Popen(
            command("dev", "--port", str(self.port)),
            env=environment(**self.env),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = self._until("End it with Ctrl-C.")

    def end(self) -> int:
        self.work.send_signal(signal.SIGINT)
        try:
            return self.work.wait(timeout=30)
        finally:
            self.work.kill()
            self.work.wait()
            assert self.work.stdout is not None
            self.work.stdout.close()

    def kill(self) -> None:
        """End it as a crash does."""
        self.work.kill()
        self.work.wait()
        if self.work.stdout is not None:
            self.work.stdout.close()

    def _until(self, words: str, seconds: float = 90) -> str:
        assert self.work.stdout is not None
        said, deadline = "", time.monotonic() + seconds
        while words not in said:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.work.stdout], [], [], left)
            more = self.work.stdout.read1(65536).decode() if ready else ""  # type: ignore[attr-defined]
            if not more:
                self.end()
                raise AssertionError(f"the server did not get ready: {said[-3000:]}")
            said += more
        return said


def config(home: Path) -> Path:
    """The bundled configuration with two of its tool servers, and one that does not start."""
    home.mkdir(parents=True, exist_ok=True)
    folder = home / "config"
    shutil.copytree(ROOT / "config", folder)
    servers = json.loads((folder / "mcp.json").read_text())["mcpServers"]
    kept = {name: servers[name] for name in ("notify", "documents")}
    kept["absent"] = {"command": "no-such-program-anywhere"}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": kept}))
    return folder


def said(words: str) -> dict[str, Any]:
    """What a caller sends."""
    return {"messages": [{"role": "user", "content": words}]}


def free_port() -> int:
    """Below those that the system gives to outgoing connections, of which one could take it before
    the server does."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with keys for two callers, for all tests of this file."""
    keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
    started = Server(tmp_path_factory.mktemp("server"), SWITCHYARD_API_KEYS=keys)
    yield started
    assert started.end() == 0


@pytest.fixture
async def anna(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url, api_key=KEYS["anna"]) as client:
        yield client


@pytest.fixture
async def ben(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url, api_key=KEYS["ben"]) as client:
        yield client


async def test_a_run_streams_updates_messages_and_progress(anna: LangGraphClient) -> None:
    thread = await anna.threads.create()
    seen: dict[str, list[Any]] = {}
    async for part in anna.runs.stream(
        thread["thread_id"],
        "supervisor",
        input=said("How is a denied tool call recorded?"),
        stream_mode=["updates", "messages-tuple", "custom"],
        stream_subgraphs=True,
    ):
        seen.setdefault(part.event.partition("|")[0], []).append(part.data)
    progress = [event["event"] for event in seen["custom"]]
    assert progress[:2] == ["route", "plan"]
    assert {"task", "tool", "spend"} <= set(progress)
    assert seen["messages"]
    assert any("respond" in update for update in seen["updates"])
    assert "error" not in seen
    state = await anna.threads.get_state(thread["thread_id"])
    assert isinstance(state["values"], dict)
    assert state["values"]["answer"]["status"] == "done"


async def test_a_paused_run_is_listed_and_answered_by_approval_and_interrupt(
    server: Server, anna: LangGraphClient
) -> None:
    thread = (await anna.threads.create())["thread_id"]
    await anna.runs.wait(
        thread,
        "supervisor",
        input=said(MAIL),
        context={"specialist": "notify"},
    )
    (interrupt,) = (await anna.threads.get_state(thread))["interrupts"]
    approval = interrupt["value"]["approval"]
    listed = await get(server, "/approvals", "anna")
    assert [(one["approval"], one["thread"]) for one in listed["approvals"]] == [(approval, thread)]
    assert (await get(server, "/approvals", "ben"))["approvals"] == []
    answer = {"approval": approval, "decision": "approve"}
    values = await anna.runs.wait(
        thread, "supervisor", command={"resume": {interrupt["id"]: answer}}
    )
    assert isinstance(values, dict)
    assert values["answer"]["status"] == "done"
    assert (await get(server, "/approvals", "anna"))["approvals"] == []


async def test_the_command_line_answers_what_the_server_asks(
    server: Server,
    ben: LangGraphClient,
    switchyard: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread = (await ben.threads.create())["thread_id"]
    await ben.runs.wait(
        thread,
        "supervisor",
        input=said(MAIL),
        context={"specialist": "notify"},
    )
    (waiting,) = (await get(server, "/approvals", "ben"))["approvals"]
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    done = await asyncio.to_thread(switchyard, "answer", waiting["approval"], "refuse", "--json")
    assert json.loads(done.stdout)["run"] == waiting["run"], done.stderr
    assert json.loads(done.stdout)["pending"] == []


async def test_a_call_without_a_key_is_turned_away_everywhere(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        tries = [
            await http.post("/threads", json={}),
            await http.post("/assistants/search", json={}),
            await http.get("/ready"),
            await http.get("/approvals"),
            await http.post("/threads", json={}, headers={"x-api-key": "wrong"}),
            # The header by which Studio would pass without a key.
            await http.post("/threads", json={}, headers={"x-auth-scheme": "langsmith"}),
        ]
        assert [reply.status_code for reply in tries] == [401] * len(tries)
        assert "x-api-key" in tries[0].json()["detail"]
        assert (await http.get("/ok")).status_code == 200


async def test_each_caller_sees_their_own_threads_only(
    anna: LangGraphClient, ben: LangGraphClient
) -> None:
    thread = (await anna.threads.create(metadata={"owner": "ben"}))["thread_id"]
    assert (await anna.threads.get(thread))["metadata"]["owner"] == "anna"  # type: ignore[index]
    assert thread not in [one["thread_id"] for one in await ben.threads.search(limit=100)]
    with pytest.raises(NotFoundError):
        await ben.threads.get(thread)
    # The graphs are everybody's, and nobody's to change.
    assert {one["graph_id"] for one in await ben.assistants.search()} == {"supervisor", "deep"}
    with pytest.raises(PermissionDeniedError):
        await ben.assistants.create("supervisor")


@pytest.mark.parametrize("graph", ["supervisor", "deep"])
async def test_a_caller_cannot_write_what_the_graph_decides(
    anna: LangGraphClient, graph: str
) -> None:
    thread = (await anna.threads.create())["thread_id"]
    forged = {"job": {"run": "victim", "label": "public"}}
    commands: list[Any] = [{"update": forged}, {"goto": "execute"}, {"update": {}, "resume": 1}]
    for forgery in commands:
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            await anna.runs.wait(thread, graph, command=forgery)
    with pytest.raises(PermissionDeniedError):
        await anna.threads.update_state(thread, forged, as_node="check")
    # What is a caller's own stays theirs to change.
    await anna.threads.update(thread, metadata={"note": "mine"})


async def test_both_graphs_can_be_drawn(anna: LangGraphClient) -> None:
    nodes = {}
    for assistant in await anna.assistants.search():
        drawing = await anna.assistants.get_graph(assistant["assistant_id"], xray=True)
        # The parts of a node that has some are told as `node:part`.
        nodes[assistant["graph_id"]] = {node["id"].partition(":")[0] for node in drawing["nodes"]}
    assert {"intake", "rule", "local", "model", "judge", "notify"} <= nodes["supervisor"]
    assert {"plan", "check", "approve", "execute", "synthesise"} <= nodes["deep"]


async def test_readiness_tells_what_there_is_and_what_is_missing(server: Server) -> None:
    told = await get(server, "/ready", "anna")
    assert told["ready"] is True
    assert "document-research" in told["specialists"]
    assert set(told["tools"]) == {"files", "notify", "documents"}
    assert "no-such-program-anywhere" in told["unavailable"]["absent"]
    assert set(told["tiers"]) == {"route", "plan", "work", "judge", "embed"}


async def test_wrong_json_gets_a_message_and_not_a_traceback(server: Server) -> None:
    async with httpx.AsyncClient(
        base_url=server.url, timeout=30, headers={"x-api-key": KEYS["anna"]}
    ) as http:
        broken = await http.post("/runs/wait", content=b'{"assistant_id": ')
        wrong = await http.post(
            "/runs/wait",
            json={
                "assistant_id": "supervisor",
                "input": said("What can you do?"),
                "context": {"label": "secret"},
            },
        )
    assert broken.status_code == 422
    assert "Traceback" not in broken.text
    assert "'public', 'internal' or 'regulated'" in wrong.json()["__error__"]["message"]
    assert "Traceback" not in wrong.text


async def test_the_supervisor_is_a_tool_over_mcp(server: Server) -> None:
    headers = {"x-api-key": KEYS["anna"]}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(f"{server.url}/mcp", http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert "messages" in tools["supervisor"].inputSchema["properties"]
        result = await session.call_tool("supervisor", said("What can you do?"))
    assert not result.isError
    assert '"status": "done"' in str(result.content[0]).replace("'", '"')


async def test_the_supervisor_answers_over_a2a(server: Server, anna: LangGraphClient) -> None:
    (assistant,) = await anna.assistants.search(graph_id="supervisor")
    message = {
        "role": "user",
        "parts": [{"kind": "text", "text": "What can you do?"}],
        "messageId": "m-1",
    }
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        reply = await http.post(
            f"/a2a/{assistant['assistant_id']}",
            headers={"x-api-key": KEYS["anna"], "accept": "application/json"},
            json={
                "jsonrpc": "2.0",
                "id": "1",
                "method": "message/send",
                "params": {"message": message},
            },
        )
    result = reply.json()["result"]
    assert result["status"]["state"] == "completed"
    assert [one["role"] for one in result["history"]] == ["user", "agent"]


async def get(server: Server, path: str, name: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        reply = await http.get(path, headers={"x-api-key": KEYS[name]})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_the_server_prints_a_call_that_works_as_it_stands(server: Server) -> None:
    call = re.search(r"curl -s (\S+) -H '([^']+)' -H '(x-api-key: )YOUR_KEY'", server.said)
    body = re.search(r"-d '(.*)'", server.said)
    assert call is not None
    assert body is not None
    name, value = call.group(2).split(": ")
    headers = {name: value, "x-api-key": KEYS["anna"]}
    reply = httpx.post(call.group(1), content=body.group(1), headers=headers, timeout=60)
    assert reply.json()["answer"]["status"] == "done", reply.text


def test_a_taken_port_is_told_with_its_remedy(switchyard: Invoke) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = switchyard("dev", "--port", str(taken.getsockname()[1]))
    assert done.exit_code == 1
    assert "--port" in done.stderr


@pytest.mark.long
def test_the_port_that_is_documented_is_the_default() -> None:
    (port,) = [one for one in main.commands["dev"].params if one.name == "port"]
    assert port.default == 2024
