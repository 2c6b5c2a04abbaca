"""What grows with the number of specialists: latency, memory, training time, accuracy, tokens.

Up to 150 the specialists are intents of CLINC150 with its own test requests. A thousand intents
were never collected; here the train requests of CLINC150 and BANKING77 together (227 intents) are
cut: the largest intent is halved at the median of the first principal component of its vectors,
again and again. So the parts are near siblings, and what is right by part is told apart from what
is right by the intent that it was cut from.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from math import log

import numpy as np

from bench.report import progress, show
from bench.router_course import Course
from bench.router_data import Pairs, Sample, draw, load
from bench.router_encoder import Remembering
from bench.router_latency import cell, timed
from bench.router_prompt import stage_tokens
from bench.router_specialists import specialists_of
from runtime.canonical import Json

SIZES = (10, 50, 150, 1_000)
EXAMPLES = 10
COLUMNS = {
    "latency_ms_p50": "p50 ms",
    "latency_ms_p99": "p99 ms",
    "startup_s": "start s",
    "rss_mb": "MB",
    "accuracy": "accuracy",
    "accuracy_wide": "by source",
    "coverage": "answered",
    "precision": "precision",
    "short_list": "listed",
    "prompt_tokens": "tokens",
}
GROWING = ("latency_ms_p50", "startup_s", "rss_mb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """So many specialists, and requests to them."""

    sample: Sample
    asked: Pairs
    wide: dict[str, str]


def measure(course: Course, encoder: Remembering) -> Json:
    """Figures by number of specialists, and exponents of growth from 150 to 1,000."""
    found: dict[str, Json] = {}
    for size in SIZES[:2] if course.small else SIZES:
        progress(f"{size} specialists")
        town = real(size, course) if size <= 150 else cut(size, encoder)
        asked = town.asked[:300] if course.small else town.asked
        texts = timed([text for text, _ in town.asked], course)
        figures = cell("ours", town.sample, texts, asked, town.wide)
        specialists = specialists_of(town.sample)
        tokens = stage_tokens(specialists, texts[0], figures["short_list"])
        found[str(size)] = figures | {"prompt_tokens": tokens}
    rows = [[size, *(one[key] for key in COLUMNS)] for size, one in found.items()]
    show("Specialists with 10 examples each", ["number", *COLUMNS.values()], rows)
    return {"scale": {"sizes": found, "exponents": exponents(found)}}


def exponents(found: dict[str, Json]) -> Json:
    """k where a figure grows as the number of specialists to the power of k."""
    sizes = sorted(int(size) for size in found)
    few, many = sizes[-2], sizes[-1]
    return {
        name: round(log(found[str(many)][name] / found[str(few)][name]) / log(many / few), 3)
        for name in GROWING
    }


def real(size: int, course: Course) -> Town:
    """Some intents of CLINC150, with its own requests."""
    data = load("clinc150", course.split)
    names = sorted(data.pool)
    random.Random(0).shuffle(names)
    chosen = set(names[:size])
    asked = tuple((text, name) for text, name in data.asked if name in chosen)
    return Town(sample=draw(data, EXAMPLES, 0, sorted(chosen)), asked=asked, wide={})


def cut(size: int, encoder: Remembering) -> Town:
    """Parts of the intents of both data sets, each with ten examples; the rest is asked."""
    parts = _parts(size, encoder)
    rng = random.Random(0)
    texts: list[str] = []
    labels: list[int] = []
    asked: list[tuple[str, str]] = []
    for number, (name, said) in enumerate(sorted(parts.items())):
        chosen = set(rng.sample(range(len(said)), EXAMPLES))
        texts.extend(said[place] for place in sorted(chosen))
        labels.extend([number] * EXAMPLES)
        rest = [text for place, text in enumerate(said) if place not in chosen]
        asked.extend((text, name) for text in rest[:4])
    sample = Sample(names=tuple(sorted(parts)), texts=tuple(texts), labels=np.array(labels))
    return Town(
        sample=sample,
        asked=tuple(asked),
        wide={name: name.rpartition("_part_")[0] for name in parts},
    )


def _parts(size: int, encoder: Remembering) -> dict[str, list[str]]:
    pools = {name: load(name, "test").pool for name in ("clinc150", "banking77")}
    encoder.learn(text for pool in pools.values() for texts in pool.values() for text in texts)
    # A specialist's name has at most 64 letters, so the set gives one of them.
    # The largest first; equal ones by name, so that the cut is the same each time.
    heap = [
        (-len(texts), f"{data[0]}_{name}".replace("?", ""), 1, list(texts))
        for data, pool in pools.items()
        for name, texts in pool.items()
    ]
    heapq.heapify(heap)
    while len(heap) < size:
        _, name, number, texts = heapq.heappop(heap)
        for half, said in enumerate(_halved(texts, encoder)):
            heapq.heappush(heap, (-len(said), name, 2 * number + half, said))
    return {f"{name}_part_{number}": texts for _, name, number, texts in heap}


def _halved(texts: list[str], encoder: Remembering) -> tuple[list[str], list[str]]:
    vectors = encoder.encode(texts)
    centred = vectors - vectors.mean(axis=0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    order = np.argsort(centred @ direction, kind="stable")
    middle = len(texts) // 2
    return [texts[row] for row in order[:middle]], [texts[row] for row in order[middle:]]
