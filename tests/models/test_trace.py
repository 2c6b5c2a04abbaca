"""The traced run of a call says which model really answered, for whom, and for how much."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import zstandard
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

from runtime.canonical import Json
from tests.models.door import CONTEXT, on, room
from tests.provider.exchange import Reply, Usage
from tests.provider.faults import server_error
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider


class Sink:
    """What a trace client sent, by the id of the run; later parts go over earlier ones."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Json]] = {}
        self.raw = b""

    def take(self, kind: str, body: bytes) -> None:
        self.raw += body
        message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        for part in message.walk():
            name = part.get_param("name", header="content-disposition")
            if not isinstance(name, str) or name.split(".")[0] not in ("post", "patch"):
                continue
            _, id, *field = name.split(".")
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            value = json.loads(payload)
            run = self.runs.setdefault(id, {})
            run.update({field[0]: value} if field else value)


@contextmanager
def sink() -> Iterator[tuple[Sink, str]]:
    """A server that takes traces as LangSmith does."""
    taken = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"{}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            taken.take(self.headers["content-type"], body)
            self._answer(b"{}")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield taken, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


async def test_a_trace_names_the_real_model_the_task_and_the_cost(tmp_path: Path) -> None:
    said = Reply(text="Well then.", usage=Usage(prompt=30, completion=4))
    with (
        sink() as (taken, endpoint),
        ScriptedProvider(Script(server_error())) as broken,
        ScriptedProvider(Script(said)) as sound,
    ):
        client = Client(api_url=endpoint, api_key="trace-key")
        tracer = LangChainTracer(client=client, project_name="test")
        entries = [on(broken, "first"), on(sound, "second", "anthropic", order=2)]
        async with room(tmp_path, entries) as opened:
            chat = opened.models.chat("work", CONTEXT)
            await chat.ainvoke("hi", {"callbacks": [tracer]})
        client.flush()
        client.cleanup()
    (run,) = taken.runs.values()
    metadata = run["extra"]["metadata"]
    assert metadata["ls_model_name"] == "anthropic/claude-scripted"
    assert metadata["ls_provider"] == "anthropic"
    assert (metadata["tier"], metadata["deployment"]) == ("work", "second")
    assert (metadata["run"], metadata["task"], metadata["specialist"]) == (
        "r1",
        "d1/look",
        "clerk",
    )
    assert (metadata["prompt_tokens"], metadata["completion_tokens"]) == (30, 4)
    assert metadata["cost"] == pytest.approx(30 * 0.000_01 + 4 * 0.000_02)
    assert metadata["usage_metadata"]["input_tokens"] == 30
    assert "tier:work" in run["tags"]
    assert b"test-key" not in taken.raw, "keys of deployments are no matter of traces"
