"""Many sessions at once in this process, for `bench/sessions.py`: how late they are, how large.

Only the standard library and LangChain's agent: every environment has these.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from langchain_core.tools import tool

CALLS = 3
"""Of the model, in each session: two that call a tool, one that answers."""
SYSTEM = "You look up what is known about a delivery, then answer in a few sentences."
_WARM = 5
_MANY = 65_536
_SAMPLE = 0.25
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") / 1024

Session = Callable[[int], Awaitable[str]]


@tool
async def look_up(key: str) -> str:
    """What the records say under a key."""
    return f"Under {key}: delivered on the agreed day, signed for by the porter."


def question(number: int) -> str:
    """What a session asks; no two ask the same."""
    return f"What is known about delivery {number}, and who was told of it?"


async def load(session: Session, *, sessions: int, seconds: float) -> dict[str, float]:
    """Run so many sessions, begun evenly over the time of one call, and tell how it went.

    Args:
        seconds: what one call of the model takes at the provider.
    """
    _allow_connections()
    await asyncio.gather(*(session(-1 - number) for number in range(_WARM)))
    gc.collect()
    before, cpu, began = _resident_kb(), time.process_time(), time.perf_counter()
    late: list[float] = []
    errors: list[str] = []

    async def one(number: int) -> None:
        await asyncio.sleep(seconds * number / sessions)
        due = began + seconds * number / sessions + CALLS * seconds
        try:
            said = await session(number)
        except Exception as error:  # noqa: BLE001 - counted and told
            errors.append(f"{type(error).__name__}: {error}"[:300])
        else:
            late.append(time.perf_counter() - due)
            if not said.startswith("word0"):
                errors.append(f"it said {said[:80]!r}")

    watch = asyncio.create_task(_highest())
    await asyncio.gather(*(one(number) for number in range(sessions)))
    watch.cancel()
    peak = max(_peaks)
    for error in sorted(set(errors))[:3]:
        sys.stderr.write(f"{errors.count(error)} times: {error}\n")
    ordered = sorted(late)
    return {
        "added_p50_ms": round(1000 * statistics.median(ordered), 1) if ordered else -1,
        "added_p99_ms": round(1000 * ordered[int(0.99 * len(ordered))], 1) if ordered else -1,
        "added_max_ms": round(1000 * ordered[-1], 1) if ordered else -1,
        "kb_per_session": round((peak - before) / sessions, 1),
        "cpu_ms_per_call": round(1000 * (time.process_time() - cpu) / sessions / CALLS, 2),
        "seconds": round(time.perf_counter() - began, 1),
        "errors": len(errors),
    }


_peaks = [0.0]


async def _highest() -> None:
    """Note how much memory there was at the most."""
    while True:
        _peaks.append(_resident_kb())
        await asyncio.sleep(_SAMPLE)


def _resident_kb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KB


def _allow_connections() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, _MANY), limit))


async def answer(session: Session, *, versions: Mapping[str, str]) -> None:
    """Tell the versions, then answer each line of the input with the figures of one load."""
    say(dict(versions))
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        say(await load(session, sessions=asked["sessions"], seconds=float(asked["seconds"])))


def say(value: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
