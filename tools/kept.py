"""A small file in the home of an installation, which several processes read and write."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

_LOOK = 0.02
"""Seconds between two looks whether a turn has come."""


class StillTaken(Exception):
    """Another process has had its turn for longer than was waited."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the other processes from the file meanwhile; its folder is there afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@asynccontextmanager
async def turn(lock: Path, seconds: float) -> AsyncIterator[None]:
    """Take turns with everybody else who names this lock, in this process and in others.

    For work that takes longer than writing a file: waiting holds up nobody else of this process.
    The turn of a process that is killed ends with it.

    Raises:
        StillTaken: the turn did not come within so many seconds.
    """
    until = time.monotonic() + seconds
    with await asyncio.to_thread(_opened, lock) as sign:
        while not _taken(sign):
            if time.monotonic() > until:
                raise StillTaken
            # The system wakes those alone who block.
            await asyncio.sleep(_LOOK)
        yield


def _opened(lock: Path) -> IO[str]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    return lock.open("w")


def _taken(sign: IO[str]) -> bool:
    try:
        fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace(path: Path, text: str) -> None:
    """Written whole or not at all, also when the machine stops in between; for its owner alone."""
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as written:
        os.fchmod(written.fileno(), 0o600)
        written.write(text)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(path)
