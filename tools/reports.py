"""Paces what a tool says of its progress: a server may say it a million times."""

from __future__ import annotations

import time
from collections.abc import Callable

from mcp.shared.session import ProgressFnT

from tools.elicitation import Progress
from tools.invisible import cleaned

_PAUSE = 0.2
_LONGEST = 200


def paced(report: Callable[[Progress], None]) -> ProgressFnT:
    """Passes the first word on, then at most one in 0.2 s, each cut to 200 characters."""
    last = -_PAUSE

    async def told(progress: float, total: float | None, message: str | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PAUSE:
            return
        last = now
        words = cleaned(" ".join((message or "")[: 4 * _LONGEST].split()))[0][:_LONGEST]
        report(Progress(done=progress, total=total, message=words))

    return told
