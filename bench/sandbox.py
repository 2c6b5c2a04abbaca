"""Attempts to get out of the sandbox, and what it costs to start: `make bench-sandbox`.

Each attempt prints ESCAPED where it gets what it wants. The host lays out what there is to get: a
listener, a socket, a process, secrets in a file and in the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.sandbox_attempts import ATTEMPTS, Attempt
from runtime.canonical import Json
from runtime.settings import ROOT
from tools.sandbox_box import Box, Finished, NoSandbox, find_box
from tools.sandbox_limits import SandboxLimits

RESULTS = ROOT / "bench" / "results" / "sandbox.json"
SECRET = "open-sesame-of-the-host"
LIMITS = SandboxLimits(
    seconds=2.0,
    memory_bytes=256_000_000,
    processes=16,
    workspace_bytes=10_000_000,
    file_bytes=5_000_000,
    output_bytes=50_000,
)
_STARTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What there is to get on the host."""

    folder: Path
    tcp: socket.socket
    udp: socket.socket
    victim: subprocess.Popen[bytes]

    def words(self) -> dict[str, str]:
        """What the attempts know of the host."""
        return {
            "TCP_PORT": str(self.tcp.getsockname()[1]),
            "UDP_PORT": str(self.udp.getsockname()[1]),
            "FOLDER": str(self.folder),
            "VICTIM": str(self.victim.pid),
            "SECRET": SECRET,
            "HOME": str(Path.home()),
        }

    def harmed(self) -> str:
        """What happened to the host; empty for nothing."""
        if self.victim.poll() is not None:
            return "a process of the host was ended"
        for listener, name in ((self.tcp, "TCP"), (self.udp, "UDP")):
            try:
                if name == "TCP":
                    listener.accept()[0].close()
                else:
                    listener.recv(100)
            except BlockingIOError:
                continue
            return f"something came in over {name}"
        return ""


@contextmanager
def host() -> Iterator[Host]:
    """Lay out what there is to get."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "secret.txt").write_text(SECRET)
        # Readable to all, so that nothing but the sandbox is in the way.
        folder.chmod(0o755)
        for address in (str(folder / "socket"), f"\0{folder.name}"):
            unix = stack.enter_context(socket.socket(socket.AF_UNIX))
            unix.bind(address)
            unix.listen()
        (folder / "socket").chmod(0o777)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        tcp.setblocking(False)
        udp.setblocking(False)
        os.environ["SWITCHYARD_HOST_PASSWORD"] = SECRET
        stack.callback(os.environ.pop, "SWITCHYARD_HOST_PASSWORD", None)
        victim = subprocess.Popen(["sleep", "600"])
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        yield Host(folder=folder, tcp=tcp, udp=udp, victim=victim)


async def attempted(box: Box, attempt: Attempt, at: Host) -> tuple[Finished, str]:
    """Make an attempt; how it ended, and what it got (empty for nothing)."""
    code = attempt.code_for(at.words())
    argv = [box.python, "/tmp/main"] if attempt.tool == "python" else ["/bin/sh", "/tmp/main"]
    done = await box.run(argv, code, {"own.txt": "of this run"})
    said = done.stdout + done.stderr + "".join(done.files.values())
    if SECRET in said:
        return done, "the secret of the host"
    if "ESCAPED" in done.stdout:
        return done, done.stdout[:200]
    if attempt.limit and done.why != attempt.limit:
        return done, f"the limit {attempt.limit} did not end it"
    return done, at.harmed()


async def starts(box: Box) -> list[float]:
    """Milliseconds from the call to the answer of scripts that do nothing."""
    took = []
    for _ in range(_STARTS):
        began = time.perf_counter()
        await box.run(["/bin/sh", "/tmp/main"], "true", {})
        took.append((time.perf_counter() - began) * 1000)
    return took


async def measure() -> Json:
    box = await find_box(LIMITS)
    rows: list[Json] = []
    with host() as at:
        for attempt in ATTEMPTS:
            began = time.perf_counter()
            done, got = await attempted(box, attempt, at)
            rows.append(
                {
                    "attempt": attempt.name,
                    "failed": not got,
                    "ended": done.why or f"exit code {done.code}",
                    "got": got,
                    "seconds": round(time.perf_counter() - began, 2),
                }
            )
    took = await starts(box)
    return {
        "bwrap": _version(),
        "kernel": platform.release(),
        "python": box.python,
        "as_root": os.geteuid() == 0,
        "attempts": rows,
        "failed": sum(row["failed"] for row in rows),
        "start_ms_p50": round(statistics.median(took), 1),
        "start_ms_p95": round(sorted(took)[int(len(took) * 0.95)], 1),
    }


def _version() -> str:
    return subprocess.check_output(["bwrap", "--version"], text=True).strip()


def show(figures: Json) -> None:
    table = Table("attempt", "failed", "ended", "s")
    for row in figures["attempts"]:
        said = "yes" if row["failed"] else f"NO: {row['got']}"
        table.add_row(row["attempt"], said, row["ended"], str(row["seconds"]))
    console = Console()
    console.print(table)
    console.print(f"{figures['failed']} of {len(figures['attempts'])} attempts failed")
    console.print(f"start: {figures['start_ms_p50']} ms, p95 {figures['start_ms_p95']} ms")


def main() -> None:
    if shutil.which("bwrap") is None:
        raise SystemExit("bwrap was not found. Install the package bubblewrap, then try again.")
    try:
        figures = asyncio.run(measure())
    except NoSandbox as error:
        raise SystemExit(str(error)) from error
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    show(figures)
    sys.exit(figures["failed"] != len(figures["attempts"]))


if __name__ == "__main__":
    main()
