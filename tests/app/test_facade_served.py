"""`switchyard mcp` as its clients meet it: the real command over standard input and over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import LATEST_PROTOCOL_VERSION

from app.audit import verify
from app.cli import main
from app.facade_stdio import _Splitter
from ledger.store import open_ledger
from runtime.canonical import Json
from tests.app.conftest import command, environment
from tests.app.facade import RUN, Place, first_question, place, rows, said, text

KEYS = {"anna": "key-of-anna", "ben": "key-of-ben"}
HELLO: Json = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY: Json = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def env(it: Place, **more: str) -> dict[str, str]:
    found = {"SWITCHYARD_HOME": str(it.home), "SWITCHYARD_CONFIG": str(it.settings.config)}
    return environment(**found, SWITCHYARD_API_KEYS="", **more)


class Served:
    """The command over HTTP in a process of its own, with keys."""

    def __init__(self, it: Place) -> None:
        self.place = it
        keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
        self.process = subprocess.Popen(
            command("mcp", "--http", "--port", "0"),
            env=env(it) | {"SWITCHYARD_API_KEYS": keys},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = self._address()

    def _address(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"listening on (\S+)", line):
                return found[1]
        raise AssertionError("it ended before it listened")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=20)
            return self.process.returncode
        finally:
            self.process.kill()

    def post(self, message: Json, **headers: str) -> httpx.Response:
        shown = {"accept": "application/json, text/event-stream"} | headers
        return httpx.post(self.url, json=message, headers=shown, timeout=10)

    @asynccontextmanager
    async def client(self, name: str, **headers: str) -> AsyncIterator[ClientSession]:
        shown = {"Authorization": f"Bearer {KEYS[name]}"} | headers
        async with (
            httpx.AsyncClient(headers=shown, timeout=20) as http,
            streamable_http_client(self.url, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    it = place(
        tmp_path_factory.mktemp("served"),
        tools={"s_send": {"as": "send"}},
        tenants={"ben": "globex"},
        wait_seconds=20,
        message_bytes=10_000,
    )
    found = Served(it)
    yield found
    found.process.kill()
    found.process.communicate()


def test_nobody_gets_in_without_a_key_or_from_a_page_of_strangers(served: Served) -> None:
    assert served.post(HELLO).status_code == 401
    assert served.post(HELLO, **{"x-api-key": "key-of-carl"}).status_code == 401
    anna = {"x-api-key": KEYS["anna"]}
    assert served.post(HELLO, **anna, host="evil.example").status_code == 421
    assert served.post(HELLO, **anna, origin="http://evil.example").status_code == 403
    large = HELLO | {"padding": "x" * 20_000}
    assert served.post(large, **anna).status_code == 413
    opened = served.post(HELLO, **anna)
    assert opened.status_code == 200
    session = {"mcp-session-id": opened.headers["mcp-session-id"]}
    assert served.post(READY, **anna, **session).status_code == 202
    others = served.post(READY, **session, **{"x-api-key": KEYS["ben"]})
    assert others.status_code == 404, "a session is that of the key which opened it"


async def test_the_tenant_and_the_user_are_those_of_the_key_whatever_a_client_says(
    served: Served,
) -> None:
    found = []
    for name in KEYS:
        claims = {"x-tenant": "initech", "x-user": "root"}
        async with served.client(name, **claims) as client:
            meta = {"tenant": "initech", "user": "root", "switchyard/run": "mine"}
            result = await client.call_tool("s_say", {"text": name}, meta=meta)
            assert text(result) == name
        (row,) = await rows(served.place, said(result, RUN))
        found.append((row["tenant"], row["user"]))
    assert found == [("local", "anna"), ("globex", "ben")]


async def test_an_effect_goes_through_once_a_person_approves_it_in_another_process(
    served: Served,
) -> None:
    async with served.client("anna") as client, asyncio.TaskGroup() as tasks:
        call = tasks.create_task(client.call_tool("send", {"to": "bob"}))
        async with open_ledger(served.place.ledger()) as ledger:
            approval = await first_question(ledger)
        home = str(served.place.home)
        answer = ["answer", approval, "approve", "--home", home, "--json"]
        told = await asyncio.to_thread(CliRunner().invoke, main, answer)
        assert json.loads(told.stdout)["decision"] == "approved"
        result = await call
        assert not result.isError
        again = await client.call_tool("send", {"to": "bob"})
        assert said(again, "switchyard/repeated") == "True"
    sent = [one for one in served.place.received if one["tool"] == "send"]
    assert [one["arguments"] for one in sent] == [{"to": "bob"}]


async def test_its_end_finishes_every_session_and_the_audit_holds(served: Served) -> None:
    async with served.client("ben") as client:
        run = said(await client.call_tool("s_say", {"text": "x"}), RUN)
        assert await asyncio.to_thread(served.end) == 0
    async with open_ledger(served.place.ledger()) as ledger:
        found = await ledger.runs.get(run)
        assert found is not None
        assert (found.status, found.tenant) == ("done", "globex")
    checked = await verify(served.place.settings, "")
    assert len(checked) >= 4
    assert not any(one.damages for one in checked)


def test_over_standard_input_each_line_is_a_message_and_nothing_else_is_printed(
    tmp_path: Path,
) -> None:
    it = place(tmp_path, message_bytes=10_000)
    call = {"name": "s_say", "arguments": {"text": "hello"}}
    lines = [
        json.dumps(HELLO),
        json.dumps(READY),
        "}{ no message",
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "x": "y" * 20_000}),
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}),
    ]
    with subprocess.Popen(
        command("mcp"), env=env(it), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("".join(f"{line}\n" for line in lines).encode())
            process.stdin.flush()
            answers = [json.loads(process.stdout.readline()) for _ in range(4)]
            process.stdin.close()
            assert process.wait(timeout=20) == 0
            assert process.stdout.read() == b""
        finally:
            process.kill()
    by_id = {one["id"]: one for one in answers}
    assert by_id[2]["result"]["content"] == [{"type": "text", "text": "hello"}]
    told = [one["error"]["message"] for one in answers if one["id"] == "none"]
    assert "is no message" in told[0]
    assert "more than 10,000 bytes" in told[1]
    shown = CliRunner().invoke(main, ["runs", "--json", "--home", str(it.home)])
    (run,) = json.loads(shown.stdout)
    assert (run["request"], run["status"]) == ("MCP session over stdio", "done")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_line_that_is_too_long_is_left_out_and_the_next_one_is_read(size: int) -> None:
    splitter, data = _Splitter(10), b"one\n" + b"x" * 55 + b"\n\ntwo\n" + b"y" * 10 + b"\nrest"
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    found = [line for part in parts for line in splitter.feed(part)]
    assert found == [b"one", None, b"two", b"y" * 10]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--http", "--host", "0.0.0.0"], "without keys the server listens on this machine alone"),
        (["--port", "1"], "only used with --http"),
        (["--docs", "nowhere"], "there is no such folder"),
    ],
)
def test_a_mistake_at_the_command_line_is_told_and_nothing_is_served(
    tmp_path: Path, args: list[str], told: str
) -> None:
    it = place(tmp_path)
    result = CliRunner().invoke(main, ["mcp", *args], env=env(it))
    assert result.exit_code == 2
    assert told in result.output
