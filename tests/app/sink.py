"""A place on loopback that takes what LangSmith's client sends, and puts it together as runs.

It speaks the client's own wire format: `GET /info`, then `POST /runs/multipart`, compressed or not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import zstandard

_INFO = {
    "version": "0.12.0",
    "instance_flags": {"zstd_compression_enabled": True},
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 4,
        "scale_down_nempty_trigger": 4,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
    },
}


@dataclass(slots=True, kw_only=True)
class Traced:
    """One run as it stands after everything that was sent about it."""

    id: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.fields["name"])

    @property
    def kind(self) -> str:
        return str(self.fields["run_type"])

    @property
    def parent(self) -> str | None:
        return self.fields.get("parent_run_id")

    @property
    def metadata(self) -> dict[str, Any]:
        return dict(self.fields.get("extra", {}).get("metadata", {}))


class Sink:
    """What has arrived so far."""

    def __init__(self) -> None:
        self.url = ""
        self.runs: dict[str, Traced] = {}
        self.bodies: list[bytes] = []
        """Every body as it was sent, without compression."""
        self.requests: list[tuple[str, str]] = []
        self._news = threading.Condition()

    def path(self, run: Traced) -> list[str]:
        """The names from the root down to this run."""
        above = self.path(self.runs[run.parent]) if run.parent else []
        return [*above, run.name]

    def named(self, name: str) -> list[Traced]:
        return [run for run in self.runs.values() if run.name == name]

    def below(self, top: Traced) -> list[Traced]:
        """The runs at any depth under `top`."""
        own = [run for run in self.runs.values() if run.parent == top.id]
        return [*own, *(deeper for run in own for deeper in self.below(run))]

    def ended(self, id: str, seconds: float) -> bool:
        """Wait until the end of this run has arrived."""
        with self._news:
            return self._news.wait_for(
                lambda: id in self.runs and "end_time" in self.runs[id].fields, seconds
            )

    def take(self, path: str, content_type: str, body: bytes) -> None:
        with self._news:
            self._news.notify_all()
            self.requests.append(("POST", path))
            self.bodies.append(body)
            if path.endswith("/runs/multipart"):
                for name, value in _parts(content_type, body):
                    self._merge(name, value)
            elif path.endswith("/runs/batch"):
                batch = json.loads(body)
                for run in [*batch.get("post", []), *batch.get("patch", [])]:
                    self._run(run["id"]).fields.update(_known(run))
            else:
                run = json.loads(body)
                self._run(run.get("id") or path.rpartition("/")[2]).fields.update(_known(run))

    def _merge(self, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        """A part is called after the operation, the run, and for a part of the run its field."""
        operation, run, *key = name.split(".")
        if operation not in ("post", "patch"):
            return
        if key:
            self._run(run).fields[key[0]] = value
        else:
            self._run(run).fields.update(_known(value))

    def _run(self, id: str) -> Traced:
        return self.runs.setdefault(id, Traced(id=id))


@contextmanager
def open_sink() -> Iterator[Sink]:
    """A sink that listens until the block is left."""
    sink = Sink()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(sink))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            sink.requests.append(("GET", self.path))
            self._answer(200, _INFO)

        def do_POST(self) -> None:
            body = self._body()
            if self.headers.get("Content-Encoding") == "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            sink.take(self.path, self.headers["Content-Type"], body)
            self._answer(202, {"message": "taken"})

        def do_PATCH(self) -> None:
            self.do_POST()

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status: int, said: object) -> None:
            answer = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: a test has its own words."""

    return Handler


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, Any]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes), "the client sends no part that has parts"
        yield str(part.get_param("name", header="content-disposition")), json.loads(content)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    """A patch repeats what it does not know as null."""
    return {key: value for key, value in fields.items() if value is not None}
