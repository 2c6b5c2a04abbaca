"""What `make bench-budget` counts as wrong is seen, and a sample of it shows nothing wrong."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from bench.budget import figures_of
from bench.budget_case import Case
from runtime.canonical import Json
from runtime.settings import ROOT

CASE = Case(name="test", unit="tokens", processes=2, kills=1, fits=10)
SAMPLE = """
import json
from bench.budget import CASES, measure
from dataclasses import replace
(chosen,) = [one for one in CASES if one.name == "four, killed, tokens"]
small = replace(chosen, processes=2, calls=24, fits=8, kills=1, tries=3)
print(json.dumps(measure([small], seed=1)))
"""
GOOD: Json = {
    "told": [{"answered": 2, "refused": 0, "peak": 900}],
    "killed": 1,
    # The process that made the call c died before it could settle it.
    "counts": {"a": [10, 20], "b": [10, 30], "c": [10, 40]},
    "books": {
        "reserved": [0.0, 0],
        "spent": [0.0, 70 + 120],
        "overshot": [0.0, 0],
        "rows": {"a": [10, 20, 0.0], "b": [10, 30, 0.0]},
        "others": [],
        "forfeited": [[0.0, 120]],
        "open": 0,
    },
}


def faults(seen: Json) -> list[str]:
    found: list[str] = figures_of(CASE, seen)["faults"]
    return found


def test_books_that_agree_are_not_complained_of() -> None:
    figures = figures_of(CASE, GOOD)
    assert figures["faults"] == []
    assert (figures["provider"], figures["settled"], figures["forfeited"]) == (120, 70, 120)
    assert figures["overrun"] == 0


SPOILT: dict[str, Callable[[Json], None]] = {
    "was spent under": lambda seen: seen["books"].update(spent=[0.0, CASE.allowed + 1]),
    "spent and set aside": lambda seen: seen["told"][0].update(peak=CASE.allowed + 1),
    "stays set aside": lambda seen: seen["books"].update(reserved=[0.0, 5]),
    "ended otherwise": lambda seen: seen["books"].update(others=["timeout"]),
    "call a:": lambda seen: seen["counts"].update(a=[10, 21]),
    "is not 70 settled": lambda seen: seen["books"].update(spent=[0.0, 191]),
    "the ledger only": lambda seen: seen["counts"].update(c=[10, 400]),
    "on no record": lambda seen: seen["counts"].update(d=[1, 1]),
    "nobody died": lambda seen: seen.update(killed=0),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_each_disagreement_is_named(fault: str) -> None:
    seen = copy.deepcopy(GOOD)
    SPOILT[fault](seen)
    assert any(fault in told for told in faults(seen)), faults(seen)


def test_a_sample_with_a_killed_process_never_passes_its_ceiling() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAMPLE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert (found["overrun"], found["faults"], found["kills"]) == (0, [], 1)
    assert 0 < found["spent"] <= found["ceiling"]
