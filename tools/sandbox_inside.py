"""Runs inside of the sandbox as its first process: it holds the limits, and reports what was made.

Its text is handed to the sandbox's own Python, so it uses the standard library alone. Nobody in
the sandbox can end it, since the kernel keeps signals from the first process of a namespace.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

_WORK = "/work"
_TICK = 0.02
_MOST_INODES = 20_000
"""Files and folders in memory; the size of the workspace does not count them."""
_CAUGHT = 65_536


def main() -> None:
    """Read a job from standard input, do it, and write how it ended to standard output."""
    # Not to be traced, nor read through /proc, by others of the same user.
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    job = json.load(sys.stdin.buffer)
    before = _place(job["files"])
    with open("/tmp/main", "w", encoding="utf-8") as script:
        script.write(job["code"])
    ended = _run(job["argv"], job["limits"])
    _end_all()
    made, skipped = _changed(before, job["limits"])
    sys.stdout.write(json.dumps({**ended, "files": made, "skipped": skipped}))
    sys.stdout.flush()


def _place(files: dict[str, str]) -> dict[str, bytes]:
    placed: dict[str, bytes] = {}
    for path, content in files.items():
        data = content.encode()
        full = os.path.join(_WORK, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        placed[path] = data
    return placed


def _run(argv: list[str], limits: dict[str, Any]) -> dict[str, Any]:
    out, out_child = os.pipe()
    err, err_child = os.pipe()
    # The end of a child wakes the watch.
    wake, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = os.fork()
    if not child:
        _become(argv, limits, out_child, err_child)
    os.close(out_child)
    os.close(err_child)
    watch = _Watch(child, wake, {out: bytearray(), err: bytearray()}, limits)
    watch.until_end()
    return {
        "code": watch.code,
        "why": watch.why,
        "seconds": time.monotonic() - watch.began,
        "stdout": watch.caught[out].decode(errors="replace"),
        "stderr": watch.caught[err].decode(errors="replace"),
    }


def _become(argv: list[str], limits: dict[str, Any], out: int, err: int) -> None:
    """In the child: take on the limits, and become the program. Does not return."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, 64)
        seconds = int(limits["seconds"]) + 1
        for kind, most in (
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_AS, limits["memory_bytes"]),
            (resource.RLIMIT_FSIZE, limits["file_bytes"]),
            (resource.RLIMIT_NPROC, limits["processes"] + 1),
            (resource.RLIMIT_NOFILE, 256),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
        ):
            resource.setrlimit(kind, (most, most))
        os.chdir(_WORK)
        os.execv(argv[0], argv)
    except BaseException as error:  # noqa: BLE001 (a child must never go on as its parent)
        os.write(2, f"It cannot be started: {error}\n".encode())
    finally:
        os._exit(127)


class _Watch:
    """Looks after the child until it ends, or until a limit ends it."""

    def __init__(
        self, child: int, wake: int, caught: dict[int, bytearray], limits: dict[str, Any]
    ) -> None:
        self.child = child
        self.caught = caught
        self.code: int | None = None
        self.why = ""
        self.began = time.monotonic()
        self._wake = wake
        self._limits = limits
        self._open = set(caught)

    def until_end(self) -> None:
        while self.code is None and not self.why:
            ready = select.select([*self._open, self._wake], [], [], _TICK)[0]
            for stream in ready:
                if stream == self._wake:
                    os.read(stream, _CAUGHT)
                else:
                    self._take(stream)
            self._reap()
            if time.monotonic() - self.began > self._limits["seconds"]:
                self.why = "seconds"
            elif _memory() > self._limits["memory_bytes"]:
                self.why = "memory_bytes"
            elif _inodes() > _MOST_INODES:
                self.why = "files"
        # What was written before the end; nobody who lives on may keep us here.
        _end_all()
        for stream in list(self._open):
            while stream in self._open and select.select([stream], [], [], 0)[0]:
                self._take(stream)

    def _take(self, stream: int) -> None:
        part = os.read(stream, _CAUGHT)
        if not part:
            self._open.discard(stream)
            return
        held = self.caught[stream]
        room = self._limits["output_bytes"] - len(held)
        held += part[:room]
        if len(part) > room:
            self.why = self.why or "output_bytes"
            self._open.discard(stream)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.child:
                self.code = os.waitstatus_to_exitcode(status)


def _memory() -> int:
    """Bytes that all others here hold in memory."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open(f"/proc/{name}/statm", "rb") as file:
                    total += int(file.read().split()[1])
            except (OSError, IndexError):
                continue
    return total * resource.getpagesize()


def _inodes() -> int:
    """Files and folders of the two places that can be written to."""
    found = [os.statvfs(folder) for folder in (_WORK, "/tmp")]
    return max(one.f_files - one.f_ffree for one in found)


def _end_all() -> None:
    """End every process here but this one."""
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _changed(
    before: dict[str, bytes], limits: dict[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Files that are new or changed, and what else is there with the reason why it is left."""
    made: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for folder, folders, names in os.walk(_WORK):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, _WORK)
            if len(made) + len(skipped) >= limits["changed"]:
                skipped["…"] = f"there are more than {limits['changed']}"
                return made, skipped
            data, reason = _content(full)
            if reason:
                skipped[_shown(path)] = reason
            elif data != before.get(path):
                try:
                    made[_shown(path)] = data.decode()
                except UnicodeDecodeError:
                    skipped[_shown(path)] = "it is not text in UTF-8"
    return made, skipped


def _content(full: str) -> tuple[bytes, str]:
    try:
        # A link would lead to what the run never wrote.
        handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return b"", f"it cannot be read ({error.strerror})"
    with open(handle, "rb") as file:
        if not os.path.isfile(f"/proc/self/fd/{handle}"):
            return b"", "it is no regular file"
        return file.read(), ""


def _shown(path: str) -> str:
    return path.encode(errors="replace").decode(errors="replace")


if __name__ == "__main__":
    main()
