"""Pairs of tasks that nearly repeat each other, found without comparing each with each.

Jaccard similarity of word sets with prefix filtering (Chaudhuri, Ganti, Kaushik: A Primitive
Operator for Similarity Joins, ICDE 2006; Bayardo, Ma, Srikant: Scaling Up All Pairs Similarity
Search, WWW 2007): exact, deterministic, and needs no random hash functions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from harness.plan import Plan, Task
from runtime.canonical import canonical

ALIKE = 0.8
"""Share of common words from which on two objectives are nearly the same."""

_CROWD = 64
"""Earlier tasks that are looked at for one rare word. It keeps the time linear where thousands of
objectives are made of the same words; those give pairs enough without it."""

_WORD = re.compile(r"\w[\w./@:-]*\w|\w")
_SENTENCE = re.compile(r"(?:^|[.!?:]\s+)\W*(\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two tasks, the one written first first, and the share of words that they have in common."""

    first: str
    second: str
    likeness: float


def near_duplicates(plan: Plan) -> Iterator[Pair]:
    """Pairs with the same inputs, needs, specialist and names, whose objectives are nearly equal.

    Names are words that tell things apart: with a digit, a capital or a sign within them. Two tasks
    that speak of different things in the same words are no duplicates. Tasks of one map group are
    exempt, as their author meant them to be alike. In plan order of the second task.
    """
    words = {task.id: _words(task.objective) for task in plan.tasks}
    often = Counter(word for found in words.values() for word in found)
    posted: dict[tuple[str, str], list[Task]] = {}
    for task in plan.tasks:
        own = words[task.id]
        block = _block(task)
        seen: set[str] = set()
        for word in _prefix(own, often):
            postings = posted.setdefault((block, word), [])
            for other in postings[-_CROWD:]:
                if other.id in seen:
                    continue
                seen.add(other.id)
                likeness = _jaccard(own, words[other.id])
                if likeness >= ALIKE and not (task.group and task.group == other.group):
                    yield Pair(first=other.id, second=task.id, likeness=likeness)
            postings.append(task)


def _words(objective: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(objective))


def _prefix(words: frozenset[str], often: Mapping[str, int]) -> list[str]:
    """The rarest words, so many that two sets that are alike must share one of them."""
    ordered = sorted(words, key=lambda word: (often[word], word))
    # A hair less, so that rounding never asks for one word too many.
    return ordered[: len(words) - ceil(ALIKE * len(words) - 1e-9) + 1]


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _block(task: Task) -> str:
    """Only tasks with an equal block are compared."""
    inputs = {name: source.model_dump(by_alias=True) for name, source in task.inputs.items()}
    return canonical([inputs, sorted(task.needs), task.specialist, _names(task.objective)])


def _names(objective: str) -> list[str]:
    # A capital at the head of a sentence is grammar and not a name.
    plain = _SENTENCE.sub(lambda found: found.group().casefold(), objective)
    return sorted(
        {word for word in _WORD.findall(plain) if not word.isalpha() or word != word.lower()}
    )
