"""Work in a forked copy of this process, which has imported everything and opened nothing.

A copy is there in a few milliseconds, where a new process would load libraries for seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from runtime.canonical import Json

Tell = Callable[[Json], None]
"""Sends one JSON value to the parent."""
Work = Callable[[Tell], Coroutine[None, None, None]]


@dataclass(slots=True, kw_only=True)
class Child:
    """A forked copy at work. `end` or `kill` is called once."""

    pid: int
    pipe: int
    _rest: bytes = b""

    def told(self) -> Json:
        """The next value that it sends.

        Raises:
            RuntimeError: it ended without one.
        """
        while b"\n" not in self._rest:
            got = os.read(self.pipe, 65_536)
            if not got:
                raise RuntimeError(f"process {self.pid} ended without a word; see above")
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def kill(self) -> bool:
        """Kill it at once; whether that was what ended it."""
        os.kill(self.pid, signal.SIGKILL)
        return os.WIFSIGNALED(self._reaped())

    def end(self) -> None:
        """Wait for its end.

        Raises:
            RuntimeError: it failed.
        """
        if self._reaped():
            raise RuntimeError(f"process {self.pid} failed; see its words above")

    def _reaped(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pipe)
        return status


def fork(work: Work) -> Child:
    """Do `work` in a copy of this process.

    Raises:
        RuntimeError: this process has threads; a copy would inherit their locks, held for ever.
    """
    if threading.active_count() > 1:
        raise RuntimeError(f"a process with threads cannot be copied: {threading.enumerate()}")
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(write)
        return Child(pid=pid, pipe=read)
    code = 1
    try:
        os.close(read)
        asyncio.run(work(lambda value: _tell(write, value)))
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the copy
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def in_child(work: Work) -> Json:
    """The one value that `work` sends."""
    child = fork(work)
    try:
        return child.told()
    finally:
        child.end()


def sleep_until(moment: float) -> None:
    """Sleep to a moment of `time.monotonic`."""
    time.sleep(max(0.0, moment - time.monotonic()))


def _tell(pipe: int, value: Json) -> None:
    left = json.dumps(value).encode() + b"\n"
    while left:
        left = left[os.write(pipe, left) :]
