"""Which processes a benchmark started, directly or not, and which of them are left at its end.

Read from /proc, so it sees them on Linux alone; elsewhere it counts nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


class Watch:
    """Remembers every descendant of this process that it has looked at, but for those that there
    were before it, and theirs."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}
        """By process id: when it started, since an id is used again."""
        self._before = set(_below(os.getpid(), set()))

    @property
    def seen(self) -> int:
        """How many processes there were in all."""
        return len(self._known)

    def look(self) -> bool:
        """Take note of all descendants there are now. Always true, for use in a condition."""
        self._known |= _below(os.getpid(), self._before)
        return True

    def left(self) -> list[int]:
        """Those that still run, wherever they went."""
        return [
            pid
            for pid, start in self._known.items()
            if (found := _parent_and_start(pid)) and found[1] == start
        ]


def _below(root: int, without: set[int]) -> dict[int, str]:
    """Every descendant of a process with its start, but for these and their own."""
    found = {pid: one for pid in _pids() if (one := _parent_and_start(pid))}
    ours, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in found.items() if parent in ours} - ours - without
        ours |= more
        grown = bool(more)
    return {pid: found[pid][1] for pid in ours - {root}}


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
