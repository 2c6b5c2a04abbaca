"""What all benchmarks tell in the same way: the machine, the versions, progress, table and file."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runtime.canonical import Json
from runtime.settings import ROOT

RESULTS = ROOT / "bench" / "results"


def machine(*packages: str) -> dict[str, Json]:
    """Where the figures were read, and with which versions."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("langgraph", "langchain", *packages)},
    }


def progress(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def write(name: str, figures: Json, *, small: bool) -> Path:
    """Keep the figures; those of a sample never replace those of a whole run."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / (f"{name}.small.json" if small else f"{name}.json")
    file.write_text(json.dumps(figures, indent=2) + "\n")
    return file


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on standard output."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    Console(width=120).print(table)


def cell(value: object) -> str:
    """A value as a table shows it."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def mean(values: Sequence[float]) -> float | None:
    """The mean, to four places; None of nothing."""
    return round(sum(values) / len(values), 4) if values else None


def worst(values: Sequence[float]) -> float | None:
    """The largest, to four places; None of nothing."""
    return round(max(values), 4) if values else None
