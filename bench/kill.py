"""kill -9 at random instants, and what a resumed run makes of it: `make bench-kill`.

The run is a real process over a real tool server. Model provider and tool server live in another
process, survive, and count every call and every effect.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path

from pydantic import SecretStr

from bench.dags import SHAPES, draw
from bench.installation import add_dag, install
from bench.killed import TOOL, Kind, Reference, Tally, Trial, attempt, begin
from bench.ours import open_house
from bench.report import machine, progress, show, write
from bench.world import World
from runtime.canonical import Json
from runtime.settings import Settings
from tests.ledger.postgres import server

MEDIAN = 0.08
"""Seconds of a task: a run takes one to two seconds, so that many can be killed."""
EFFECT = 0.06
WIDTH = 8
Database = Callable[[], AbstractContextManager[str]]
"""Gives the URL of an empty database; an empty one stands for SQLite below the home."""
NOTES = [
    "The instant of a kill is uniform over the time that the same plan takes uninterrupted, from"
    " the moment at which ledger, models and tools are open.",
    "Three of four plans call effects that take our key; their answers must equal the uninterrupted"
    " run's to the letter. The fourth calls effects without a key: there an effect in flight may be"
    " `outcome unknown`, and the answer is compared except for the note of that task.",
    "calls_redone: model and tool calls, after the kill, of tasks whose result was in the ledger"
    " at the kill. effects_doubled: effects that the tool server saw more than once for a task.",
    "A run that was killed before it left a checkpoint is begun again; it had called nothing.",
]


def references(settings: Settings) -> dict[tuple[str, Kind], Reference]:
    """Every plan, run once without interruption after a run that warms up."""
    found: dict[tuple[str, Kind], Reference] = {}
    for seed, shape in enumerate(SHAPES):
        for kind, tool in TOOL.items():
            # Another seed for each kind, because the plan's name is the specialist's.
            dag = draw(shape, 20, 10 * seed + (kind == "keyed"), median=MEDIAN)
            add_dag(settings, dag, [tool])
            found[shape, kind] = Reference(dag=dag, kind=kind, seconds=0.0, text="", steps={})
    for key, bare in found.items():
        best: Json = None
        for number in range(2):
            id = f"reference-{bare.dag.name}-{number}"
            trial = Trial(id=id, reference=bare, settings=settings, instant=0.0)
            child = begin(trial)
            child.told()
            best = child.told()
            child.end()
        if best["status"] != "done":
            raise SystemExit(f"The uninterrupted run of {bare.dag.name} did not end: {best}")
        found[key] = Reference(
            dag=bare.dag,
            kind=bare.kind,
            seconds=best["seconds"],
            text=best["text"],
            steps=best["steps"],
        )
        progress(f"uninterrupted {bare.dag.name}, {bare.kind}: {best['seconds']:.2f} s")
    return found


def kills(count: int, seed: int, base: Settings, world: World, database: Database) -> Tally:
    """So many kills on one kind of database."""
    with database() as url:
        known = references(_at(base, base.home, url))
    rng, tally, number = random.Random(f"kill {seed}"), Tally(), 0
    while tally.kills < count:
        number += 1
        if number > 2 * count + 20:
            raise SystemExit(f"Too many runs ended before their instant: {tally.ended_before}.")
        kind: Kind = "unkeyed" if number % 4 == 0 else "keyed"
        reference = known[SHAPES[number % len(SHAPES)], kind]
        with tempfile.TemporaryDirectory(prefix="kill-") as home, database() as url:
            trial = Trial(
                id=f"kill-{seed}-{number}",
                reference=reference,
                settings=_at(base, Path(home), url),
                instant=rng.uniform(0.0, reference.seconds),
            )
            attempt(trial, world, tally)
        if tally.kills % 10 == 0:
            progress(f"{tally.kills} of {count} kills, {len(tally.faults)} with faults")
    return tally


def _at(base: Settings, home: Path, url: str) -> Settings:
    """The same installation with a state of its own."""
    return base.model_copy(update={"home": home, "ledger_url": SecretStr(url)})


def embedded() -> AbstractContextManager[str]:
    """SQLite below the home of each run."""
    return nullcontext("")


def served() -> AbstractContextManager[str]:
    """An empty database of a PostgreSQL server, which lives on when a run is killed."""
    return server().database()


def warm_up() -> None:
    """Load and build what a process loads and builds with its first run, so that copies have it.

    Everything is closed again, and the world is another one: the model library keeps connections
    to an address for the whole process, closed ones too.
    """
    dag = draw("wide", 20, 0, median=MEDIAN)

    async def once(settings: Settings) -> None:
        async with open_house(settings) as house:
            await house.run(dag.name, "warm", "warm")

    with World(median=MEDIAN) as world, tempfile.TemporaryDirectory() as folder:
        settings = install(Path(folder), world, WIDTH)
        add_dag(settings, dag, ["record"])
        asyncio.run(once(settings))


def measure(sqlite: int, postgres: int, seed: int) -> Json:
    """All figures."""
    warm_up()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = stack.enter_context(World(median=MEDIAN, effect_seconds=EFFECT))
        settings = install(folder / "installation", world, WIDTH)
        progress(f"{sqlite} kills on SQLite")
        tallies = {"sqlite": kills(sqlite, seed, settings, world, embedded)}
        if postgres:
            progress(f"{postgres} kills on PostgreSQL")
            second = install(folder / "served", world, WIDTH)
            tallies["postgres"] = kills(postgres, seed + 1, second, world, served)
    whole = {name: _summed(name, tallies.values()) for name in SUMMED}
    return {
        **whole,
        **{f"{database}_kills": tally.kills for database, tally in tallies.items()},
        "goals": {
            "calls_redone": 0,
            "effects_doubled": 0,
            "effects_missing": 0,
            "results_lost": 0,
            "answers_different": 0,
        },
        "tasks_of_a_plan": 20,
        "seed": seed,
        "median_seconds": MEDIAN,
        "notes": NOTES,
        "machine": machine("langchain-litellm", "mcp"),
        **{database: asdict(tally) for database, tally in tallies.items()},
    }


SUMMED = (
    "kills",
    "answers_equal",
    "answers_equal_but_unknown",
    "answers_different",
    "paused",
    "calls_redone",
    "effects",
    "effects_doubled",
    "effects_missing",
    "effects_repeated_by_key",
    "results_lost",
    "unknown_outcomes",
    "accepted_at_kill",
)


def _summed(name: str, tallies: object) -> int:
    return sum(getattr(tally, name) for tally in tallies)  # type: ignore[attr-defined]


def tell(figures: Json) -> None:
    """The table, and every fault."""
    databases = [name for name in ("sqlite", "postgres") if name in figures]
    rows = [[name, figures[name], *(figures[one][name] for one in databases)] for name in SUMMED]
    show("kill -9 and resume", ["", "all", *databases], rows)
    for database in databases:
        for fault in figures[database]["faults"]:
            progress(f"{database}: {fault}")


def main() -> None:
    """Measure, show, keep the figures; the exit code says whether anything was wrong."""
    parser = argparse.ArgumentParser(description="kill -9 at random instants.")
    parser.add_argument("--small", action="store_true", help="a sample, in about a minute")
    parser.add_argument("--kills", type=int, help="on SQLite")
    parser.add_argument("--postgres", type=int, help="kills on PostgreSQL")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sqlite = given.kills if given.kills is not None else (8 if given.small else 200)
    postgres = given.postgres if given.postgres is not None else (2 if given.small else 50)
    figures = measure(sqlite, postgres, given.seed)
    tell(figures)
    progress(f"written to {write('kill', figures, small=given.small)}")
    if any(figures[name] for name in figures["goals"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
