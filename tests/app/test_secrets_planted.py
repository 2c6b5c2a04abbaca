"""Planted secrets turn up nowhere: not in the ledger, the checkpoints, traces, logs, answers or
exports, nor in what a model is sent. A real run of the command line, and every byte it leaves."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from runtime.canonical import Json
from runtime.settings import ROOT
from tests.app.conftest import command, environment
from tests.app.sink import Sink, open_sink
from tests.app.test_server import Server
from tests.graphs.installation import specialist, written
from tests.graphs.workers import work_of
from tests.provider import Exchange, JsonObject, Reply, ScriptedProvider, SeededBrain, ToolCall
from tools.masking import MASK

STORE = "stored/Quartz+Heron-7731"
"""Of the credential store; only its server is given it."""
OTHER = "another_Basalt~Lynx=5150"
"""Of this process, by the name of its variable."""
pytestmark = pytest.mark.timeout(400)

KNOWN = {"store": STORE, "other": OTHER}
SHAPED = {
    "pair": "Zircon-Otter-61",
    "bearer": "Garnet.Ibis.83",
    "aws": "AKIAQ7PLANTED4EXMPL2",
    "service": "sk-proj-Planted0Kestrel1Opal2Vireo3",
    "token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwbGFudGVkIn0.UGxhbnRlZFNpZ25hdHVyZQ",
    "address": "Topaz-Marten-29",
    "private": "MIIPlantedBerylStoat",
}
"""What a user puts into a request; known to nobody."""
REQUEST = (
    "@leaks try it with password={pair} and Authorization: Bearer {bearer}, {aws}, {service},"
    " {token}, postgresql://ann:{address}@db/x, {store} and {other}\n"
    "-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----"
).format(**SHAPED, **KNOWN)
RETURNED = "Jasper-Plover-47"
"""What a server returns under telling names."""
MADE = "Onyx-Dunlin-58"
"""A password that the model makes up for an effect."""

HOWS = ("plain", "base64", "url", "hex", "lines", "error", "progress")
STEPS: tuple[tuple[str, JsonObject], ...] = (
    *(("leaks_fetch", JsonObject(how=how)) for how in HOWS),
    ("leaks_fetch_data", {}),
    ("leaks_question", {}),
    ("leaks_save", {"login": "ann", "password": MADE}),
    ("leaks_fetch", {"how": "die"}),
)


class Parrot:
    """Makes every call in turn, then says all that it was told, and a secret of its own accord."""

    def reply(self, exchange: Exchange) -> Reply:
        work = work_of(exchange)
        if work is None:
            return SeededBrain(1).reply(exchange)
        if work.said < len(STEPS):
            tool, arguments = STEPS[work.said]
            return Reply(tool_calls=(ToolCall(name=tool, arguments=arguments),))
        heard = [turn.text for turn in exchange.turns if turn.role in ("tool", "user")]
        said: JsonObject = {"said": "\n".join([*heard, STORE, OTHER]), "evidence": [*work.evidence]}
        return Reply(tool_calls=(ToolCall(name="deliver", arguments=said),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Everything that is left of the run, by where it was found."""

    places: Mapping[str, bytes]
    received: str
    """What reached the server."""

    def where(self, text: str) -> list[str]:
        return [name for name, content in self.places.items() if text.encode() in content]


