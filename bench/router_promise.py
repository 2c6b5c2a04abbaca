"""Whether the promised precision is kept: on many random splits, not on a lucky one.

A split draws new examples, trains anew and answers the whole test split. The promise is kept where
at least 98 % of what is answered without a model is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from bench.report import progress, show
from bench.router_answers import Answers, Figures, System, answered, kept
from bench.router_course import MANY, Course, label, systems
from bench.router_data import NAMES, Data, draw, halves, load
from bench.router_encoder import Remembering
from runtime.canonical import Json

_FIRST_SEED = 1_000
"""Other draws than those of the main figures."""
SLOW = (
    "tf-idf + logistic",
    "embeddings + logistic",
    "semantic-router",
    "semantic-router, own fit",
)
"""Systems that take an eighth of the splits, since each takes its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of split."""

    name: str
    shots: int
    splits: int
    siblings: bool = False
    """Half of the intents are not taught; their requests come as out-of-scope traffic."""
    all: bool = True
    """Every system, or ours alone."""


CASES = (
    Case(name="10 examples", shots=10, splits=40),
    Case(name="5 examples", shots=5, splits=20, all=False),
    Case(name="unseen siblings", shots=10, splits=10, siblings=True, all=False),
    Case(name="many examples", shots=MANY, splits=4, all=False),
)
SMALL = (Case(name="5 examples", shots=5, splits=2),)


def measure(course: Course, encoder: Remembering) -> Json:
    """Shares of splits in which the promise was kept, by data set, case and system."""
    found: Json = {}
    with systems(course, encoder) as known:
        for name in NAMES:
            data = load(name, course.split)
            encoder.learn(data.texts)
            for case in SMALL if course.small else CASES:
                asked = known if case.all else known[:1]
                row = {one.name: _case(one, data, case) for one in asked}
                found.setdefault(name, {})[case.name] = row
            tell(name, found[name])
    return {"promise": found, "data": _by_examples(found, course)}


def tell(name: str, cases: Json) -> None:
    """One table for a data set."""
    columns = ("splits", "kept", "kept_within", "coverage", "precision", "precision_worst")
    mixed = ("kept_mixed", "precision_mixed", "precision_mixed_worst")
    rows = [
        [case, system, *(row[key] for key in (*columns, *mixed))]
        for case, by in cases.items()
        for system, row in by.items()
    ]
    said = ("case", "system", "splits", "kept", "within 5 %")
    show(
        f"The promise of 98 % on {name}",
        [*said, "answered", "precision", "worst", "kept with oos", "with oos", "worst"],
        rows,
    )


def _by_examples(found: Json, course: Course) -> Json:
    """The shares where the main figures of the same number of examples stand."""
    names = {"10 examples": "10", "5 examples": "5", "many examples": label(None)}
    kept: Json = {}
    for data, cases in found.items():
        for case, by in cases.items():
            if case not in names or (course.small and names[case] not in ("5",)):
                continue
            cell = kept.setdefault(data, {}).setdefault(names[case], {})
            for system, row in by.items():
                cell[system] = {"promise_kept_share": row["kept"]}
    return kept


def _case(system: System, data: Data, case: Case) -> Json:
    slow = system.name in SLOW and case.splits > 4
    splits = case.splits // 8 if slow else case.splits
    rows = []
    for number in range(splits):
        rows.append(_split(system, data, case, _FIRST_SEED + number))
        if number % 5 == 4 or number == splits - 1:
            progress(f"{data.name}, {case.name}, {system.name}: {number + 1} of {splits} splits")
    return {
        "splits": splits,
        "kept": _mean([row["kept"] for row in rows]),
        "kept_within": _mean([row["kept_within"] for row in rows]),
        "coverage": _mean([row["coverage_at_98"] for row in rows]),
        "precision": _mean([row["precision"] for row in rows]),
        "precision_worst": _least([row["precision"] for row in rows]),
        "kept_mixed": _mean([row["kept_mixed"] for row in rows]),
        "precision_mixed": _mean([row["precision_mixed"] for row in rows]),
        "precision_mixed_worst": _least([row["precision_mixed"] for row in rows]),
        "answered_outside": _mean([row["answered_outside"] for row in rows]),
    }


def _split(system: System, data: Data, case: Case, seed: int) -> Figures:
    taught = halves(data, seed)[0] if case.siblings else None
    sample = draw(data, case.shots, seed, taught)
    truth = sample.numbers(data.asked)
    texts = tuple(text for text, _ in data.asked)
    answers = system.train(sample).answer((*texts, *data.foreign))
    inside = np.append(truth >= 0, np.zeros(len(data.foreign), dtype=np.bool_))
    ours: Answers = answers.rows(inside)
    foreign = None if inside.all() else answers.rows(~inside)
    truth = truth[truth >= 0]
    row = answered(ours, truth, foreign)
    strict, within = kept(ours, truth)
    mixed = row["precision_mixed"]
    nothing = not ours.sure.any()
    return {
        **row,
        "kept": float(strict),
        "kept_within": float(within),
        "kept_mixed": None if foreign is None else float(nothing or (mixed or 0.0) >= 0.98),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 4) if known else None


def _least(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(min(known), 4) if known else None
