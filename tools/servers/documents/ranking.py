"""Orders passages by how well they answer a query: BM25 with the headings as a second field."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tools.servers.documents.document import Document
from tools.servers.documents.passages import Span, spans
from tools.servers.documents.words import query_words, words_of

# Robertson and Zaragoza (2009) recommend 1.2 to 2 and 0.75; passages vary less than documents.
_K1 = 1.2
_B = 0.5
_SHORTEST = 15
_NEAR_HEADING = 1.6
_FAR_HEADING = 0.6
_FILE_NAME = 0.4
_PAIR_BONUS = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A passage with its words counted; weights of headings are included in `weights`."""

    path: str
    span: Span
    weights: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that has at least one word of the query."""

    entry: Entry
    score: float
    matched: tuple[str, ...]
    """Words as they stand in the query."""


def entries(path: str, document: Document) -> tuple[Entry, ...]:
    """The passages of a document, ready to be ranked; `path` is part of what is searched."""
    name = words_of(path)
    return tuple(_entry(path, name, document, span) for span in spans(document))


def _entry(path: str, name: list[str], document: Document, span: Span) -> Entry:
    words = words_of("\n".join(document.lines[span.start - 1 : span.end]))
    weights: Counter[str] = Counter()
    for word in words:
        weights[word] += 1
    fields = [(heading, _FAR_HEADING) for heading in span.breadcrumb[:-1]]
    fields += [(heading, _NEAR_HEADING) for heading in span.breadcrumb[-1:]]
    collected: dict[str, float] = dict(weights)
    for heading, weight in fields:
        for word in set(words_of(heading)):
            collected[word] = collected.get(word, 0.0) + weight
    for word in set(name):
        collected[word] = collected.get(word, 0.0) + _FILE_NAME
    return Entry(
        path=path,
        span=span,
        weights=collected,
        pairs=frozenset(pairwise(words)),
        length=max(len(words), _SHORTEST),
    )


def rank(everything: Sequence[Entry], query: str) -> list[Hit]:
    """Passages with a word of the query, best first; equal scores in order of path and line."""
    spelled = query_words(query)
    words = list(spelled)
    if not everything or not words:
        return []
    average = sum(entry.length for entry in everything) / len(everything)
    rarity = {word: _rarity(everything, word) for word in words}
    whole = sum(rarity.values())
    hits: list[Hit] = []
    for entry in everything:
        matched = tuple(word for word in words if word in entry.weights)
        if matched:
            score = sum(rarity[word] * _gain(entry, word, average) for word in matched)
            share = sum(rarity[word] for word in matched) / whole
            together = sum(1 for pair in pairwise(words) if pair in entry.pairs)
            score *= (0.4 + 0.6 * share) * (1 + _PAIR_BONUS * together)
            as_asked = tuple(dict.fromkeys(spelled[word] for word in matched))
            hits.append(Hit(entry=entry, score=score, matched=as_asked))
    hits.sort(key=lambda hit: (-hit.score, hit.entry.path, hit.entry.span.start))
    return hits


def _rarity(everything: Sequence[Entry], word: str) -> float:
    having = sum(1 for entry in everything if word in entry.weights)
    return math.log(1 + (len(everything) - having + 0.5) / (having + 0.5))


def _gain(entry: Entry, word: str, average: float) -> float:
    weight = entry.weights[word]
    return weight * (_K1 + 1) / (weight + _K1 * (1 - _B + _B * entry.length / average))
