"""How long a decision of the local stage takes, how long a start, and how much memory it holds.

Every figure is read in a process of its own on one thread, end to end: from the text to the
decision, encoder included. Nothing is remembered from an earlier start.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peer import PYTHON
from bench.report import progress, show
from bench.router_course import Course, label
from bench.router_data import NAMES, Pairs, Sample, draw, load
from bench.router_encoder import Remembering
from runtime.canonical import Json
from runtime.settings import ROOT

OURS = ("ours", "ours, tf-idf alone")
BASELINES = ("tf-idf + logistic", "nearest neighbour", "centroid", "embeddings + logistic")
PEER = "semantic-router"
REQUESTS = 2_000
COLUMNS = {
    "latency_ms_p50": "p50 ms",
    "latency_ms_p99": "p99 ms",
    "startup_s": "start s",
    "rss_mb": "added MB",
    "libraries_mb": "libraries MB",
    "process_mb": "process MB",
}
NOTES = [
    "start: from the imports of the stage to the first answer, training and encoding included;"
    " a baseline's start has no threshold in it, nor has semantic-router's.",
    "added: over a process that has numpy, scipy and scikit-learn loaded (`libraries`) and holds"
    " the specialists; for semantic-router over one that has numpy.",
]


def measure(course: Course, _encoder: Remembering) -> Json:
    """By data set, number of examples and system; baselines where there are ten examples."""
    found: Json = {}
    for name in NAMES:
        data = load(name, course.split)
        for shots in course.shots:
            sample = draw(data, shots, 0)
            peers = (*BASELINES, PEER) if shots == 10 or course.small else (PEER,)
            systems = [*OURS, *(one for one in peers if course.peers or one != PEER)]
            texts = [text for text, _ in data.asked]
            cells = {}
            for system in systems:
                progress(f"time of {system} on {name}, {label(shots)} examples")
                cells[system] = cell(system, sample, timed(texts, course))
            found.setdefault(name, {})[label(shots)] = cells
            tell(f"{name}, {label(shots)} examples: one thread", cells)
    return {"data": found, "latency_notes": NOTES}


def timed(texts: list[str], course: Course) -> list[str]:
    """The requests that the clock is held against, in an order by chance."""
    chosen = list(texts)
    random.Random(0).shuffle(chosen)
    return chosen[: 200 if course.small else REQUESTS]


def tell(title: str, cells: Json) -> None:
    """One table."""
    rows = [[name, *(one.get(key) for key in COLUMNS)] for name, one in cells.items()]
    show(title, ["system", *COLUMNS.values()], rows)


def cell(
    system: str,
    sample: Sample,
    timed: list[str],
    asked: Pairs = (),
    wide: dict[str, str] | None = None,
) -> Json:
    """Figures of one system in a process of its own.

    Args:
        asked: Requests with their intents, where accuracy is wanted as well.
        wide: The larger intent that an intent is a part of.
    """
    given = {
        "system": system,
        "names": sample.names,
        "texts": sample.texts,
        "labels": sample.labels.tolist(),
        "timed": timed,
        "asked": asked,
        "wide": wide or {},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given.json"
        file.write_text(json.dumps(given))
        command = [sys.executable, "-m", "bench.router_cell", str(file)]
        if system == PEER:
            packages = next(path for path in sys.path if path.endswith("site-packages"))
            command = [str(PYTHON), "-m", "bench.peers.semantic_time", str(file), packages]
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        said = subprocess.run(
            command, cwd=ROOT, env=os.environ | one_thread, check=True, stdout=subprocess.PIPE
        )
    return json.loads(said.stdout)
