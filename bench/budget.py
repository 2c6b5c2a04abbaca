"""500 parallel calls against a budget that fits 100: `make bench-budget`.

In one process and in four, with and without kill -9, in money and in tokens, for a run and for a
tenant's day. The scripted provider counts for itself; ledger and provider are compared.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from bench.budget_case import Case, carry_out
from bench.budget_provider import PRICES
from bench.report import machine, progress, show, write
from runtime.canonical import Json
from tests.ledger.postgres import server

HARDEST = "four, killed"
"""The case whose figures stand first."""
CASES = (
    Case(name="one process", unit="dollars", processes=1),
    Case(name="four processes", unit="dollars", processes=4),
    Case(name="four, killed", unit="dollars", processes=4, kills=12),
    Case(name="one process, tokens", unit="tokens", processes=1),
    Case(name="four processes, tokens", unit="tokens", processes=4),
    Case(name="four, killed, tokens", unit="tokens", processes=4, kills=12),
    Case(name="a tenant's day", unit="dollars", processes=4, daily=True),
    Case(name="a tenant's day, killed", unit="tokens", processes=4, daily=True, kills=12),
    Case(name="PostgreSQL", unit="dollars", processes=2, postgres=True, calls=100, fits=20),
    Case(
        name="PostgreSQL, killed",
        unit="tokens",
        processes=2,
        kills=4,
        postgres=True,
        calls=100,
        fits=20,
    ),
)
NOTES = [
    "ceiling: 100 worst cases of a call (20 on PostgreSQL). 500 callers (100) ask at once; one that"
    " is refused asks up to seven times more while others settle, so that what calls did not use is"
    " used by others.",
    "spent: what the ledger says at the end. peak: the most that was spent and set aside at any"
    " instant that was looked at, every 10 ms. overrun: how far either is above the ceiling.",
    "provider: what the provider counted for every request that it answered, also of processes that"
    " were dead by then. settled: calls on record. forfeited: worst cases of calls whose process"
    " was killed, which the next process to start booked as spent.",
    "faults, which must be none: without kills, spent is not the provider's count to the token;"
    " with kills, spent is not settled and forfeited together, or is below the provider's count.",
]


def figures_of(case: Case, seen: Json) -> Json:
    """What a case shows, and everything that is wrong with it."""
    books, counts = seen["books"], seen["counts"]
    unit = 0 if case.unit == "dollars" else 1
    settled = sum(_of(case, row) for row in books["rows"].values())
    forfeited = sum(one[unit] for one in books["forfeited"])
    provider = sum(_of(case, row) for row in counts.values())
    spent = books["spent"][unit]
    peak = max((one["peak"] for one in seen["told"]), default=0.0)
    return {
        "case": case.name,
        "unit": case.unit,
        "processes": case.processes,
        "kills": seen["killed"],
        "ceiling": round(case.allowed, 9),
        "spent": round(spent, 9),
        "peak": round(peak, 9),
        "overrun": round(max(0.0, spent - case.allowed, peak - case.allowed), 9),
        "provider": round(provider, 9),
        "settled": round(settled, 9),
        "forfeited": round(forfeited, 9),
        "forfeited_calls": len(books["forfeited"]),
        "calls_answered": len(books["rows"]),
        "faults": faults_of(case, seen, settled, forfeited, provider),
    }


def faults_of(
    case: Case, seen: Json, settled: float, forfeited: float, provider: float
) -> list[str]:
    """Each thing that must not be, in words."""
    books, counts = seen["books"], seen["counts"]
    unit = 0 if case.unit == "dollars" else 1
    spent = books["spent"][unit]
    found = []
    if _above(spent, case.allowed):
        found.append(f"{spent} was spent under a ceiling of {case.allowed}")
    for one in seen["told"]:
        if _above(one["peak"], case.allowed):
            found.append(f"{one['peak']} was spent and set aside under {case.allowed}")
    if books["reserved"][1] or _above(books["reserved"][0], 0.0) or books["open"]:
        found.append(f"{books['reserved']} stays set aside for {books['open']} calls")
    if books["overshot"] != [0.0, 0] or books["others"]:
        found.append(f"calls ended otherwise: {books['overshot']}, {books['others'][:5]}")
    for key, row in books["rows"].items():
        if counts.get(key) != row[:2]:
            found.append(f"call {key}: {row[:2]} on record, the provider counted {counts.get(key)}")
    if _differ(spent, settled + forfeited):
        found.append(f"{spent} is not {settled} settled and {forfeited} forfeited")
    if _above(provider, spent):
        found.append(f"the provider counted {provider}, the ledger only {spent}")
    lost = counts.keys() - books["rows"].keys()
    if len(lost) > len(books["forfeited"]):
        found.append(f"{len(lost)} answers on no record, {len(books['forfeited'])} forfeited")
    if not seen["killed"] and (_differ(spent, provider) or forfeited):
        found.append(f"nobody died, and {spent} is not the provider's {provider}")
    return found


def _of(case: Case, row: Sequence[float]) -> float:
    """What a row of counts comes to in the unit of the case."""
    if case.unit == "tokens":
        return row[0] + row[1]
    return row[0] * PRICES[0] + row[1] * PRICES[1]


def _above(one: float, other: float) -> bool:
    return one > other + 1e-9


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > 1e-9


def measure(cases: Sequence[Case], seed: int) -> list[Json]:
    """The figures of each case, on a fresh ledger."""
    # Before the first fork, so that no process loads it for seconds.
    import_module("models.session")
    found = []
    for case in cases:
        progress(f"{case.name}: {case.calls} calls, {case.kills} kills")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder / 'ledger.sqlite'}"
            if case.postgres:
                url = stack.enter_context(server().database())
            found.append(figures_of(case, carry_out(case, folder, url, seed)))
    return found


def sampled(case: Case) -> Case:
    """The same on a small scale, every caller with little patience."""
    return replace(case, calls=80, fits=16, kills=min(case.kills, 3), tries=4)


def main() -> None:
    """Measure, show, keep the figures; the exit code says whether anything was wrong."""
    parser = argparse.ArgumentParser(description="Ceilings under parallel calls and kills.")
    parser.add_argument("--small", action="store_true", help="a sample, in half a minute")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = measure([sampled(case) if given.small else case for case in CASES], given.seed)
    columns = ("case", "ceiling", "spent", "overrun", "provider", "settled", "forfeited", "kills")
    show("ceilings", columns, [[one[name] for name in columns] for one in found])
    [hardest] = [one for one in found if one["case"] == HARDEST]
    first = {name: hardest[name] for name in ("case", "ceiling", "spent", "overrun", "processes")}
    figures = {**machine("litellm"), **first, "notes": NOTES, "cases": found}
    progress(f"written to {write('budget', figures, small=given.small)}")
    for one in found:
        for fault in one["faults"]:
            progress(f"{one['case']}: {fault}")
    if any(one["faults"] or one["overrun"] for one in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
