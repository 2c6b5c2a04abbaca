"""A peer system in a process of its own, mostly in its own environment, asked by lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime.canonical import Json
from runtime.settings import ROOT

PYTHON = ROOT / ".venv-peers" / "bin" / "python"


class Peer:
    """`with Peer("deep_dag", url, file) as peer: peer.ask(plan=…)`."""

    def __init__(self, module: str, *arguments: str, python: Path = PYTHON) -> None:
        """
        Args:
            module: One of `bench/peers`, or the whole dotted name of one that runs elsewhere.
        """
        if not python.exists():
            raise SystemExit(
                f"{python} was not found. Run `make bench-peers` first, or leave the peers out"
                " with --no-peers."
            )
        environment = os.environ | {
            "LANGSMITH_TRACING": "false",
            "LANGCHAIN_TRACING_V2": "false",
            "PYTHONWARNINGS": "ignore",
        }
        self._process = subprocess.Popen(
            [str(python), "-m", module if "." in module else f"bench.peers.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self.versions: dict[str, str] = self._told()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None, "it was opened with a pipe"
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def ask(self, **question: str | int) -> Json:
        """Its answer. Blocks until it is there."""
        assert self._process.stdin is not None, "it was opened with a pipe"
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> Json:
        assert self._process.stdout is not None, "it was opened with a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the peer has ended; see its words above")
        return json.loads(line)
