"""The world around a run as a benchmark holds it: two addresses, and what reached them."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Self

from bench.job_brain import Pacing
from runtime.canonical import Json
from runtime.settings import ROOT

Counts = dict[str, dict[str, int]]


class World:
    """`with World(median=1.0) as world: …`; the words are those of `world_process.Spec`."""

    def __init__(self, **spec: float | bool) -> None:
        self._spec = spec
        self._process: subprocess.Popen[str] | None = None
        self.provider = ""
        """Base address of the model provider, in OpenAI's format."""
        self.tools = ""
        """Address of the tool server, streamable HTTP."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.world_process", json.dumps(self._spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        addresses = self._told()
        self.provider, self.tools = addresses["provider"], addresses["tools"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None, "it was opened with a pipe"
        process.stdin.close()
        try:
            code = process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if process.stdout:
            process.stdout.close()
        if error is None and code:
            raise RuntimeError(f"the world ended with exit code {code}; see its words above")

    def counts(self) -> Counts:
        """What has reached the world since it was opened or told to forget."""
        counts: Counts = self._ask(ask="counts")
        return counts

    def forget(self) -> None:
        """Begin to count anew."""
        self._ask(ask="forget")

    def rescale(self, to: float) -> None:
        """Multiply the waits of later answers; 0 answers at once."""
        self._ask(ask="rescale", to=to)

    def begin(self, pacing: Pacing) -> None:
        """Have the fixed job done from its start."""
        self._ask(ask="begin", pacing=pacing)

    def _ask(self, **command: str | float) -> Json:
        assert self._process is not None, "ask inside of the with block"
        assert self._process.stdin is not None, "it was opened with a pipe"
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> Json:
        assert self._process is not None, "ask inside of the with block"
        assert self._process.stdout is not None, "it was opened with a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the world of the benchmark has ended; see its words above")
        return json.loads(line)
