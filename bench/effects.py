"""Effects under kill -9, between the effect at its target and its record: `make bench-effects`.

The target is a real server that lives on and counts. Each call is killed at an instant of its own;
then fresh processes make it again, one or four at once, and a person settles what is not known.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.effects_case import GAPS, Case, Gap, Kind, Place, again, at_once, first, killed, prepare
from bench.effects_person import listed, settled, verified
from bench.effects_target import Target
from bench.report import machine, progress, show, write
from runtime.canonical import Json

HELD = 0.02
"""Seconds, at most, for which the target holds an answer back after its effect."""
_UNKNOWN = "is not known, so it is not called again"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the kills of one kind of target came to."""

    kills: int = 0
    """Between the effect and the end of its record."""
    gaps: Counter[Gap] = field(default_factory=Counter)
    too_late: int = 0
    """Calls that had ended, or were recorded whole, before they could be killed; drawn again."""
    effects: int = 0
    twice: int = 0
    never: int = 0
    sent_again: int = 0
    """Calls that reached the target more than once."""
    answered: int = 0
    """Calls made again that got what the target had said."""
    unknown: int = 0
    """Calls made again that were told: outcome unknown."""
    settled: int = 0
    """Of those, effects that a person settled, after which the same call got what was recorded."""
    faults: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """The tally as data."""
        counted = {name: getattr(self, name) for name in self.__slots__ if name != "gaps"}
        return counted | {"gaps": {gap: self.gaps[gap] for gap in GAPS[:-1]}}


class Instants:
    """When to kill: first anywhere, then where gaps between two commits were hit too seldom."""

    def __init__(self, rng: random.Random, window: float) -> None:
        self._rng = rng
        self._window = window
        self._hits: dict[Gap, list[float]] = {gap: [] for gap in GAPS}

    def draw(self, number: int) -> tuple[float, float]:
        """How long the answer is held back, and how long after it (before it, if below zero) the
        kill comes; both in seconds."""
        held = self._rng.uniform(0, HELD)
        if number % 4 == 0:
            return held, -self._rng.uniform(0, held)
        seen = [self._hits[gap] for gap in GAPS[1:-1] if self._hits[gap]]
        if number % 2 and seen:
            near = self._rng.choice(min(seen, key=len))
            return held, max(0.0, near + self._rng.gauss(0, 0.0007))
        # Towards the commits, which come soon after the latest kill that found none.
        early, late = self._hits["claimed"], self._hits["closed"]
        low = max(0.0, statistics.median(early)) if early else 0.0
        return held, self._rng.uniform(low, min(late, default=self._window) * 1.2)

    def note(self, gap: Gap, after: float) -> None:
        """Remember where an instant fell."""
        self._hits[gap].append(after)


def window(place: Place, target: Target, kind: Kind) -> float:
    """Seconds from an effect to the end of its call, when nothing holds it back."""
    took = []
    target.hold(0)
    for number in range(3):
        case = Case(name=f"{kind}-timed-{number}", kind=kind, place=place)
        child = first(case)
        child.told()
        begun = target.happened(case.name)
        child.told()
        took.append(time.monotonic() - begun)
        child.end()
    return statistics.median(took)


def kill_all(
    place: Place, target: Target, kind: Kind, kills: int, rng: random.Random, seconds: float
) -> Tally:
    """So many kills, and after each the same call again; a call takes about so many seconds."""
    tally, instants = Tally(), Instants(rng, seconds)
    for number in range(20 * kills):
        if tally.kills == kills:
            break
        case = Case(name=f"{kind}-{number}", kind=kind, place=place)
        held, after = instants.draw(number)
        target.hold(held)
        in_time = killed(case, target, held + after)
        gap = case.gap if in_time else "closed"
        instants.note(gap, after)
        if gap == "closed":
            tally.too_late += 1
            continue
        tally.kills += 1
        tally.gaps[gap] += 1
        hold_up(case, gap, target, tally, crowd=4 if tally.kills % 10 == 0 else 0)
    if tally.kills < kills:
        tally.faults.append(f"only {tally.kills} of {kills} kills came between effect and record")
    return tally


def hold_up(case: Case, gap: Gap, target: Target, tally: Tally, *, crowd: int) -> None:
    """Make a killed call again, and hold what comes of it against what may."""
    target.hold(0)
    replies = at_once(case, crowd) if crowd else again(case)
    counts = target.counts()
    happened, sent = counts["effects"].get(case.name, 0), counts["calls"].get(case.name, 0)
    tally.effects += happened
    tally.twice += max(0, happened - 1)
    tally.never += happened == 0
    tally.sent_again += sent > 1
    wrong = [] if happened == 1 else [f"it happened {happened} times"]
    lost = case.kind == "keyless" and gap in ("claimed", "recorded")
    for reply in replies:
        told_unknown = reply["outcome"] == "error" and _UNKNOWN in reply["text"]
        told_receipt = reply["outcome"] == "ok" and reply["text"].endswith(f" of {case.name}")
        tally.unknown += told_unknown
        tally.answered += told_receipt
        if not (told_unknown if lost else told_receipt):
            wrong.append(f"the reply is {reply}")
    if lost and sent > 1:
        wrong.append(f"it was sent {sent} times")
    if case.state != ("unknown" if lost else "done"):
        wrong.append(f"the ledger says {case.state}")
    if wrong:
        tally.faults.append(f"{case.name}, killed {gap}: {'; '.join(wrong)}")


