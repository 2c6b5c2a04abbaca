"""A plan of 500 tasks on the offline model, and what checking plans costs as they grow.

`python -m bench.big TASKS` runs one plan and tells time and peak memory: in a process of its own,
since the peak of a process never falls.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.dags import draw
from bench.installation import add_dag, install_offline
from bench.ours import open_house
from bench.plans import plan_of
from harness.check import problems
from harness.limits import Limits
from harness.merge import merged
from harness.near import near_duplicates
from harness.order import topological
from harness.plan import Plan
from harness.schedule import Schedule
from runtime.canonical import Json
from runtime.settings import ROOT

SIZES = (50, 500, 5_000)


def offline(tasks: int) -> Json:
    """Time and memory of one plan, measured in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.big", str(tasks)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
    )
    return json.loads(told.stdout.splitlines()[-1])


async def _run(tasks: int) -> Json:
    dag = draw("layered", tasks, 1, median=0.0, reads=0.0)
    with tempfile.TemporaryDirectory() as folder:
        settings = install_offline(Path(folder), width=16)
        small = draw("layered", 20, 1, median=0.0, reads=0.0)
        for one in (dag, small):
            add_dag(settings, one)
        async with open_house(settings) as house:
            await house.run(small.name, "warm", "warm")
            before = _peak()
            ran = await house.run(dag.name, "big", "big")
    outcome = ran.outcome
    return {
        "tasks": tasks,
        "status": outcome["status"] if outcome else "none",
        "accepted": tasks - len(outcome["missing"]) if outcome else 0,
        "seconds": round(ran.seconds, 3),
        "peak_mb": round(_peak(), 1),
        "peak_mb_before": round(before, 1),
    }


def _peak() -> float:
    """The highest resident memory of this process so far, in MB."""
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes, macOS in bytes.
    return highest / (1024 * 1024 if sys.platform == "darwin" else 1024)


def checks(rounds: int = 3) -> Json:
    """Milliseconds of each planning check at 50, 500 and 5,000 tasks, and how they grow.

    The exponent is that of size ** exponent between 50 and 5,000 tasks; 1 is linear.
    """
    plans = {size: plan_of(draw("layered", size, 1, median=1.0)) for size in SIZES}
    limits = Limits(
        tasks=max(SIZES),
        width=8,
        attempts=1,
        escalations=0,
        model_calls=1,
        tool_calls=1,
        repeated_calls=1,
        task_seconds=1,
    )

    def checked(plan: Plan) -> object:
        return problems(plan, inputs=["job"], permits=lambda _tool: "", limits=limits)

    timed: dict[str, Callable[[Plan], object]] = {
        "problems": checked,
        "merged": merged,
        "near_duplicates": lambda plan: list(near_duplicates(plan)),
        "topological": topological,
        "urgency": lambda plan: Schedule(plan=plan, width=8).urgency,
    }
    table = {
        name: {size: round(_milliseconds(run, plan, rounds), 3) for size, plan in plans.items()}
        for name, run in timed.items()
    }
    grown = {
        name: round(math.log(row[SIZES[-1]] / row[SIZES[0]]) / math.log(SIZES[-1] / SIZES[0]), 3)
        for name, row in table.items()
    }
    tight = limits.model_copy(update={"tasks": 500})
    ten = plan_of(draw("layered", 10_000, 1, median=1.0))
    refused = _milliseconds(
        lambda plan: problems(plan, inputs=[], permits=lambda _tool: "", limits=tight), ten, rounds
    )
    return {
        "ms": {name: {str(size): ms for size, ms in row.items()} for name, row in table.items()},
        "exponent": grown,
        "refused_10000_ms": round(refused, 3),
    }


def _milliseconds(run: Callable[[Plan], object], plan: Plan, rounds: int) -> float:
    """The best of some rounds, each on a plan that nothing was worked out about before."""
    best = math.inf
    for _ in range(rounds):
        fresh = Plan(tasks=plan.tasks)
        began = time.perf_counter()
        run(fresh)
        best = min(best, time.perf_counter() - began)
    return best * 1000


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(int(sys.argv[1])))) + "\n")
