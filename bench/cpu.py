"""The processor time of our harness for each task, on answers that come at once.

The same workers run bare, and what they need is taken off: what remains is the harness.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import pstats
import statistics
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from bench.bare import dataflow, open_bare
from bench.dags import Dag, draw
from bench.installation import add_dag, install
from bench.ours import House, open_house
from bench.report import progress
from bench.waves import run_waves
from bench.world import World
from runtime.canonical import Json
from runtime.settings import ROOT

WIDTH = 16


async def _spent(work: Awaitable[object]) -> float:
    """Seconds of processor time of this process, all threads, while it works."""
    began = time.process_time()
    await work
    return time.process_time() - began


async def _rounds(house: House, size: int, rounds: int) -> Json:
    dag = draw("wide", size, 1, median=0.0)
    spent: dict[str, list[float]] = {"ours": [], "bare": [], "waves": []}
    for number in range(-1, rounds):
        name = f"cpu-{number}"
        bare = await open_bare(house.services, dag.name, f"{name}-bare")
        waves = await open_bare(house.services, dag.name, f"{name}-waves")
        figures = {
            "ours": await _spent(house.run(dag.name, name, f"{name}-ours")),
            "bare": await _spent(dataflow(bare, dag, WIDTH)),
            "waves": await _spent(run_waves(waves, dag, WIDTH, house.checkpoints)),
        }
        if number < 0:
            continue  # The first round warms caches up.
        for system, seconds in figures.items():
            spent[system].append(1000 * seconds / size)
    medians = {system: round(statistics.median(all_), 3) for system, all_ in spent.items()}
    return {
        "tasks": size,
        "rounds": rounds,
        "ms_per_task": medians,
        "ms_per_task_of_each_round": {k: [round(one, 3) for one in v] for k, v in spent.items()},
        "cpu_ms_per_task": round(medians["ours"] - medians["bare"], 3),
        "waves_cpu_ms_per_task": round(medians["waves"] - medians["bare"], 3),
    }


async def measure(size: int, rounds: int, *, profiled: bool = False) -> Json:
    """The figures; `profiled` prints where a further run of ours spent its time."""
    with World(median=0.0) as world, tempfile.TemporaryDirectory() as folder:
        settings = install(Path(folder), world, WIDTH)
        dag = draw("wide", size, 1, median=0.0)
        add_dag(settings, dag)
        async with open_house(settings) as house:
            progress(f"CPU: {rounds} rounds of {size} tasks")
            figures = await _rounds(house, size, rounds)
            if profiled:
                figures["profile"] = await _profiled(house, dag)
    return figures


async def _profiled(house: House, dag: Dag) -> list[str]:
    """Where the event loop's thread spends its time: by package, ours beside bare, then ours by
    function. The threads of the databases are not in it."""
    bare = await open_bare(house.services, dag.name, "cpu-profile-bare")
    profiles = {"ours": cProfile.Profile(), "bare": cProfile.Profile()}
    with profiles["ours"]:
        await house.run(dag.name, "cpu-profile", "cpu-profile")
    with profiles["bare"]:
        await dataflow(bare, dag, WIDTH)
    ours, theirs = (_by_package(profiles[name], len(dag.steps)) for name in ("ours", "bare"))
    lines = ["ms for each task, under the profiler: ours, bare, difference"]
    for name in sorted(ours, key=lambda name: theirs.get(name, 0.0) - ours[name]):
        mine, other = ours[name], theirs.get(name, 0.0)
        lines.append(f"{mine:8.2f} {other:8.2f} {mine - other:8.2f}  {name}")
    return lines + _told(profiles["ours"])


def _by_package(profile: cProfile.Profile, tasks: int) -> dict[str, float]:
    """Milliseconds of a task by the package whose functions ran; built-in ones by their name."""
    found: dict[str, float] = {}
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        _, packaged, rest = file.rpartition("site-packages/")
        if packaged:
            place = rest.partition("/")[0]
        elif Path(file).is_relative_to(ROOT):
            place = f"ours: {Path(file).relative_to(ROOT).parts[0]}"
        else:
            place = "built-in" if file == "~" and "'" not in name else name
            place = place if file == "~" else f"standard: {Path(file).stem}"
        found[place] = found.get(place, 0.0) + 1000 * own / tasks
    return {name: ms for name, ms in found.items() if ms > 0.05}


def _told(profile: cProfile.Profile) -> list[str]:
    """The functions that cost most, by their own time and with what they call."""
    lines: list[str] = []
    for order in ("tottime", "cumtime"):
        text = io.StringIO()
        pstats.Stats(profile, stream=text).strip_dirs().sort_stats(order).print_stats(45)
        lines.extend([order, *text.getvalue().splitlines()])
    return lines


def main() -> None:
    """`python -m bench.cpu`: the figures, and a profile of our run."""
    figures = asyncio.run(measure(100, 3, profiled=True))
    profile = figures.pop("profile")
    print("\n".join([*profile, str(figures)]))  # noqa: T201 - the point of this command


if __name__ == "__main__":
    main()
