"""The provider of `bench/fixed_process.py` as a benchmark holds it: an address, and what came."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Self

from runtime.canonical import Json
from runtime.settings import ROOT


class FixedProvider:
    """`with FixedProvider(seconds=10) as provider: … provider.address …`."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None
        self.address = ""
        """Base address, in OpenAI's format."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.fixed_process", str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.address = str(self._told())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        assert process is not None, "it was entered"
        # The end of its input ends it.
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def counts(self) -> dict[str, int]:
        """`calls` so far, and `most_open` connections at the same time."""
        process = self._process
        assert process is not None, "ask inside of the with block"
        assert process.stdin is not None, "it was opened with a pipe"
        process.stdin.write("counts\n")
        process.stdin.flush()
        told = self._told()
        assert isinstance(told, dict), told
        return told

    def _told(self) -> Json:
        assert self._process is not None, "ask inside of the with block"
        assert self._process.stdout is not None, "it was opened with a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the provider of the benchmark has ended; see its words above")
        return json.loads(line)
