"""Which processes a benchmark started, directly or not, and which of them are left at its end.

Read from /proc, so it sees them on Linux alone; elsewhere it counts nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


class Watch:
    """Remembers every descendant of this process that it has looked at."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}
        """By process id: when it started, since an id is used again."""

    @property
    def seen(self) -> int:
        """How many processes there were in all."""
        return len(self._known)

    def look(self) -> bool:
        """Take note of all descendants there are now. Always true, for use in a condition."""
        parents = {pid: found for pid in _pids() if (found := _parent_and_start(pid))}
        ours = {os.getpid()}
        grown = True
        while grown:
            more = {pid for pid, (parent, _) in parents.items() if parent in ours} - ours
            ours |= more
            grown = bool(more)
        self._known |= {pid: parents[pid][1] for pid in ours - {os.getpid()}}
        return True

    def left(self) -> list[int]:
        """Those that still run, wherever they went."""
        return [
            pid
            for pid, start in self._known.items()
            if (found := _parent_and_start(pid)) and found[1] == start
        ]


def _pids() -> list[int]:
    if not _PROC.is_dir():
        return []
    return [int(name.name) for name in _PROC.iterdir() if name.name.isdigit()]


def _parent_and_start(pid: int) -> tuple[int, str] | None:
    """The parent of a process and when it started; None once it has ended."""
    try:
        # Behind the name, which may hold anything, even a bracket.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else (int(fields[1]), fields[19])
