"""Passages of documents: which statements they make, and on which lines exactly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.offline.sources import Evidence, Source, walk
from models.offline.words import Terms, Weights, sentences, terms
from runtime.canonical import Json

_FENCE = re.compile(r"^\s*(```|~~~)")
_NO_PROSE = re.compile(r"^\s*(#{1,6}\s|[-=*_]{3,}\s*$|<|\[[^]]+\]:)")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|[\s:|-]+\|\s*$")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_MARKS = re.compile(r"\*\*|__|^>\s*", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MOST = 8
_BAR = 0.45
"""The part of the best score that another statement must reach to be worth saying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    path: str
    start: int
    lines: tuple[str, ...]
    heading: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of a passage with the lines that contain it."""

    text: str
    passage: Passage
    first: int
    last: int

    @property
    def quote(self) -> str:
        """The lines exactly as the passage has them."""
        start = self.passage.start
        return "\n".join(self.passage.lines[self.first - start : self.last - start + 1])

    @property
    def citation(self) -> dict[str, Json]:
        return {
            "path": self.passage.path,
            "start_line": self.first,
            "end_line": self.last,
            "quote": self.quote,
        }


def is_passage(value: Json) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("path"), str)
        and isinstance(value.get("start_line"), int)
        and isinstance(value.get("text"), str)
    )


def passages(sources: Iterable[Source]) -> list[Passage]:
    """All passages in the sources, each line range once."""
    found: dict[tuple[str, int, str], Passage] = {}
    for source in sources:
        for place in walk(source):
            if is_passage(place.value):
                value = place.value
                key = (value["path"], value["start_line"], value["text"])
                found.setdefault(
                    key,
                    Passage(
                        path=value["path"],
                        start=value["start_line"],
                        lines=tuple(value["text"].split("\n")),
                        heading=str(value.get("heading") or ""),
                        evidence=place.evidence,
                    ),
                )
    return list(found.values())


def statements(passage: Passage) -> list[Statement]:
    """The sentences of a passage's prose, and the rows of its tables; not headings and code."""
    found = []
    for first, paragraph in _paragraphs(passage):
        for sentence, start, last in _placed(paragraph):
            found.append(
                Statement(text=sentence, passage=passage, first=first + start, last=first + last)
            )
    return found


def _paragraphs(passage: Passage) -> list[tuple[int, list[str]]]:
    """Runs of prose lines with the number of their first line.

    Each list item and each row of a table is a run of its own.
    """
    runs: list[tuple[int, list[str]]] = []
    open_run = fenced = False
    for number, line in enumerate(passage.lines, start=passage.start):
        if _FENCE.match(line):
            fenced, open_run = not fenced, False
        elif fenced or not line.strip() or _NO_PROSE.match(line) or _head(passage, number):
            open_run = False
        elif _ROW.match(line):
            runs.append((number, [line]))
            open_run = False
        elif open_run and not _BULLET.match(line):
            runs[-1][1].append(line)
        else:
            runs.append((number, [line]))
            open_run = True
    return runs


def _head(passage: Passage, number: int) -> bool:
    """True for the head of a table and for the rule below it: neither is a statement."""
    here = number - passage.start
    below = passage.lines[here + 1] if here + 1 < len(passage.lines) else ""
    row = bool(_ROW.match(passage.lines[here]))
    return row and bool(_RULE.match(passage.lines[here]) or _RULE.match(below))


def _placed(lines: list[str]) -> list[tuple[str, int, int]]:
    """Each sentence of a paragraph with the positions of its first and last line."""
    cleaned = [_clean(line) for line in lines]
    text = " ".join(line for line in cleaned if line)
    ends, position = [], 0
    for line in cleaned:
        position += len(line) + 1 if line else 0
        ends.append(position)
    placed, cursor = [], 0
    for sentence in sentences(text):
        start = text.index(sentence, cursor)
        cursor = start + len(sentence)
        first = next(i for i, end in enumerate(ends) if start < end)
        last = next(i for i, end in enumerate(ends) if cursor <= end)
        placed.append((sentence, first, last))
    return placed


def _clean(line: str) -> str:
    if _ROW.match(line):
        line = " – ".join(cell.strip() for cell in line.strip().strip("|").split("|"))
    text = _MARKS.sub("", _LINK.sub(r"\1", _BULLET.sub("", line)))
    return " ".join(text.split())


def best(query: Terms, found: list[Passage], most: int = _MOST) -> list[Statement]:
    """The statements that answer best, from distinct passages as far as there are enough."""
    ranked = _ranked(query, found)
    if not ranked:
        return []
    bar = ranked[0][0] * _BAR
    return _one_each([(score, one) for score, one in ranked if score >= bar])[:most]


def _ranked(query: Terms, found: list[Passage]) -> list[tuple[float, Statement]]:
    made = [statement for passage in found for statement in statements(passage)]
    weights = Weights(terms(statement.text) for statement in made)
    scored = []
    for statement in made:
        own, heading = terms(statement.text), terms(statement.passage.heading)
        score = weights.shared(query, own) + weights.shared(query & heading, heading - own) / 2
        # A long sentence shares words by its length alone.
        score /= 1 + max(0, len(own) - 25) / 25
        if query & (own | heading) and len(own) >= 3:
            scored.append((score, statement))
    scored.sort(key=lambda pair: -pair[0])
    distinct: dict[str, tuple[float, Statement]] = {}
    for pair in scored:
        distinct.setdefault(pair[1].text, pair)
    return list(distinct.values())


def _one_each(ranked: list[tuple[float, Statement]]) -> list[Statement]:
    """The best of each passage; of a table every row that is good enough."""
    chosen: dict[tuple[str, int], Statement] = {}
    for _, statement in ranked:
        row = _ROW.match(statement.quote)
        place = statement.first if row else statement.passage.start
        chosen.setdefault((statement.passage.path, place), statement)
    return list(chosen.values())
