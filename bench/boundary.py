"""`make bench-boundary`: ten thousand drawn configurations and faults, and not one byte of a run at
an endpoint that is not cleared for its label, nor in a trace.

The endpoints are real sockets and look for themselves. With `--without choice guard` and the like
single enforcements are switched off, which shows that the others hold, and that the bench can fail.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bench.boundary_case import LABELS, World, misleading, play
from bench.boundary_places import MARKER, Watch, open_places
from bench.boundary_script import Script
from bench.report import machine, progress, show, write
from graphs.traces import DiscreetClient
from ledger.store import open_ledger
from models import boundary, direct, door, guard, library, wall
from runtime.canonical import Json
from tests.app.sink import Sink, open_sink

CASES = 10_000
SAMPLE = 60
TOGETHER = 4
"""Cases that share an environment and run at once."""
PARTS = ("choice", "attempt", "guard", "wall", "tracing")
"""What can be switched off: the choice of a deployment, its check before each attempt, litellm's
last hook, the look at what leaves, and the discretion of traces."""
_BLOCK = 100
"""Cases after which traces are looked at, and litellm's connections are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the endpoints saw."""

    world: World
    cases: int
    seconds: float
    traced: int
    """Bytes at the place for traces."""
    told: int
    """Markers of runs that may be traced, seen there."""
    spilled: int
    """Markers of regulated runs, seen there."""

    @property
    def clean(self) -> bool:
        """Nothing arrived where it may not be, and every call ended as it should."""
        watch = self.world.watch
        wrong = watch.leaks or watch.received["stranger"] or self.spilled or self.world.misled
        return not wrong


async def fuzz(folder: Path, cases: int, seed: int, *, first: int = 0) -> Found:
    """Play the cases, and look at what arrived after each."""
    watch, began = Watch(), time.monotonic()
    traced = told = spilled = 0
    with open_sink() as sink, _towards(sink), _warm():
        # Bytes are enough: nothing is put together from them.
        sink.take = lambda _path, _kind, body: sink.bodies.append(body)  # type: ignore[method-assign, assignment]
        async with _world(folder, watch, seed) as world:
            assert world.client is not None, "traces are part of it"
            for number in range(first, first + cases, TOGETHER):
                numbers = range(number, min(number + TOGETHER, first + cases))
                due = numbers[-1] % _BLOCK == _BLOCK - 1 or numbers[-1] == first + cases - 1
                with _kept_open():
                    await _play(world, numbers)
                if not due:
                    continue
                await library.close_connections()
                await asyncio.to_thread(world.client.flush)
                seen = b"".join(sink.bodies)
                sink.bodies.clear()
                markers = set(MARKER.findall(seen))
                traced += len(seen)
                spilled += len(markers & world.hidden)
                told += len(markers - world.hidden)
                if numbers[-1] % (10 * _BLOCK) == 10 * _BLOCK - 1:
                    progress(f"{numbers[-1] + 1:,} cases, {len(watch.leaks) + spilled} leaks")
            world.client.cleanup()
    seconds = time.monotonic() - began
    return Found(
        world=world, cases=cases, seconds=seconds, traced=traced, told=told, spilled=spilled
    )


async def _play(world: World, numbers: range) -> None:
    """Some cases at once, in one environment: while one waits, another goes on."""
    draw = random.Random(f"{world.seed} environment {numbers[0]}")
    with misleading(draw, world.places):
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(play(world, number))


@contextlib.asynccontextmanager
async def _world(folder: Path, watch: Watch, seed: int) -> AsyncIterator[World]:
    client = DiscreetClient()
    client.session.trust_env = False  # the cases' proxies are not for it
    async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
        script = Script(seed, lambda marker, label: world.raised(marker, label))
        async with open_places(watch, script.answer) as places:
            script.targets = [*places.all, *places.strangers]
            world = World(
                seed=seed, ledger=ledger, watch=watch, places=places, script=script, client=client
            )
            ledger.runs.listen(client.hear)
            yield world


