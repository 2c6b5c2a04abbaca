"""What `make bench-kill` counts as wrong: each fault, put into the record by hand, is seen."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.brain import UNKNOWN
from bench.dags import draw
from bench.killed import Kind, Reference, Seen, Tally, Trial, hold
from runtime.canonical import Json
from runtime.settings import ROOT, Settings

DAG = draw("wide", 10, 1, median=1.0)
STEPS = {step.id: {"value": f"{step.id}-x", "note": "done"} for step in DAG.steps}
EFFECTS = [step.id for step in DAG.steps if step.number % 2]


def trial(kind: Kind) -> Trial:
    reference = Reference(dag=DAG, kind=kind, seconds=1.0, text="the answer", steps=STEPS)
    return Trial(id="k", reference=reference, settings=Settings(home=Path("h")), instant=0.5)


def seen(kind: Kind, done: list[str]) -> Seen:
    """A record and a world in which these steps were done, once each."""
    tool = "record" if kind == "keyed" else "send"
    effects = {f"k {id}": 1 for id in done if id in EFFECTS}
    return Seen(
        record={"results": {id: ["inputs", STEPS[id]] for id in done}, "unknown": []},
        counts={"model": {f"k {id}": 2 for id in done}, tool: effects, f"{tool}_calls": effects},
    )


def ended(**changed: Json) -> Json:
    return {"questions": 0, "status": "done", "text": "the answer", "steps": STEPS} | changed


def held(kind: Kind, at_end: Seen, end: Json) -> Tally:
    tally = Tally()
    hold(trial(kind), seen(kind, list(STEPS)[:4]), at_end, end, tally)
    return tally


@pytest.mark.parametrize("kind", ["keyed", "unkeyed"])
def test_a_run_that_went_on_as_if_nothing_had_happened_has_no_fault(kind: Kind) -> None:
    tally = held(kind, seen(kind, list(STEPS)), ended())
    assert tally.faults == []
    assert (tally.kills, tally.answers_equal, tally.accepted_at_kill) == (1, 1, 4)
    assert (tally.effects, tally.calls_redone, tally.results_lost) == (len(EFFECTS), 0, 0)


def test_a_call_of_an_accepted_task_after_the_kill_is_seen() -> None:
    end = seen("keyed", list(STEPS))
    end.counts["model"]["k s002"] += 1
    tally = held("keyed", end, ended())
    assert tally.calls_redone == 1
    assert "redone model of s002" in tally.faults[0]


def test_a_result_that_is_gone_or_another_one_is_seen() -> None:
    end = seen("keyed", list(STEPS))
    del end.record["results"]["s000"]
    end.record["results"]["s001"] = ["inputs", {"value": "another"}]
    assert held("keyed", end, ended()).results_lost == 2


def test_an_effect_that_happened_twice_or_never_is_seen() -> None:
    end = seen("keyed", list(STEPS))
    end.counts["record"]["k s003"] = 2
    del end.counts["record"]["k s005"]
    tally = held("keyed", end, ended())
    assert (tally.effects_doubled, tally.effects_missing) == (1, 1)


def test_another_answer_is_seen() -> None:
    tally = held("keyed", seen("keyed", list(STEPS)), ended(text="another"))
    assert (tally.answers_equal, tally.answers_different) == (0, 1)
    steps = STEPS | {"s004": {"value": "another", "note": "done"}}
    tally = held("unkeyed", seen("unkeyed", list(STEPS)), ended(steps=steps))
    assert (tally.answers_equal, tally.answers_different) == (0, 1)


def test_only_a_task_whose_effect_is_on_record_as_unknown_may_say_so() -> None:
    steps = STEPS | {"s005": STEPS["s005"] | {"note": UNKNOWN}}
    end = seen("unkeyed", list(STEPS))
    assert held("unkeyed", end, ended(steps=steps)).answers_different == 1
    recorded = replace(end, record=end.record | {"unknown": ["d1/s005"]})
    tally = held("unkeyed", recorded, ended(steps=steps))
    assert (tally.answers_equal, tally.answers_equal_but_unknown) == (1, 1)
    assert (tally.unknown_outcomes, tally.faults) == (1, [])


def test_a_copy_of_the_process_is_killed_or_ends_by_itself() -> None:
    # In a process of its own, since one with threads cannot be copied.
    program = """
import asyncio
from bench.forked import fork, in_child

async def works(tell):
    tell("open")
    await asyncio.sleep(60)

async def ends(tell):
    tell({"one": 1})

child = fork(works)
assert child.told() == "open"
assert child.kill()
assert in_child(ends) == {"one": 1}
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
