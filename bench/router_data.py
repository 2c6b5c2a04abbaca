"""Requests with their intents, and how examples are drawn from them.

Every draw is a function of its seed alone, so that all systems see the same examples.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runtime.settings import ROOT

FOLDER = ROOT / "bench" / "intents"
NAMES = ("clinc150", "banking77")
Split = Literal["test", "val"]
_HELD = 20
"""Requests of each intent of BANKING77's `train` that make its development split."""
_HELD_SEED = 77

Pairs = tuple[tuple[str, str], ...]
"""Texts, each with its intent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A data set: examples are drawn from `pool`, and what was learnt is held against `asked`."""

    name: str
    pool: dict[str, tuple[str, ...]]
    asked: Pairs
    foreign: tuple[str, ...]
    """Requests of none of the intents; empty where the set has none."""

    @property
    def texts(self) -> list[str]:
        """Every text, each once."""
        drawn = [text for texts in self.pool.values() for text in texts]
        return list(dict.fromkeys([*drawn, *(text for text, _ in self.asked), *self.foreign]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a system learns from: `labels[i]` is the number in `names` of the intent of text i."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    labels: NDArray[np.intp]

    def numbers(self, pairs: Pairs) -> NDArray[np.intp]:
        """The intents of other texts by the same numbers; -1 for an intent outside of these."""
        known = {name: number for number, name in enumerate(self.names)}
        return np.array([known.get(intent, -1) for _, intent in pairs], dtype=np.intp)


@cache
def rows(name: str) -> dict[str, Pairs]:
    """A data set as it was published, by split."""
    found: dict[str, list[tuple[str, str]]] = {}
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            split, intent, text = json.loads(line)
            found.setdefault(split, []).append((text, intent))
    return {split: tuple(pairs) for split, pairs in found.items()}


@cache
def domains() -> dict[str, str]:
    """The domain of each intent of CLINC150."""
    groups = json.loads((FOLDER / "clinc150_domains.json").read_text())
    return {intent: domain for domain, intents in groups.items() for intent in intents}


def load(name: str, split: Split) -> Data:
    """The official test split, or the development split, which is what tuning looks at."""
    by = rows(name)
    if "val" in by:
        pool, asked, foreign = by["train"], by[split], by[f"oos_{split}"]
    elif split == "test":
        pool, asked, foreign = by["train"], by["test"], ()
    else:
        (pool, asked), foreign = _held_out(by["train"]), ()
    return Data(
        name=name,
        pool=_grouped(pool),
        asked=asked,
        foreign=tuple(text for text, _ in foreign),
    )


def draw(data: Data, shots: int | None, seed: int, names: Sequence[str] | None = None) -> Sample:
    """`shots` examples of each intent, or all; of the intents `names`, or all."""
    chosen = sorted(data.pool if names is None else names)
    rng = random.Random(seed)
    texts: list[str] = []
    labels: list[int] = []
    for number, name in enumerate(chosen):
        pool = data.pool[name]
        taken = pool if shots is None else rng.sample(pool, min(shots, len(pool)))
        texts.extend(taken)
        labels.extend([number] * len(taken))
    return Sample(names=tuple(chosen), texts=tuple(texts), labels=np.array(labels, dtype=np.intp))


def halves(data: Data, seed: int) -> tuple[list[str], list[str]]:
    """The intents in two halves by chance: those that are taught, and their unseen siblings."""
    names = sorted(data.pool)
    random.Random(seed).shuffle(names)
    return names[: len(names) // 2], names[len(names) // 2 :]


def _grouped(pairs: Pairs) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for text, intent in pairs:
        found.setdefault(intent, []).append(text)
    return {intent: tuple(texts) for intent, texts in found.items()}


def _held_out(pairs: Pairs) -> tuple[Pairs, Pairs]:
    rng = random.Random(_HELD_SEED)
    kept: list[tuple[str, str]] = []
    held: list[tuple[str, str]] = []
    for intent, texts in sorted(_grouped(pairs).items()):
        # The smallest intent has 35 texts; 20 held out leave it enough for ten examples.
        chosen = set(rng.sample(range(len(texts)), _HELD))
        for number, text in enumerate(texts):
            (held if number in chosen else kept).append((text, intent))
    return tuple(kept), tuple(held)
