"""This process among the others: where it runs, and whether another one is still alive.

A process id alone says little: it counts within one machine, and is given out again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ledger.processes import Process
from ledger.store import Ledger

STALE = 15.0
"""Seconds without a sign of life after which a process counts as gone."""
_PROC = Path("/proc")
_SLACK = 2.0
"""Seconds by which two readings of a start may differ: the kernel counts it in ticks since boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A process as the operating system knows it."""

    host: str
    pid: int
    started_at: float


def here() -> Place:
    """This process. Reads files: call it in a thread."""
    pid = os.getpid()
    return Place(host=_host(), pid=pid, started_at=_start_of(pid) or time.time())


def gone(process: Process, host: str, now: float) -> bool:
    """Whether a process is dead, or was silent for too long. Reads files: call it in a thread."""
    if now - process.renewed_at > STALE:
        return True
    if process.host != host:
        return False
    return not _alive(process.pid, process.started_at)


async def holders_gone(ledger: Ledger, host: str = "") -> set[str]:
    """Holders of unfinished runs that are gone: dead, silent for too long, or not there at all."""
    holders = {run.holder for run in await ledger.runs.unfinished() if run.holder}
    return await gone_of(ledger, holders, host)


async def gone_of(ledger: Ledger, holders: set[str], host: str = "") -> set[str]:
    """Those of some processes that are gone: dead, silent for too long, or not there at all."""
    if not holders:
        return set()
    known = await ledger.processes.known()
    now = ledger.processes.now()

    def living() -> set[str]:
        machine = host or here().host
        return {one.id for one in known if one.id in holders and not gone(one, machine, now)}

    return holders - await asyncio.to_thread(living)


def _host() -> str:
    """The machine and its space of process ids: containers may share a name, but not the space."""
    try:
        space = os.readlink(_PROC / "self" / "ns" / "pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()


def _alive(pid: int, started_at: float) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is somebody else's, but it is there
    fields = _stat_of(pid)
    # A zombie has a process id still, but does nothing any more.
    if fields[:1] == ["Z"]:
        return False
    began = _start_of(pid)
    return began is None or began <= started_at + _SLACK


def _stat_of(pid: int) -> list[str]:
    """The fields of stat(5) from the third on; none where the system does not tell."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    # The name of the program stands in brackets and may hold anything, brackets included.
    return text.rpartition(")")[2].split()


def _start_of(pid: int) -> float | None:
    """When a process was started, in UTC seconds; None where the system does not tell."""
    try:
        boot = next(
            float(line.split()[1])
            for line in (_PROC / "stat").read_text().splitlines()
            if line.startswith("btime ")
        )
        ticks = float(_stat_of(pid)[22 - 3])
    except (OSError, StopIteration, IndexError, ValueError):
        return None
    return boot + ticks / os.sysconf("SC_CLK_TCK")
