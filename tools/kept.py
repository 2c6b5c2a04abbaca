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

import anyio.to_thread

_LOOK = 0.02
"""Seconds between two looks whether a turn has come."""


class StillTaken(Exception):
    """Another process has had its turn for longer than was waited."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the other processes from the file meanwhile; its folder is there afterwards."""
    with _opened(path.with_suffix(".lock")) as lock:
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
    # Whoever is cut off meanwhile leaves nothing open.
    with await anyio.to_thread.run_sync(_opened, lock) as sign:
        while not _taken(sign):
            if time.monotonic() > until:
                raise StillTaken
            # The system wakes those alone who block.
            await asyncio.sleep(_LOOK)
        yield


def _opened(lock: Path) -> IO[str]:
    """A lock file for its owner alone: whoever can open it can take the lock, and keep it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    sign = os.fdopen(os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600), "w")
    if os.fstat(sign.fileno()).st_uid == os.geteuid():
        # An older one may be open to others.
        os.fchmod(sign.fileno(), 0o600)
    return sign


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
