"""One plan after the other on every system: how long each took, over a bound nobody beats."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, event

from bench.bare import dataflow, open_bare
from bench.dags import SHAPES, Dag, draw
from bench.installation import add_dag, install
from bench.ours import House, open_house
from bench.peer import Peer
from bench.plans import ideal
from bench.report import progress
from bench.waves import run_waves
from bench.world import World
from runtime.settings import Settings

WIDTHS = {20: 8, 100: 16}
"""By size of the plan."""
WARM = draw("wide", 20, 1_000, median=1.0)
"""A plan that is run first, on answers that come at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Which plans are run, and on what."""

    seeds: int
    sizes: tuple[int, ...]
    median: float
    """Seconds of the median task."""
    extra: int
    """How many seeds of each shape and size also run `full` and `bare`."""
    peers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One plan on every system, as seconds; None where a system was not run on it."""

    plan: str
    width: int
    critical: float
    bound: float
    ideal: float
    ours: float
    waves: float
    deepagents: float | None = None
    full: float | None = None
    bare: float | None = None

    def ratio(self, system: str) -> float | None:
        """Makespan over the bound."""
        seconds: float | None = getattr(self, system)
        return None if seconds is None else seconds / self.bound


def plans(course: Course) -> list[Dag]:
    """Every plan of the run, drawn from its seed."""
    return [
        draw(shape, size, seed, median=course.median)
        for size in course.sizes
        for shape in SHAPES
        for seed in range(course.seeds)
    ]


async def makespans(course: Course) -> tuple[list[Row], dict[str, str]]:
    """Every plan on every system, and the versions of the peers."""
    rows: list[Row] = []
    versions: dict[str, str] = {}
    for size in course.sizes:
        dags = [dag for dag in plans(course) if len(dag.steps) == size]
        some = [dag for dag in dags if dag.seed < course.extra]
        full = await _full(some, course, WIDTHS[size])
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            # Each opening has a world of its own: the model library keeps the connections to an
            # address for the whole process, closed ones too.
            world = stack.enter_context(World(median=course.median))
            settings = _installed(folder, world, dags, WIDTHS[size])
            peer = None
            if course.peers:
                file = str(folder / "peer.sqlite")
                peer = stack.enter_context(Peer("deep_dag", world.provider, file))
                versions = peer.versions
            async with open_house(settings) as house:
                await _warmed(house, world, peer)
                for dag in dags:
                    progress(f"makespan {dag.name}")
                    rows.append(await _row(house, dag, peer, full))
    return rows, versions


def _installed(folder: Path, world: World, dags: list[Dag], width: int) -> Settings:
    settings = install(folder / "installation", world, width)
    for dag in (*dags, WARM):
        add_dag(settings, dag)
    return settings


async def _row(house: House, dag: Dag, peer: Peer | None, full: dict[str, float]) -> Row:
    width = WIDTHS[len(dag.steps)]
    ours, values = await _ours(house, dag)
    waves, same = await run_waves(
        await open_bare(house.services, dag.name, f"waves-{dag.name}"),
        dag,
        width,
        house.checkpoints,
    )
    if values != same:
        raise SystemExit(f"{dag.name}: ours and waves do not agree on the results.")
    wide = peer is not None and dag.shape == "wide"
    return Row(
        plan=dag.name,
        width=width,
        critical=dag.critical,
        bound=dag.bound(width),
        ideal=ideal(dag, width),
        ours=ours,
        waves=waves,
        deepagents=_theirs(peer, dag, width, values) if peer and wide else None,
        full=full.get(dag.name),
        bare=await _bare(house, dag, width) if dag.name in full else None,
    )


async def _warmed(house: House, world: World, peer: Peer | None = None) -> None:
    """A first run loads libraries and opens connections, which no plan should pay for."""
    world.rescale(0)
    ran = await house.run(WARM.name, "warm", "warm")
    if ran.outcome is None or ran.outcome["status"] != "done":
        raise SystemExit(f"The first run did not end: {ran.outcome}")
    if peer is not None:
        peer.ask(plan=WARM.name, thread="warm", width=8)
    world.rescale(1)


async def _ours(house: House, dag: Dag) -> tuple[float, dict[str, str]]:
    ran = await house.run(dag.name, "ours", f"ours-{dag.name}")
    if ran.outcome is None or ran.outcome["status"] != "done":
        raise SystemExit(f"{dag.name} did not end: {ran.outcome}")
    steps = ran.outcome["outputs"]["steps"]
    return ran.seconds, {id: output["value"] for id, output in steps.items()}


async def _bare(house: House, dag: Dag, width: int) -> float:
    bare = await open_bare(house.services, dag.name, f"bare-{dag.name}")
    clock = asyncio.get_running_loop()
    began = clock.time()
    await dataflow(bare, dag, width)
    return clock.time() - began


async def _full(dags: list[Dag], course: Course, width: int) -> dict[str, float]:
    """Seconds of ours on these plans, with every commit on the disk before it returns."""
    with (
        fully_synchronous(),
        World(median=course.median) as world,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = _installed(Path(folder), world, dags, width)
        async with open_house(settings) as house:
            await house.checkpoints.conn.execute("PRAGMA synchronous=FULL")
            await _warmed(house, world)
            found = {}
            for dag in dags:
                progress(f"makespan with synchronous=FULL {dag.name}")
                found[dag.name], _ = await _ours(house, dag)
    return found


def _theirs(peer: Peer, dag: Dag, width: int, values: dict[str, str]) -> float:
    told = peer.ask(plan=dag.name, thread=dag.name, width=width)
    if told["values"] != values:
        raise SystemExit(f"{dag.name}: ours and deepagents do not agree on the results.")
    seconds: float = told["seconds"]
    return seconds


@contextmanager
def fully_synchronous() -> Iterator[None]:
    """The ledger waits for the disk at every commit, whatever it sets for itself."""

    def wait(_connection, _cursor, statement, parameters, _context, _many):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if statement == "PRAGMA synchronous=NORMAL":
            return "PRAGMA synchronous=FULL", parameters
        return statement, parameters

    event.listen(Engine, "before_cursor_execute", wait, retval=True)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", wait)
