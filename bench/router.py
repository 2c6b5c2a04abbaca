"""The router beside its peers: `make bench-router`.

Each part can run alone (`python -m bench.router --only intents`); its figures are merged into
those of the other parts.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from typing import get_args

from threadpoolctl import threadpool_limits

from bench import (
    router_cost,
    router_intents,
    router_latency,
    router_promise,
    router_scale,
    router_server,
    router_splits,
)
from bench.report import RESULTS, machine, progress, write
from bench.router_answers import PROMISE
from bench.router_course import Course
from bench.router_data import Split
from bench.router_encoder import Remembering, opened
from runtime.canonical import Json

Part = Callable[[Course, Remembering], Json]
PARTS: dict[str, Part] = {
    "intents": router_intents.measure,
    "promise": router_promise.measure,
    "ablation": router_intents.ablate,
    "latency": router_latency.measure,
    "scale": router_scale.measure,
    "splits": router_splits.measure,
    "end_to_end": router_server.measure,
    "cost": router_cost.measure,
}


FIGURES = (
    "accuracy",
    "oos_recall_at_95",
    "coverage_at_98",
    "promise_kept_share",
    "top5_recall",
    "latency_ms_p50",
    "latency_ms_p99",
    "startup_s",
    "rss_mb",
)


def merged(old: Json, new: Json) -> Json:
    """The new figures over the old ones, key by key."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def complete(figures: Json) -> Json:
    """Every figure stands at every system, None where it was not read or does not apply."""
    for by_examples in figures.get("data", {}).values():
        for cell in by_examples.values():
            for system, row in cell.items():
                cell[system] = dict.fromkeys(FIGURES) | row
    return figures


def keep(figures: Json, course: Course) -> None:
    """Merge figures into the file; those of the development split have one of their own."""
    name = "router" if course.split == "test" else "router.val"
    file = RESULTS / (f"{name}.small.json" if course.small else f"{name}.json")
    old = json.loads(file.read_text()) if file.exists() else {}
    progress(f"written to {write(name, complete(merged(old, figures)), small=course.small)}")


def about(course: Course) -> Json:
    """What the figures rest on."""
    return {
        "promise": PROMISE,
        "split": course.split,
        "seeds": {"draws": list(range(course.draws)), "promise": "1000 + number of the split"},
        "machine": machine("scikit-learn", "numpy", "scipy", "onnxruntime", "tiktoken"),
    }


def main() -> None:
    """Measure, show, and keep the figures after each part."""
    parser = argparse.ArgumentParser(description="Routing: quality, promise, time, cost.")
    parser.add_argument("--small", action="store_true", help="a sample of every part")
    parser.add_argument("--split", choices=get_args(Split), default="test", help="what is asked")
    parser.add_argument("--only", choices=tuple(PARTS), action="append", help="this part alone")
    parser.add_argument("--no-peers", action="store_true", help="leave semantic-router out")
    given = parser.parse_args()
    course = Course(small=given.small, split=given.split, peers=not given.no_peers)
    # For peers and other processes; two threads for one small product only wait for each other.
    os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    encoder = Remembering(opened(threads=os.cpu_count() or 1))
    with threadpool_limits(1):
        for name in given.only or PARTS:
            progress(f"part {name}")
            keep({**PARTS[name](course, encoder), "about": about(course)}, course)


if __name__ == "__main__":
    main()
