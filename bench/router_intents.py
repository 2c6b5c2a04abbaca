"""Accuracy, out-of-scope recall, coverage and short lists of all systems on the same draws."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from bench.report import progress, show
from bench.router_answers import Figures, System, figures
from bench.router_course import Course, label, systems, together
from bench.router_data import NAMES, Data, draw, load
from bench.router_encoder import Remembering
from bench.router_ours import VARIANTS, Ours
from bench.router_semantic import Semantic
from models.encoder import LastLayer
from runtime.canonical import Json

DECIDED = {
    "accuracy": "accuracy",
    "oos_recall_at_95": "oos recall",
    "coverage_at_98": "answered",
    "precision": "precision",
    "precision_mixed": "with oos",
    "coverage_oracle_at_98": "by oracle",
}
LISTED = {
    "top5_recall": "top 5",
    "top10_recall": "top 10",
    "short_list_recall": "short list",
    "short_list_mean": "its length",
    "declined_outside": "oos declined",
    "declined_inside": "in declined",
}


def measure(course: Course, encoder: Remembering) -> Json:
    """By data set, number of examples and system."""
    found: Json = {}
    with systems(course, encoder) as known:
        for name in NAMES:
            data = load(name, course.split)
            encoder.learn(data.texts)
            for shots in course.shots:
                asked = [
                    one
                    for one in known
                    if course.small or shots == 10 or not isinstance(one, Semantic)
                ]
                cell = {one.name: _cell(one, data, shots, course) for one in asked}
                found.setdefault(name, {})[label(shots)] = cell
                tell(name, label(shots), cell)
    return {"data": found}


def ablate(course: Course, encoder: Remembering) -> Json:
    """Ours with one thing changed at a time, on ten examples."""
    found: Json = {}
    variants: dict[str, dict[str, Any]] = {"ours": {}, **VARIANTS}
    changed = [Ours(encoder=encoder, name=name, changes=one) for name, one in variants.items()]
    changed.append(Ours(encoder=LastLayer(encoder), name="last layer alone"))
    for name in NAMES:
        data = load(name, course.split)
        encoder.learn(data.texts)
        shots = 5 if course.small else 10
        cell = {one.name: _cell(one, data, shots, course) for one in changed}
        found.setdefault(name, {})[label(shots)] = cell
        tell(f"Ablation on {name}", label(shots), cell)
    return {"ablation": found}


def tell(name: str, shots: str, cell: Json) -> None:
    """One table."""
    for title, columns in (("decided", DECIDED), ("unsure, and declined", LISTED)):
        rows = [[system, *(one[key] for key in columns)] for system, one in cell.items()]
        full = f"{name}, {shots} examples of each intent: {title}"
        show(full, ["system", *columns.values()], rows)


def _cell(system: System, data: Data, shots: int | None, course: Course) -> Json:
    draws = 1 if shots is None else course.draws
    rows: list[Figures] = []
    for seed in range(draws):
        began = perf_counter()
        rows.append(_drawn(system, data, shots, seed))
        took = perf_counter() - began
        progress(f"{data.name}, {label(shots)} examples, draw {seed}, {system.name}: {took:.0f} s")
    return together(rows)


def _drawn(system: System, data: Data, shots: int | None, seed: int) -> Figures:
    sample = draw(data, shots, seed)
    trained = system.train(sample)
    texts = tuple(text for text, _ in data.asked)
    # In one call: the peer fills its routes for each.
    answers = trained.answer((*texts, *data.foreign))
    inside, foreign = answers.cut(len(texts))
    return figures(inside, sample.numbers(data.asked), foreign)
