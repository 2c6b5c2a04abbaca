"""One run that is killed and resumed, and everything that its record and the world say of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from bench.brain import UNKNOWN
from bench.dags import Dag
from bench.forked import Child, Tell, fork, in_child, sleep_until
from bench.ours import Ran, open_house
from bench.world import Counts, World
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import Settings

Kind = Literal["keyed", "unkeyed"]
TOOL: dict[Kind, str] = {"keyed": "record", "unkeyed": "send"}
CALLS = ("model", "look_up", "record_calls", "send_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A plan as it ends when nobody interrupts it."""

    dag: Dag
    kind: Kind
    seconds: float
    text: str
    steps: dict[str, dict[str, str]]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the kills on one database came to."""

    kills: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    ended_before: int = 0
    """Runs that ended before their instant; they count as no kill and are drawn again."""
    accepted_at_kill: int = 0
    answers_equal: int = 0
    answers_equal_but_unknown: int = 0
    """Of `answers_equal`: equal except for tasks that say `outcome unknown`."""
    answers_different: int = 0
    paused: int = 0
    """Runs that ask a person about an effect whose outcome is unknown."""
    calls_redone: int = 0
    effects: int = 0
    effects_doubled: int = 0
    effects_missing: int = 0
    """Keyed effects that never happened."""
    effects_repeated_by_key: int = 0
    """Keyed effects that were sent again under the same key, and happened once."""
    results_lost: int = 0
    unknown_outcomes: int = 0
    faults: list[str] = field(default_factory=list)
    """Each trial that shows anything wrong, by its seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run that is killed and resumed."""

    id: str
    reference: Reference
    settings: Settings
    instant: float
    """Seconds after the start."""

    @property
    def name(self) -> str:
        return self.reference.dag.name


def begin(trial: Trial) -> Child:
    """A process that opens everything, says so, and runs the plan."""

    async def live(tell: Tell) -> None:
        async with open_house(trial.settings) as house:
            tell("open")
            tell(_told(await house.run(trial.name, trial.id, trial.id)))

    return fork(live)


def resume(trial: Trial) -> Json:
    """A second process that goes on with the run; how it ended."""

    async def live(tell: Tell) -> None:
        async with open_house(trial.settings) as house:
            tell(_told(await house.resume(trial.name, trial.id, trial.id)))

    return in_child(live)


def read_ledger(trial: Trial) -> Json:
    """The results and effects on record."""

    async def live(tell: Tell) -> None:
        async with open_ledger(trial.settings.ledger) as ledger:
            results = await ledger.tasks.results_of(trial.id)
            effects = await ledger.effects.of_run(trial.id)
        tell(
            {
                "results": {
                    one.task.rpartition("/")[2]: [one.inputs, one.output] for one in results
                },
                "unknown": [one.task for one in effects if one.state == "unknown"],
            }
        )

    return in_child(live)


def _told(ran: Ran) -> Json:
    outcome = ran.outcome
    return {
        "questions": ran.questions,
        "seconds": ran.seconds,
        "status": outcome["status"] if outcome else "",
        "text": outcome["text"] if outcome else "",
        "steps": _plain(outcome["outputs"]["steps"]) if outcome and outcome["outputs"] else {},
    }


def _plain(steps: Json) -> Json:
    """Outputs without their evidence, which names calls of this very run."""
    return {
        id: {name: value for name, value in output.items() if name != "evidence"}
        for id, output in steps.items()
        if output is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the ledger and the world held at one moment."""

    record: Json
    counts: Counts


def attempt(trial: Trial, world: World, tally: Tally) -> bool:
    """Run, kill, read, resume, compare; False when the run ended before its instant."""
    world.forget()
    child = begin(trial)
    child.told()
    sleep_until(time.monotonic() + trial.instant)
    if not child.kill():
        tally.ended_before += 1
        return False
    at_kill = Seen(record=read_ledger(trial), counts=world.counts())
    try:
        ended = resume(trial)
    except RuntimeError as error:
        tally.kills += 1
        tally.answers_different += 1
        tally.faults.append(f"{trial.id} at {trial.instant:.3f} s: not resumed: {error}")
        return True
    at_end = Seen(record=read_ledger(trial), counts=world.counts())
    hold(trial, at_kill, at_end, ended, tally)
    return True