def settle_all(place: Place, target: Target, tally: Tally) -> None:
    """A person looks at the target and settles what is not known; the same calls come again."""
    before = target.counts()["calls"]
    for number, (key, task) in enumerate(listed(place).items()):
        case = Case(name=task.removeprefix("d1/"), kind="keyless", place=place)
        happened = target.counts()["effects"].get(case.name, 0)
        replies = settled(case, key, happened=bool(happened), by_command=number < 2)
        counts = target.counts()
        sent = counts["calls"].get(case.name, 0) - before.get(case.name, 0)
        good = all(reply["outcome"] == "ok" for reply in replies) and case.state == "done"
        tally.settled += good
        if not good or counts["effects"].get(case.name) != 1 or sent != (not happened):
            tally.faults.append(f"{case.name} after it was settled: {replies}, sent {sent} times")
    if left := listed(place):
        tally.faults.append(f"still of unknown outcome: {sorted(left.values())}")


def never_sent(place: Place, target: Target, count: int, tally: Tally) -> None:
    """Kills after the claim and before anything is sent: unknown as well, until a person looks."""
    for number in range(count):
        case = Case(name=f"unsent-{number}", kind="keyless", place=place)
        child = first(case, stop_at_call=True)
        child.told()
        child.told()
        child.kill()
        replies = again(case)
        sent = target.counts()["calls"].get(case.name, 0)
        if sent or not all(_UNKNOWN in reply["text"] for reply in replies):
            tally.faults.append(f"{case.name}: sent {sent} times, {replies}")


def side_by_side(place: Place, target: Target, kind: Kind, rounds: int) -> dict[str, Json]:
    """An effect that four processes make at the same instant."""
    ended: Counter[str] = Counter()
    effects: Counter[int] = Counter()
    calls = 0
    for number in range(rounds):
        case = Case(name=f"{kind}-four-{number}", kind=kind, place=place)
        target.hold(0.005)
        for reply in at_once(case, 4):
            ended["unknown" if _UNKNOWN in reply["text"] else reply["outcome"]] += 1
        counts = target.counts()
        effects[counts["effects"].get(case.name, 0)] += 1
        calls += counts["calls"].get(case.name, 0)
    happened = {str(times): rounds for times, rounds in effects.items()}
    return {"rounds": rounds, "effects": happened, "calls": calls, "replies": dict(ended)}


def measure(*, kills: int, rounds: int, seed: int) -> dict[str, Json]:
    """Everything, on one ledger for each kind of target."""
    figures: dict[str, Json] = {}
    kinds: tuple[Kind, ...] = ("keyed", "keyless")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder, Target() as target:
            place = prepare(Path(folder), target)
            rng, seconds = random.Random(f"{kind} {seed}"), window(place, target, kind)
            tally = kill_all(place, target, kind, kills, rng, seconds)
            progress(f"{kind}: {tally.kills} kills, {dict(tally.gaps)}, {len(tally.faults)} faults")
            four = side_by_side(place, target, kind, rounds)
            if set(four["effects"]) != {"1"}:
                tally.faults.append(f"four at once: {four}")
            if kind == "keyless":
                never_sent(place, target, max(2, kills // 10), tally)
                settle_all(place, target, tally)
            intact = verified(place)
            if not intact:
                tally.faults.append("`switchyard audit verify` finds damage")
            figures[kind] = tally.as_json() | {"four_at_once": four, "audit_intact": intact}
    return figures


def main() -> int:
    """Measure, show, and keep the figures; 1 if anything happened twice or was told wrongly."""
    parser = argparse.ArgumentParser(description="Effects under kill -9.")
    parser.add_argument("--small", action="store_true", help="a sample")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    figures = measure(
        kills=10 if given.small else 100, rounds=3 if given.small else 20, seed=given.seed
    )
    names = [name for name in figures["keyed"] if name not in ("faults", "four_at_once")]
    rows = [[name, str(figures["keyed"][name]), str(figures["keyless"][name])] for name in names]
    show("Kills between an effect and its record", ["figure", "keyed", "keyless"], rows)
    faults = [fault for kind in figures.values() for fault in kind["faults"]]
    for fault in faults:
        progress(fault)
    figures |= {"seed": given.seed, "held_ms": HELD * 1000, "about": machine("mcp", "cedarpy")}
    progress(f"written to {write('effects', figures, small=given.small)}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
