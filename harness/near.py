"""Pairs of tasks that nearly repeat each other, found without comparing each with each.

Jaccard similarity of word sets with prefix filtering (Chaudhuri, Ganti, Kaushik: A Primitive
Operator for Similarity Joins, ICDE 2006; Bayardo, Ma, Srikant: Scaling Up All Pairs Similarity
Search, WWW 2007): exact, deterministic, and needs no random hash functions. Where somebody can tell
the sense of a sentence, objectives that say the same in other words are found as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.plan import Plan, Task
from runtime.canonical import canonical

ALIKE = 0.8
"""Share of common words from which on two objectives are nearly the same."""

SAME_SENSE = 0.93
"""Cosine from which on two objectives in different words mean the same. Opposites (`before` and
`after`, `sent` and `received`) are nearly as close as paraphrases: of 68 pairs that differ in what
they ask for none reaches it, of 40 paraphrases 4 do (tests/harness/paraphrases.py)."""

OTHER_WORDS = 0.5
"""Share of common words below which a sentence is worded differently. Above it one sentence is the
other with a word exchanged, and that word is what the two tasks do not have in common."""

Vectors = Callable[[Sequence[str]], NDArray[np.float32]]
"""Given sentences: a row of length one for each, near to those of sentences with the same sense."""

_CROWD = 64
"""Earlier tasks that are looked at for one rare word. It keeps the time linear where thousands of
objectives are made of the same words; those give pairs enough without it."""

_LATELY = 512
"""Earlier tasks of a block whose sense is compared. It keeps the time linear as well."""

_WORD = re.compile(r"\w[\w./@:-]*\w|\w")
_SENTENCE = re.compile(r"(?:^|[.!?:]\s+)\W*(\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two tasks, the one written first first, with their share of common words or their cosine."""

    first: str
    second: str
    likeness: float


def near_duplicates(plan: Plan, vectors: Vectors | None = None) -> Iterator[Pair]:
    """Pairs with the same inputs, needs, specialist and names, whose objectives are nearly equal.

    Names are words that tell things apart: with a digit, a capital or a sign within them. Two tasks
    that speak of different things in the same words are no duplicates. Tasks of one map group are
    exempt, as their author meant them to be alike. First those with nearly the same words, then, if
    `vectors` are given, those with the same sense; each in plan order of the second task.
    `vectors` is asked once and late: only when somebody wants more pairs than the words give.
    """
    yield from _by_words(plan)
    if vectors is not None:
        yield from _by_sense(plan, vectors)


def _by_words(plan: Plan) -> Iterator[Pair]:
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
                if likeness >= ALIKE and not _of_one_group(task, other):
                    yield Pair(first=other.id, second=task.id, likeness=likeness)
            postings.append(task)


def _by_sense(plan: Plan, vectors: Vectors) -> Iterator[Pair]:
    blocks: dict[str, list[Task]] = {}
    for task in plan.tasks:
        blocks.setdefault(_block(task), []).append(task)
    compared = [tasks for tasks in blocks.values() if _worth_comparing(tasks)]
    objectives = list(dict.fromkeys(task.objective for tasks in compared for task in tasks))
    if not objectives:
        return
    rows = dict(zip(objectives, vectors(objectives), strict=True))
    found = [pair for tasks in compared for pair in _pairs(tasks, rows)]
    order = {task.id: place for place, task in enumerate(plan.tasks)}
    yield from sorted(found, key=lambda pair: order[pair.second])


def _worth_comparing(tasks: Sequence[Task]) -> bool:
    first = tasks[0]
    return any(
        task.objective != first.objective and not _of_one_group(task, first) for task in tasks
    )


def _pairs(tasks: Sequence[Task], rows: Mapping[str, NDArray[np.float32]]) -> Iterator[Pair]:
    """Tasks of one block that say the same in other words."""
    matrix = np.stack([rows[task.objective] for task in tasks])
    for place, task in enumerate(tasks):
        start = max(0, place - _LATELY)
        likeness = matrix[start:place] @ matrix[place]
        for near in np.flatnonzero(likeness >= SAME_SENSE):
            other = tasks[start + int(near)]
            common = _jaccard(_words(task.objective), _words(other.objective))
            if common < OTHER_WORDS and not _of_one_group(task, other):
                yield Pair(first=other.id, second=task.id, likeness=float(likeness[near]))


def _of_one_group(task: Task, other: Task) -> bool:
    return bool(task.group) and task.group == other.group


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
