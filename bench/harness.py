"""Makespan and processor time of the deep harness: `make bench-harness`.

Random plans of three shapes on our dataflow, on LangGraph Send waves over the same workers, and on
deepagents' parallel `task` calls; processor time, a large plan, and the checks of plans.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict

from bench import big, cpu
from bench.makespan import WIDTHS, Course, Row, makespans
from bench.report import machine, mean, progress, show, worst, write
from runtime.canonical import Json

SYSTEMS = ("ours", "waves", "deepagents", "full", "bare")
NOTES = [
    "The bound is max(critical path, total work / width); only the model's own time counts in it.",
    "Width: 8 for 20 tasks (our widest class of limits), 16 for 100, so that both parts of the"
    " bound occur: the wide plans of 100 are short of places, the others wait for their inputs.",
    "`ideal` is our own order of tasks when nothing but the tasks takes time: what it is above 1 is"
    " the bound's looseness, and no overhead.",
    "`bare` is plain asyncio over the same workers and models, without graph, checkpoints and"
    " ledger of results: what it is above `ideal` belongs to the model and tool calls.",
    "`waves` runs the same workers by LangGraph Send, its checkpoints as durable as ours.",
    "`deepagents` runs in its own environment and process on the wide plans, by waves of parallel"
    " `task` calls; its main agent answers at once, where a real one would write for seconds.",
    "`full` is ours with synchronous=FULL for the ledger and the checkpoints.",
    "A third of the tasks calls a tool over HTTP before it delivers.",
]


def figures_of(rows: list[Row]) -> dict[str, Json]:
    """Mean and worst of every system, over all plans that it ran."""
    found: dict[str, Json] = {}
    for system in ("ideal", *SYSTEMS):
        ratios = [ratio for row in rows if (ratio := row.ratio(system)) is not None]
        name = "makespan" if system == "ours" else system
        found |= {f"{name}_mean": mean(ratios), f"{name}_worst": worst(ratios)}
    return found


def show_rows(rows: list[Row]) -> None:
    """One line for each shape and size, and one for all."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.plan.rpartition("-")[0], []).append(row)
    lines = []
    for name, some in [*groups.items(), ("all", rows)]:
        line: list[object] = [name, len(some)]
        for system in ("ideal", *SYSTEMS):
            ratios = [ratio for row in some if (ratio := row.ratio(system)) is not None]
            line.append(f"{mean(ratios):.3f} / {worst(ratios):.3f}" if ratios else None)
        lines.append(line)
    show(
        "Makespan over the bound, mean / worst",
        ["plans", "count", "ideal", *SYSTEMS],
        lines,
    )


async def measure(course: Course, *, tasks: int, rounds: int) -> Json:
    """All figures. `tasks` of the large plan; `rounds` of the processor time."""
    checks = big.checks()
    progress(f"a plan of {tasks} tasks on the offline model")
    offline = big.offline(tasks)
    processor = await cpu.measure(100 if rounds > 1 else 20, rounds)
    rows, versions = await makespans(course)
    return {
        **figures_of(rows),
        "cpu_ms_per_task": processor["cpu_ms_per_task"],
        "goals": {"makespan_mean": 1.05, "makespan_worst": 1.10, "cpu_ms_per_task": 3.0},
        "plans": len(rows),
        "median_seconds": course.median,
        "seeds": list(range(course.seeds)),
        "widths": {str(size): WIDTHS[size] for size in course.sizes},
        "not_applicable": "deepagents: layered, chains",
        "notes": NOTES,
        "cpu": processor,
        "offline_plan": offline,
        "planning_checks": checks,
        "machine": machine("langchain-litellm", "litellm") | {"peers": versions},
        "rows": [asdict(row) for row in rows],
    }


def tell(figures: Json) -> None:
    """The tables."""
    show_rows([Row(**row) for row in figures["rows"]])
    processor = figures["cpu"]
    show(
        f"Processor time, ms for each of {processor['tasks']} tasks",
        ["ours", "waves", "bare", "ours - bare", "waves - bare"],
        [
            [
                *(processor["ms_per_task"][name] for name in ("ours", "waves", "bare")),
                processor["cpu_ms_per_task"],
                processor["waves_cpu_ms_per_task"],
            ]
        ],
    )
    checks = figures["planning_checks"]
    show(
        "Planning checks, ms",
        ["check", *(f"{size} tasks" for size in big.SIZES), "exponent"],
        [[name, *row.values(), checks["exponent"][name]] for name, row in checks["ms"].items()],
    )
    show(
        "A large plan on the offline model",
        list(figures["offline_plan"]),
        [list(figures["offline_plan"].values())],
    )


def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="Makespan and processor time of the deep harness.")
    parser.add_argument("--small", action="store_true", help="a sample, in about a minute")
    parser.add_argument("--median", type=float, default=1.0, help="seconds of the median task")
    parser.add_argument("--no-peers", action="store_true", help="leave deepagents out")
    given = parser.parse_args()
    small: bool = given.small
    course = Course(
        seeds=1 if small else 5,
        sizes=(20,) if small else (20, 100),
        median=given.median,
        extra=1,
        peers=not given.no_peers,
    )
    figures = asyncio.run(measure(course, tasks=50 if small else 500, rounds=1 if small else 5))
    tell(figures)
    progress(f"written to {write('harness', figures, small=small)}")


if __name__ == "__main__":
    main()