TASK: Json = {
    "id": "try",
    "objective": "[try] Call everything.",
    "inputs": {"words": {"from": "request", "select": "request"}},
    "tools": ["leaks_fetch", "leaks_fetch_data", "leaks_question", "leaks_save"],
    "output": {
        "type": "object",
        "required": ["said", "evidence"],
        "properties": {
            "said": {"type": "string"},
            "evidence": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def installed(home: Path, provider: ScriptedProvider) -> dict[str, str]:
    """The files of an installation; the variables that name them and hold the secrets."""
    (home.parent / "other").write_text(f"{OTHER} {RETURNED}")
    server: Json = {
        "command": sys.executable,
        "args": [str(ROOT / "tests" / "tools" / "servers" / "leaky.py")],
        "env": {"OTHER": str(home.parent / "other"), "CALLS": str(home.parent / "calls")},
        "switchyard": {
            "cleared_for": "internal",
            "untrusted": False,
            "credentials": {"*": {"LEAK_TOKEN": {"env": "PLANTED_STORE"}}},
        },
    }
    limits = {"standard": {"tool_calls": 30, "model_calls": 30, "repeated_calls": 9}}
    config = written(home, provider=provider, servers={"leaks": server}, limits=limits)
    folder = home / "specialists"
    folder.mkdir()
    text = specialist("leaks", [TASK], outputs={"end": {"from": "try"}}, tools=TASK["tools"])
    (folder / "leaks.md").write_text(text)
    return {
        "SWITCHYARD_HOME": str(home),
        "SWITCHYARD_CONFIG": str(config),
        "SWITCHYARD_SPECIALISTS": str(folder),
        "PLANTED_STORE": STORE,
        "PLANTED_OTHER_KEY": OTHER,
    }


def towards(sink: Sink) -> dict[str, str]:
    return {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": sink.url,
        "LANGSMITH_API_KEY": "test",
    }


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    home = tmp_path_factory.mktemp("planted") / "home"
    home.mkdir()
    places: dict[str, bytes] = {}

    def run(*args: str) -> bytes:
        done = subprocess.run(
            command(*args),
            env=environment(**env, PYTHONWARNINGS="default"),
            capture_output=True,
            timeout=240,
            check=False,
        )
        name = f"{len(places)} {' '.join(args[:2])}"
        places[f"{name} stdout"], places[f"{name} stderr"] = done.stdout, done.stderr
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.stdout

    def look(*args: str) -> str:
        """A command that only reads, in this process: those start faster."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            done = CliRunner().invoke(main, list(args))
        places[f"{len(places)} {' '.join(args[:4])}"] = done.output.encode()
        assert done.exit_code == 0, done.output
        return done.stdout

    with ScriptedProvider(Parrot()) as provider, open_sink() as sink:
        env = installed(home, provider) | towards(sink)
        # Without --json: it shows what happens as it happens.
        run("run", REQUEST, "--user", "ann")
        for kind in ("elicitation", "effect"):
            (asked,) = json.loads(look("approvals", "--json"))
            assert asked["kind"] == kind
            # While it waits, its files are as a crash would leave them.
            places |= {f"{file} paused": file.read_bytes() for file in _files(home)}
            look("approvals")
            said = json.loads(run("answer", asked["id"], "approve", "--json"))
        assert said["status"] == "done", said
        for form in ("jsonl", "otel"):
            look("audit", "export", "--format", form)
        look("audit", "show", "--run", said["run"], "--json")
        look("runs", "show", said["run"], "--json")
        look("runs", "show", said["run"])
        look("audit", "verify")
        places |= {str(file): file.read_bytes() for file in _files(home)}
        places["traces"] = b"\n".join(sink.bodies)
        places["model"] = b"\n".join(request.raw for request in provider.requests)
        yield Left(places=places, received=(home.parent / "calls").read_text())


def _files(home: Path) -> list[Path]:
    return [file for file in home.rglob("*") if file.is_file()]


def codings(secret: str) -> Mapping[str, str]:
    """A secret as somebody might write it."""
    coded = secret.encode()
    middle = len(secret) // 2
    return {
        "plain": secret,
        "json": json.dumps(secret)[1:-1],
        "url": quote(secret, safe=""),
        "hex": coded.hex(),
        "base64": base64.b64encode(coded).decode().rstrip("="),
        "base64 in user:secret": base64.b64encode(b"user:" + coded).decode()[8:-4],
        "its beginning": secret[:middle],
        "its end": secret[middle:],
    }


@pytest.mark.parametrize("name", KNOWN)
def test_a_secret_of_the_installation_is_nowhere(left: Left, name: str) -> None:
    assert {how: left.where(text) for how, text in codings(KNOWN[name]).items()} == {
        how: [] for how in codings(KNOWN[name])
    }


@pytest.mark.parametrize("name", SHAPED)
def test_what_looks_like_a_secret_in_a_request_is_nowhere(left: Left, name: str) -> None:
    assert left.where(SHAPED[name]) == []


def test_what_a_server_returns_under_a_telling_name_is_nowhere(left: Left) -> None:
    assert left.where(RETURNED) == []


def test_a_password_that_the_model_made_up_reaches_the_server_and_no_record(left: Left) -> None:
    assert left.received == f"ann {MADE}\n"
    found = {Path(name.removesuffix(" paused")).name for name in left.where(MADE)}
    # Its own words, which it is shown again, and which a resumed run sends the same call from.
    assert found == {"checkpoints.sqlite", "model"}


def test_everything_was_looked_at(left: Left) -> None:
    names = {Path(name.removesuffix(" paused")).name for name in left.places}
    assert {"ledger.sqlite", "checkpoints.sqlite", "pins.json", "traces", "model"} <= names
    for place in ("traces", "model"):
        assert MASK.encode() in left.places[place]
    masked = left.where(MASK)
    assert any(name.endswith("ledger.sqlite") for name in masked)
    assert any(name.endswith("checkpoints.sqlite") for name in masked)
    assert any("stdout" in name for name in masked)


def test_the_server_keeps_no_secret_of_a_request_either(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = Server(home, PLANTED_OTHER_KEY=OTHER)
    try:
        text = f"Tell me about Balthasar; {OTHER}, password={SHAPED['pair']}, {SHAPED['service']}"
        asked = {
            "assistant_id": "supervisor",
            "input": {"messages": [{"role": "user", "content": text}]},
            "context": {"specialist": "general"},
        }
        with httpx.Client(base_url=server.url, timeout=60) as client:
            thread = client.post("/threads", json={}).json()["thread_id"]
            told = client.post(f"/threads/{thread}/runs/wait", json=asked)
            shown = [
                client.get(f"/threads/{thread}{path}").text for path in ("", "/state", "/runs")
            ]
            shown.append(client.post(f"/threads/{thread}/history", json={}).text)
            # While it runs, and as a crash would leave it.
            files = [file.read_bytes() for file in _files(home)]
    finally:
        server.end()
    assert told.status_code == 200, told.text
    files += [file.read_bytes() for file in _files(home)]
    for secret in (OTHER, SHAPED["pair"], SHAPED["service"]):
        assert secret not in told.text + "".join(shown)
        assert not [content for content in files if secret.encode() in content]
    assert f"Tell me about Balthasar; {MASK}, password={MASK}, {MASK}" in shown[1]
