"""Finds tools by words, for catalogues that nobody reads to the end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import log

from tools.catalogue import ToolEntry

_WORD = re.compile(r"[^\W_]+")


def search(entries: Iterable[ToolEntry], words: str) -> list[ToolEntry]:
    """The tools that have something of the words in their name, description or arguments.

    The best one first: a rare word counts more, and a word of the name three times. A word is
    found by its beginning too. The order of equals is that of their names.
    """
    texts = {entry.name: (entry, _counts(entry)) for entry in entries}
    wanted = [word.casefold() for word in _WORD.findall(words)]
    scores: dict[str, float] = dict.fromkeys(texts, 0.0)
    for word in wanted:
        hits = {name: weight for name, (_, of) in texts.items() if (weight := _weight(of, word))}
        for name, weight in hits.items():
            scores[name] += weight * log(1 + len(texts) / len(hits))
    found = [name for name, score in scores.items() if score]
    return [texts[name][0] for name in sorted(found, key=lambda name: (-scores[name], name))]


def _counts(entry: ToolEntry) -> dict[str, int]:
    words = dict.fromkeys(map(str.casefold, _WORD.findall(entry.description)), 1)
    words |= {
        word.casefold(): 1
        for argument in entry.schema.get("properties", {})
        for word in _WORD.findall(argument)
    }
    return words | {word.casefold(): 3 for word in _WORD.findall(entry.name)}


def _weight(words: dict[str, int], wanted: str) -> float:
    if wanted in words:
        return words[wanted]
    begun = [weight for word, weight in words.items() if word.startswith(wanted)]
    return 0.5 * max(begun) if len(wanted) > 2 and begun else 0.0