@contextlib.contextmanager
def _towards(sink: Sink) -> Iterator[None]:
    """An environment in which traces go to the sink, and no proxy is set but by a case."""
    names = {"LANGSMITH_ENDPOINT": sink.url, "LANGSMITH_API_KEY": "bench"}
    with mock.patch.dict(os.environ, names):
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                del os.environ[name]
        yield


@contextlib.contextmanager
def _kept_open() -> Iterator[None]:
    """Leave litellm's clients for the next case: to make them costs more than the case."""

    async def nothing() -> None: ...

    with mock.patch.object(library, "close_connections", nothing):
        yield


@contextlib.contextmanager
def _warm() -> Iterator[None]:
    """Without what is done once for a configuration and is of no matter here: ten thousand times
    it would take longer than all calls."""
    with (
        mock.patch.object(direct, "rehearse"),
        mock.patch("litellm.router.Router._register_deployment_pricing"),
    ):
        yield


@contextlib.contextmanager
def without(parts: set[str]) -> Iterator[None]:
    """Switch enforcements off."""

    def careless(tier: Any, deployments: Any, *_: object) -> boundary.Cleared:  # noqa: ANN401, ARG001
        return boundary.Cleared(deployments=tuple(deployments), avoided=True)

    async def nothing(*_: object, **__: object) -> None: ...

    @contextlib.contextmanager
    def open_field(_: object) -> Iterator[wall.Bound]:
        yield wall.Bound(None)  # type: ignore[arg-type]

    with contextlib.ExitStack() as stack:
        if "choice" in parts:
            stack.enter_context(mock.patch.object(boundary, "clear", careless))
        if "attempt" in parts:
            stack.enter_context(mock.patch.object(door.Door, "_still", nothing))
        if "guard" in parts:
            hook = "async_pre_call_deployment_hook"
            stack.enter_context(mock.patch.object(guard.Guard, hook, nothing))
        if "wall" in parts:
            stack.enter_context(mock.patch.object(wall, "within", open_field))
        if "tracing" in parts:
            stack.enter_context(mock.patch.object(DiscreetClient, "_tells", return_value=True))
        yield


def figures(found: Found, seed: int, parts: set[str]) -> dict[str, Json]:
    """What is written down."""
    world, watch = found.world, found.world.watch
    kinds = [*(label.value for label in LABELS), "stranger"]
    return {
        "machine": machine("litellm"),
        "seed": seed,
        "without": sorted(parts),
        "cases": found.cases,
        "seconds": round(found.seconds, 1),
        "calls": sum(world.outcomes.values()),
        "outcomes": dict(world.outcomes.most_common()),
        "requests": sum(watch.arrived.values()),
        "answers_and_faults": dict(world.script.acts.most_common()),
        "cache_hits": world.hits,
        "bytes_at_endpoints_cleared_for": {kind: watch.received[kind] for kind in kinds},
        "requests_of_runs_at_endpoints": dict(sorted(watch.arrived.items())),
        "bytes_traced": found.traced,
        "calls_told_in_traces": found.told,
        "leaks_to_endpoints": len(watch.leaks),
        "leaks_to_traces": found.spilled,
        "wrong_endings": len(world.misled),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-boundary")
    parser.add_argument("--small", action="store_true", help="a sample")
    parser.add_argument("--cases", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help=f"its number, a multiple of {TOGETHER}"
    )
    parser.add_argument("--seed", type=int, default=20_261_121)
    parser.add_argument("--without", nargs="*", choices=PARTS, default=[])
    given = parser.parse_args()
    parts = set(given.without)
    cases = given.cases or (SAMPLE if given.small else CASES)
    with tempfile.TemporaryDirectory() as folder, without(parts):
        found = asyncio.run(fuzz(Path(folder), cases, given.seed, first=given.first))
    told = figures(found, given.seed, parts)
    show("Boundary", ("what", "figure"), [(key, str(value)) for key, value in told.items()])
    for leak in [*found.world.watch.leaks, *found.world.misled][:20]:
        sys.stdout.write(f"{leak}\n")
    if not parts and not given.first:
        write("boundary", told, small=cases < CASES)
    sys.exit(0 if found.clean else 1)


if __name__ == "__main__":
    main()
