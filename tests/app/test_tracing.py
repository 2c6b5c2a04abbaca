"""What leaves the process: the right tree for LangSmith when it is set up, nothing otherwise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime.settings import ROOT
from tests.app.conftest import command, environment
from tests.app.sink import Sink, Traced, open_sink
from tests.app.test_server import Server, said

QUESTION = "How is a denied tool call recorded?"
SECRET = "Say hello to Quirinius Xylander"

GUARD = '''
"""Records and refuses whatever is not for this machine, in every process that finds this file."""
import ipaddress, os, socket, sys

def note(kind, what):
    with open(os.environ["GUARD_RECORD"], "a") as record:
        record.write(f"{kind} {what!r} {sys.argv}\\n")

def is_near(host):
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        return False

def guarded(kind, real, host_of):
    def call(*args, **kwargs):
        host = host_of(args, kwargs)
        if not is_near(host):
            note(kind, host)
            raise OSError(f"refused by the guard: {host}")
        return real(*args, **kwargs)
    return call

def address(args, kwargs):
    """Of the last argument that is one; UNIX sockets have none."""
    return next((one[0] for one in reversed(args) if isinstance(one, tuple)), None)

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, guarded(name, getattr(socket.socket, name), address))
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    first = lambda args, kwargs: args[0] if args else kwargs.get("host")
    setattr(socket, name, guarded(name, getattr(socket, name), first))
with open(os.environ["GUARD_LOADED"], "a") as loaded:
    loaded.write(f"{sys.argv}\\n")
'''


def run_cli(home: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("run", "--json", *args),
        env=environment(SWITCHYARD_HOME=str(home), **env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def towards(sink: Sink) -> dict[str, str]:
    return {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": sink.url,
        "LANGSMITH_API_KEY": "test",
    }


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sink, dict[str, Any]]]:
    """One deep job, and all that LangSmith heard of it."""
    home = tmp_path_factory.mktemp("traced")
    folder = home / "config"
    shutil.copytree(ROOT / "config", folder)
    # A tree of several tasks: this plan is short enough to be done by one worker otherwise.
    limits = folder / "limits.yaml"
    limits.write_text(re.sub(r"solo_tasks: \d+", "solo_tasks: 0", limits.read_text()))
    with open_sink() as sink:
        done = run_cli(home, QUESTION, **towards(sink), SWITCHYARD_CONFIG=str(folder))
        assert done.returncode == 0, done.stderr
        yield sink, json.loads(done.stdout)


@pytest.fixture
def sink(traced: tuple[Sink, dict[str, Any]]) -> Sink:
    return traced[0]


def one(sink: Sink, *path: str) -> Traced:
    """The only run at this path from the root."""
    found = [run for run in sink.named(path[-1]) if sink.path(run) == list(path)]
    assert len(found) == 1, f"{len(found)} runs at {path}"
    return found[0]


EXECUTE = ("supervisor", "document-research", "deep", "execute")


def test_one_trace_arrives_whole_before_the_command_ends(sink: Sink) -> None:
    roots = [run for run in sink.runs.values() if run.parent is None]
    assert [root.name for root in roots] == ["supervisor"]
    assert {run.fields["trace_id"] for run in sink.runs.values()} == {roots[0].id}
    assert all("end_time" in run.fields for run in sink.runs.values())
    assert not [run.name for run in sink.runs.values() if "error" in run.fields]


def test_order_and_parent_of_every_traced_run_agree(sink: Sink) -> None:
    for run in sink.runs.values():
        ids = [part[-36:] for part in run.fields["dotted_order"].split(".")]
        assert ids[-1] == run.id
        assert (ids[-2] if run.parent else None) == run.parent


def test_every_step_of_a_deep_run_stands_where_it_belongs(sink: Sink) -> None:
    for node in ("intake", "rule", "local", "document-research", "judge", "respond"):
        assert one(sink, "supervisor", node).kind == "chain"
    for node in ("plan", "check", "approve", "execute", "synthesise", "conclude"):
        assert one(sink, "supervisor", "document-research", "deep", node).kind == "chain"
    for task in ("find", "answer"):
        slot = one(sink, *EXECUTE, task)
        worker = one(sink, *EXECUTE, task, task)
        assert worker.parent == slot.id
        assert [run for run in sink.below(worker) if run.kind == "llm"]
        assert worker.metadata["specialist"] == "document-research"


def test_tool_calls_stand_below_the_worker_that_made_them(sink: Sink) -> None:
    calls = [run for run in sink.runs.values() if run.kind == "tool"]
    assert "documents_search_documents" in {call.name for call in calls}
    for call in calls:
        assert sink.path(call)[:6] == [*EXECUTE, "find", "find"]
        assert call.metadata["task"] == "d1/find"
        assert call.fields["inputs"]
        assert call.fields["outputs"]


def test_every_model_call_tells_whose_it_is_and_what_it_cost(
    traced: tuple[Sink, dict[str, Any]],
) -> None:
    sink, answer = traced
    calls = [run for run in sink.runs.values() if run.kind == "llm"]
    assert len(calls) == answer["model_calls"]
    for call in calls:
        told = call.metadata
        assert told["run"] == answer["run"]
        assert told["specialist"] == "document-research"
        assert told["task"] in ("d1/find", "d1/answer", "d1/judge")
        assert told["tier"] == ("judge" if told["task"] == "d1/judge" else "work")
        assert told["deployment"] == f"offline-{told['tier']}"
        assert told["model"] == told["ls_model_name"] == "offline/extract"
        assert told["cost"] == 0.0
        if told["tier"] == "work":
            assert sink.path(call)[4] == told["task"].removeprefix("d1/")
    tokens = [call.metadata["prompt_tokens"] + call.metadata["completion_tokens"] for call in calls]
    assert min(tokens) > 0
    assert sum(tokens) == answer["tokens"]


@pytest.mark.long
def test_the_route_can_be_seen_and_searched(sink: Sink) -> None:
    node = one(sink, "supervisor", "local")
    decision = node.fields["outputs"]["route"]
    assert decision["stage"] == "local"
    assert decision["dispatches"][0]["specialist"] == "document-research"
    assert decision["reason"]
    for run in (node, one(sink, "supervisor")):
        assert run.metadata["route"] == "document-research"
        assert run.metadata["route_stage"] == "local"


@pytest.mark.long
def test_the_content_of_a_regulated_run_is_not_sent(home: Path) -> None:
    with open_sink() as sink:
        done = run_cli(
            home, "--label", "regulated", "--specialist", "general", SECRET, **towards(sink)
        )
        assert json.loads(done.stdout)["model_calls"] > 0, done.stderr
        assert_withheld(sink)
        assert [run for run in sink.runs.values() if run.kind == "llm"]


def test_the_server_sends_the_content_of_unregulated_runs_only(home: Path) -> None:
    with open_sink() as sink:
        server = Server(home, **towards(sink))
        try:
            open_run = ask(server, "Tell me about Balthasar", label="internal")
            assert sink.ended(open_run, 30)
            assert any(b"Balthasar" in body for body in sink.bodies)
            sink.runs.clear()
            closed = ask(server, SECRET, label="regulated")
            assert sink.ended(closed, 30)
        finally:
            server.end()
        assert_withheld(sink)


def ask(server: Server, words: str, **context: str) -> str:
    """Carry a request out, and give its run id."""
    asked = {
        "assistant_id": "supervisor",
        "input": said(words),
        "context": {"specialist": "general"} | context,
    }
    done = httpx.post(f"{server.url}/runs/wait", json=asked, timeout=60)
    assert done.status_code == 200, done.text
    return str(done.json()["answer"]["run"])


def assert_withheld(sink: Sink) -> None:
    """The shape is there, and no word of what it was about."""
    assert one(sink, "supervisor", "general").metadata["label"] == "regulated"
    for word in (b"Quirinius", b"Xylander", b"hello"):
        assert not [body for body in sink.bodies if word.lower() in body.lower()]
    for run in sink.runs.values():
        assert not run.fields.get("inputs")
        assert not run.fields.get("outputs")


class Guarded:
    """Runs programs that cannot reach anything but this machine, and knows who tried."""

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(GUARD)
        self.record = folder / "record"
        self.loaded = folder / "loaded"
        self.env = {
            "PYTHONPATH": f"{folder}:{ROOT}",
            "GUARD_RECORD": str(self.record),
            "GUARD_LOADED": str(self.loaded),
        }

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env=environment(**self.env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def attempts(self) -> list[str]:
        assert self.loaded.exists(), "the guard was never there"
        return self.record.read_text().splitlines() if self.record.exists() else []


@pytest.fixture
def guarded(home: Path, tmp_path: Path) -> Guarded:
    assert not home.exists(), "a home of its own, and no variable that switches tracing on"
    folder = tmp_path / "guard"
    folder.mkdir()
    return Guarded(folder)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket().connect(('192.0.2.1', 9))",
        "import asyncio; asyncio.run(asyncio.open_connection('192.0.2.1', 9))",
        "import urllib.request; urllib.request.urlopen('https://example.invalid')",
        "import langsmith; langsmith.Client(api_key='test', auto_batch_tracing=False).info",
    ],
)
def test_the_guard_sees_whoever_tries_to_leave(guarded: Guarded, code: str) -> None:
    guarded.python(code)
    assert guarded.attempts


def test_a_job_without_tracing_opens_no_connection_to_elsewhere(
    guarded: Guarded, home: Path
) -> None:
    done = run_cli(home, QUESTION, **guarded.env)
    assert guarded.attempts == []
    assert json.loads(done.stdout)["status"] == "done", done.stderr


def test_loading_the_model_library_opens_no_connection_to_elsewhere(guarded: Guarded) -> None:
    done = guarded.python("import sys, models.session; assert 'litellm' in sys.modules")
    assert guarded.attempts == []
    assert done.returncode == 0, done.stderr
