"""A small file in the home of an installation, which several processes read and write."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the other processes from the file meanwhile; its folder is there afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace(path: Path, text: str) -> None:
    """Written whole or not at all, also when the machine stops in between; for its owner alone."""
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as written:
        os.fchmod(written.fileno(), 0o600)
        written.write(text)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(path)