def hold(trial: Trial, at_kill: Seen, at_end: Seen, ended: Json, tally: Tally) -> None:
    """Hold a resumed run against the uninterrupted one, and count."""
    tally.kills += 1
    kind = trial.reference.kind
    tally.by_kind[kind] = tally.by_kind.get(kind, 0) + 1
    wrong = [
        *_work(trial, at_kill, at_end, tally),
        *_effects(trial, at_end, tally),
        *_answer(trial, ended, at_end.record, tally),
    ]
    if wrong:
        tally.faults.append(f"{trial.id} at {trial.instant:.3f} s: {'; '.join(wrong)}")


def _work(trial: Trial, at_kill: Seen, at_end: Seen, tally: Tally) -> list[str]:
    """What was accepted is still there, and nobody did it again."""
    accepted: dict[str, Json] = at_kill.record["results"]
    tally.accepted_at_kill += len(accepted)
    lost = [id for id, row in accepted.items() if at_end.record["results"].get(id) != row]
    tally.results_lost += len(lost)
    redone = {
        f"{kind} of {id}": again
        for id in accepted
        for kind in CALLS
        if (
            again := _count(at_end.counts, kind, trial, id)
            - _count(at_kill.counts, kind, trial, id)
        )
    }
    tally.calls_redone += sum(redone.values())
    return [*(f"lost {id}" for id in lost), *(f"redone {name}" for name in redone)]


def _count(counts: Counts, kind: str, trial: Trial, id: str) -> int:
    return counts.get(kind, {}).get(f"{trial.id} {id}", 0)


def _effects(trial: Trial, at_end: Seen, tally: Tally) -> list[str]:
    """Every effect happened once; one without a key at most once."""
    tool = TOOL[trial.reference.kind]
    wrong = []
    for step in trial.reference.dag.steps:
        if step.number % 2 == 0:
            continue
        happened = _count(at_end.counts, tool, trial, step.id)
        sent = _count(at_end.counts, f"{tool}_calls", trial, step.id)
        tally.effects += happened
        if happened > 1:
            tally.effects_doubled += happened - 1
            wrong.append(f"{tool} of {step.id} happened {happened} times")
        if trial.reference.kind == "keyed":
            tally.effects_repeated_by_key += sent > happened
            if not happened:
                tally.effects_missing += 1
                wrong.append(f"{tool} of {step.id} never happened")
    unknown = at_end.record["unknown"]
    tally.unknown_outcomes += len(unknown)
    if trial.reference.kind == "keyed" and unknown:
        wrong.append(f"unknown although keyed: {', '.join(unknown)}")
    return wrong


def _answer(trial: Trial, ended: Json, after: Json, tally: Tally) -> list[str]:
    """The answer is the uninterrupted run's, but for what says that it is unknown."""
    reference = trial.reference
    if reference.kind == "keyed":
        if (ended["status"], ended["text"]) == ("done", reference.text):
            tally.answers_equal += 1
            return []
        tally.answers_different += 1
        return [f"ended as {ended['status'] or 'paused'} with another answer"]
    if ended["questions"]:
        tally.paused += 1
    unknown = {task.rpartition("/")[2] for task in after["unknown"]}
    # A run that waits for a person has no answer yet; what it has is its results.
    steps = ended["steps"] or _plain({id: row[1] for id, row in after["results"].items()})
    different = [
        id
        for id, output in reference.steps.items()
        if steps.get(id) != output
        and not (id in unknown and steps.get(id, {"note": UNKNOWN}) == output | {"note": UNKNOWN})
        and not (ended["questions"] and id not in steps)
    ]
    if different:
        tally.answers_different += 1
        return [f"another result of {', '.join(different)}"]
    tally.answers_equal += 1
    tally.answers_equal_but_unknown += bool(unknown)
    return []
