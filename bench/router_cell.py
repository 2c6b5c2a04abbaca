"""Start, memory and latency of one system in a process of its own, on one thread.

The one argument is a file with the system's name, the examples, and the requests. The answer is one
line of JSON. What a system needs is imported where its memory is to be seen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from bench.router_clock import clocked, resident_mb
from runtime.canonical import Json

if TYPE_CHECKING:
    from bench.router_answers import Answers, Trained
    from bench.router_data import Sample

LIBRARIES = ("numpy", "scipy.sparse", "sklearn.feature_extraction.text", "sklearn.linear_model")

Started = tuple[Callable[[str], object], "Trained"]
"""What answers one text, and what has learnt."""
Ready = Callable[[], Started]
"""Starts a system."""


def measure(given: Json) -> Json:
    """All figures of a cell."""
    bare = resident_mb()
    began = perf_counter()
    for name in LIBRARIES:
        import_module(name)
    libraries, loaded = resident_mb(), perf_counter()
    import_module("threadpoolctl").threadpool_limits(1)
    sample = _sample(given)
    make = _ours if given["system"].startswith("ours") else _baseline
    ready = make(given["system"], sample)
    # Specialists and examples are there before; what is counted is what routes.
    before, start = resident_mb(), perf_counter()
    one, many = ready()
    started = perf_counter() - start
    first = resident_mb()
    latency = clocked(one, given["timed"])
    return {
        **latency,
        "startup_s": round(started, 3),
        "rss_mb": round(max(first, resident_mb()) - before, 1),
        "libraries_mb": round(libraries - bare, 1),
        "libraries_s": round(loaded - began, 3),
        "process_mb": round(resident_mb(), 1),
        **_quality(many, sample, given),
    }


def _sample(given: Json) -> Sample:
    data = import_module("bench.router_data")
    numbers = import_module("numpy").array(given["labels"])
    sample: Sample = data.Sample(
        names=tuple(given["names"]), texts=tuple(given["texts"]), labels=numbers
    )
    return sample


def _ours(name: str, sample: Sample) -> Ready:
    specialists = import_module("bench.router_specialists").specialists_of(sample)

    def ready() -> Started:
        local = import_module("agents.routing.local")
        encoder = None
        if name == "ours":
            encoder = import_module("bench.router_encoder").opened(threads=1)
        classifier = local.LocalClassifier(specialists, encoder)
        learnt = import_module("bench.router_ours").Learnt
        names = tuple(one.name for one in specialists)
        return classifier.score, learnt(classifier=classifier, names=names)

    return ready


def _baseline(name: str, sample: Sample) -> Ready:
    module = import_module("bench.router_baselines")

    def ready() -> Started:
        encoder = import_module("models.encoder").open_encoder(threads=1)
        (system,) = (one for one in module.baselines(encoder) if one.name == name)
        fitted = system.alone(sample)
        return lambda text: fitted.answer((text,)), fitted

    return ready


def _quality(trained: Trained, sample: Sample, given: Json) -> Json:
    if not given["asked"]:
        return {}
    truth = sample.numbers(tuple((text, name) for text, name in given["asked"]))
    answers = trained.answer(tuple(text for text, _ in given["asked"]))
    right = answers.top == truth
    wide = [given["wide"].get(name, name) for name in sample.names]
    found = [wide[number] for number in answers.top]
    meant = [wide[number] for number in truth]
    both = [one == other for one, other in zip(found, meant, strict=True)]
    sure = answers.sure
    return {
        "accuracy": round(float(right.mean()), 4),
        "accuracy_wide": round(sum(both) / len(both), 4),
        "coverage": round(float(sure.mean()), 4),
        "precision": round(float(right[sure].mean()), 4) if sure.any() else None,
        "short_list": _shown(answers),
    }


def _shown(answers: Answers) -> int:
    """Candidates that the model stage is shown on average, rounded up."""
    unsure = ~answers.sure
    if answers.listed is None or not unsure.any():
        return 0
    return ceil(float(answers.listed[unsure].mean()))


def main() -> None:
    """Measure what the file tells, and print it."""
    given = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(json.dumps(measure(given)) + "\n")


if __name__ == "__main__":
    main()
