"""One job in bubblewrap: no network, no host but a read-only system, a workspace in memory.

Nothing of the host is ever mounted for writing. Files go in with the job, and what was made comes
out as data, so that no path and no link of the sandbox can mean anything outside of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process
from pydantic import BaseModel, ConfigDict, ValidationError

from tools import sandbox_inside
from tools.sandbox_limits import SandboxLimits
from tools.sandbox_seccomp import program

_NOBODY = 65534
_SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
_ETC = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
_ENVIRONMENT = {
    "HOME": "/work",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/work",
    "TMPDIR": "/tmp",
}
_GRACE = 5.0
"""Seconds that the sandbox itself may take beyond the time of the job."""
_MOST_FILES = 200
_FILTER = "{filter}"
_REMEDY = (
    "Install bubblewrap 0.8 or newer (the package is named bubblewrap) on Linux and permit"
    " user namespaces. Without a sandbox nothing is run."
)


class Finished(BaseModel):
    """How a job ended, as the sandbox's first process says; checked, since it is a guest."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: int | None
    """Exit code; negative for a signal; None when a limit ended it."""
    why: str
    """The limit that ended it, by its name in the configuration; empty for none."""
    seconds: float
    stdout: str
    stderr: str
    files: dict[str, str]
    """New and changed files of the workspace, by path."""
    skipped: dict[str, str]
    """What else was left in the workspace, with the reason why it is not kept."""


class NoSandbox(Exception):
    """Nothing can be run here. Says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A sandbox that was tried on this machine and works. `python` is the one inside of it."""

    bwrap: str
    python: str
    limits: SandboxLimits
    hidden: tuple[Path, ...] = ()
    """Folders that are covered where they lie within what is seen."""

    async def run(self, argv: list[str], code: str, files: Mapping[str, str]) -> Finished:
        """Do a job within the limits; when it returns, every process of it is gone.

        Args:
            argv: The program; `code` is at `/tmp/main`.

        Raises:
            NoSandbox: bubblewrap did not start.
        """
        limits = self.limits.model_dump() | {"changed": _MOST_FILES}
        job = {"argv": argv, "code": code, "files": dict(files), "limits": limits}
        most = 6 * (2 * self.limits.output_bytes + self.limits.workspace_bytes) + 1_000_000
        wait = self.limits.seconds + _GRACE
        told, wrong = await _spoken(self._command(), json.dumps(job).encode(), most, wait)
        try:
            return await asyncio.to_thread(Finished.model_validate_json, told)
        except ValidationError:
            raise NoSandbox(f"The sandbox did not work: {wrong or 'it said nothing'}.") from None

    def _command(self) -> list[str]:
        size = str(self.limits.workspace_bytes)
        command = [self.bwrap, "--unshare-all", "--unshare-user", "--disable-userns"]
        command += ["--uid", str(_NOBODY), "--gid", str(_NOBODY), "--hostname", "sandbox"]
        command += ["--new-session", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"]
        command += ["--clearenv"]
        for name, value in _ENVIRONMENT.items():
            command += ["--setenv", name, value]
        command += self._seen()
        command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
        command += ["--size", size, "--tmpfs", "/tmp", "--size", size, "--tmpfs", "/work"]
        command += ["--chdir", "/work", "--remount-ro", "/", "--seccomp", _FILTER]
        return [*command, self.python, "-I", "-S", "-B", "-c", _inside()]

    def _seen(self) -> list[str]:
        """What there is of the host, for reading."""
        prefix = Path(self.python).parent.parent
        seen = [Path("/usr")] + ([] if prefix.is_relative_to("/usr") else [prefix])
        command = ["--ro-bind", "/usr", "/usr", *_system()]
        for path in seen[1:]:
            command += ["--ro-bind", str(path), str(path)]
        for path in self.hidden:
            within = any(path.is_relative_to(part) and path != part for part in seen)
            if within and not prefix.is_relative_to(path):
                command += ["--tmpfs", str(path), "--remount-ro", str(path)]
        return command


@cache
def _inside() -> str:
    return Path(sandbox_inside.__file__).read_text(encoding="utf-8")


async def find_box(limits: SandboxLimits, hidden: tuple[Path, ...] = ()) -> Box:
    """Try the sandbox with all its walls; the first Python that works in it is taken.

    Args:
        hidden: Folders that must not be seen even where they lie within the system's.

    Raises:
        NoSandbox: there is none on this machine; the reason and the remedy.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NoSandbox(f"There is no sandbox here: bwrap was not found. {_REMEDY}")
    if not program():
        raise NoSandbox("There is no sandbox here: this kind of processor is not known to it.")
    reasons: list[str] = []
    for python in _pythons():
        box = Box(bwrap=bwrap, python=python, limits=limits, hidden=hidden)
        try:
            done = await box.run([python, "-I", "-c", "print(6 * 7)"], "", {})
        except (NoSandbox, OSError) as error:
            reasons.append(str(error))
            continue
        if done.stdout == "42\n":
            return box
        reasons.append(done.stderr or f"it ended with {done.code}")
    raise NoSandbox(f"There is no sandbox here. {reasons[-1]} {_REMEDY}")


def _pythons() -> Iterator[str]:
    """Where a Python may be that the sandbox can reach: our own, without its packages, first."""
    if sys.base_prefix != "/":
        yield str(Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}"))
    system = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if system:
        yield system


def _system() -> list[str]:
    """The folders beside /usr, as links where the host has them as links."""
    command: list[str] = []
    for path in _SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind-try", path, path]
    for path in _ETC:
        command += ["--ro-bind-try", path, path]
    return command


@contextmanager
def _filter() -> Iterator[int]:
    handle = os.memfd_create("filter")
    try:
        os.write(handle, program())
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


async def _spoken(command: list[str], job: bytes, most: int, seconds: float) -> tuple[bytes, str]:
    """Start the sandbox, hand the job in, and take what it says, up to `most` bytes."""
    # Root's own processes are free of the limit on their number, in the sandbox too.
    nobody = _NOBODY if os.geteuid() == 0 else None
    with _filter() as handle:
        process = await anyio.open_process(
            [str(handle) if part == _FILTER else part for part in command],
            cwd="/",
            env={},
            pass_fds=(handle,),
            start_new_session=True,
            user=nobody,
            group=nobody,
            extra_groups=None if nobody is None else [],
        )
    said, wrong = bytearray(), bytearray()
    try:
        with anyio.move_on_after(seconds) as late:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_give, process, job)
                tasks.start_soon(_take, process.stdout, said, most)
                tasks.start_soon(_take, process.stderr, wrong, 10_000)
        if late.cancelled_caught:
            wrong = bytearray(f"it did not end within {seconds:g} s".encode())
    finally:
        with suppress(ProcessLookupError, PermissionError):
            # Its end is the end of every process inside: they live in its namespace.
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await process.aclose()
    return bytes(said), wrong.decode(errors="replace").strip()[:500]


async def _give(process: Process, job: bytes) -> None:
    assert process.stdin is not None, "the sandbox was started with pipes"
    with suppress(OSError, anyio.BrokenResourceError):
        await process.stdin.send(job)
        await process.stdin.aclose()


async def _take(stream: ByteReceiveStream | None, held: bytearray, most: int) -> None:
    """What a stream says, up to `most` bytes; the rest is not read."""
    assert stream is not None, "the sandbox was started with pipes"
    async for part in stream:
        held += part
        if len(held) > most:
            return
