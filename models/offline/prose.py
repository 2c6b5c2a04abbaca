"""Text by extraction: sentences that stand in the sources, and plain statements of facts.

Nothing is reworded; what is said can be found where it is cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from models.offline import passages, records
from models.offline.sources import Evidence, Source, walk
from models.offline.words import Terms, Weights, sentences, terms
from runtime.canonical import Json

DISCLAIMER = "(offline model: extracted, not reasoned)"
"""Ends every free-text answer, so that nobody takes extraction for judgement."""

_FEWEST_WORDS = 6
_WORD = re.compile(r"(?<!\S)[^\W\d_]+(?:['’-][^\W\d_]+)*(?=[.,;:!?)\"]*(?:\s|$))")
_WORD = re.compile(r"(?<!\S)[^\W\d_]+(?:['’-][^\W\d_]+)*(?=[.,;:!?)\"]*(?:\s|$))")
_LEADING = re.compile(
    r"^(?:(?:please|kindly|can you|could you)\s+)?"
    r"(?:(?:e-?mail|send|notify|tell|inform|write|message)\s+"
    r"(?:an?\s+(?:e-?mail|message)\s+)?(?:to\s+)?(?:her|him|them|the customer|\S+@\S+)?\s*"
    r"(?:about|of|with|that)?\s*)?(?:the\s+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    text: str
    evidence: Evidence


def extract(query: Terms, sources: Iterable[Source], most: int = 3) -> list[Line]:
    """The sentences that share most with the query, the best first; empty if none shares any."""
    given = tuple(sources)
    lines = [*_from_passages(query, given, most), *_ranked(query, _strings(given))]
    distinct: dict[str, Line] = {}
    for line in lines:
        distinct.setdefault(line.text, line)
    return list(distinct.values())[:most]


def _from_passages(query: Terms, given: tuple[Source, ...], most: int) -> list[Line]:
    made = passages.best(query, passages.passages(given), most)
    return [Line(text=one.text, evidence=one.passage.evidence) for one in made]


def _strings(given: Iterable[Source]) -> list[Line]:
    """Sentences of every string that is prose and no passage's text."""
    made: list[Line] = []
    for source in given:
        for place in walk(source):
            owned = passages.is_passage(place.owner)
            if isinstance(place.value, str) and not owned and _is_prose(place.value):
                made += [Line(text=one, evidence=place.evidence) for one in sentences(place.value)]
    return made


def _is_prose(text: str) -> bool:
    return len(_WORD.findall(text)) >= _FEWEST_WORDS


def _ranked(query: Terms, lines: list[Line]) -> list[Line]:
    weights = Weights(terms(line.text) for line in lines)
    # What only repeats the question answers nothing.
    scored = [
        (weights.shared(query, own), line) for line in lines if (own := terms(line.text)) - query
    ]
    kept = [pair for pair in scored if pair[0] > 0]
    kept.sort(key=lambda pair: -pair[0])
    return [line for _, line in kept]


def facts(query: Terms, sources: Iterable[Source], most: int = 8) -> list[Line]:
    """Statements about the records that the query is about; of plain values, the values."""
    given = tuple(sources)
    lines = [
        Line(text=text, evidence=record.evidence)
        for record in records.relevant(query, given)
        for text in records.told(record, query)
    ]
    lines += [Line(text=text, evidence=ids) for text, ids in records.missing(given)]
    if not lines:
        lines = [
            Line(text=text, evidence=source.evidence)
            for source in given
            if (text := _plain(source.value))
        ]
    return list({line.text: line for line in lines}.values())[:most]


def _plain(value: Json) -> str:
    if isinstance(value, list):
        shown = [records.shown(item) for item in value if isinstance(item, str | int | float)]
        more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
        return ", ".join(shown[:10]) + more + "." if shown else ""
    if isinstance(value, str | int | float):
        text = records.shown(value)[:400]
        return text if text.endswith((".", "!", "?")) or not text else text + "."
    return ""


def subject(objective: str) -> str:
    """A short heading for a message: the first clause of what is asked, without courtesies."""
    first = re.split(r"[.;:\n?!]|, (?:and|then)\b", _LEADING.sub("", objective.strip()))[0]
    text = " ".join(first.split()[:10]).strip(" ,")
    return text[:1].upper() + text[1:]


def message(objective: str, given: Iterable[Source]) -> str:
    """The body of a message: a greeting, and the facts that the objective asks to be told.

    Whom it goes to is not news to the receiver, so addresses are left out.
    """
    sources = tuple(given)
    lines = [line.text for line in facts(terms(objective), sources) if "@" not in line.text]
    body = " ".join(lines) or subject(objective) + "."
    hello = records.greeting(sources)
    return f"{hello}\n\n{body}" if hello else body
