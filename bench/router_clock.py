"""Reads time and memory of a process that routes one request after the other.

It imports nothing heavy: what it is used in measures what imports cost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

WARM = 50
"""Requests before the clock is looked at."""


def resident_mb() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def clocked(answer: Callable[[str], object], texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds of each request, one at a time, after some to warm up."""
    for text in texts[:WARM]:
        answer(text)
    taken: list[float] = []
    for text in texts:
        began = perf_counter()
        answer(text)
        taken.append((perf_counter() - began) * 1000)
    taken.sort()
    return {
        "latency_ms_p50": round(taken[len(taken) // 2], 4),
        "latency_ms_p99": round(taken[int(len(taken) * 0.99)], 4),
        "latency_ms_mean": round(sum(taken) / len(taken), 4),
    }
