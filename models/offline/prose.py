"""Text by extraction: sentences that stand in the sources, and plain statements of facts.

Nothing is reworded beyond `The <key> is <value>.`; what is said can be found where it is cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.offline import passages
from models.offline.moments import pick
from models.offline.sources import Evidence, Source, walk
from models.offline.words import Terms, Weights, sentences, terms, words
from runtime.canonical import Json

DISCLAIMER = "(offline model: extracted, not reasoned)"
"""Ends every free-text answer, so that nobody takes extraction for judgement."""

_FEW = 5
_HIDDEN = frozenset({"evidence", "start_line", "end_line", "schema"})
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
    """Sentences of every longer string that is not a passage's text."""
    made: list[Line] = []
    for source in given:
        for place in walk(source):
            inside = place.path[-1:] in (("text",), ("quote",)) and place.depth > 1
            if isinstance(place.value, str) and not inside and len(place.value.split()) > 3:
                made += [Line(text=one, evidence=place.evidence) for one in sentences(place.value)]
    return made


def _ranked(query: Terms, lines: list[Line]) -> list[Line]:
    weights = Weights(terms(line.text) for line in lines)
    scored = [(weights.shared(query, terms(line.text)), line) for line in lines]
    kept = [pair for pair in scored if pair[0] > 0]
    kept.sort(key=lambda pair: -pair[0])
    return [line for _, line in kept]


def facts(value: Json, about: str = "") -> list[str]:
    """Whole sentences for the scalar values of a JSON value, outer ones first."""
    if isinstance(value, Mapping):
        return _object_facts(value, about)
    if isinstance(value, list):
        return _list_facts(value, about or "entry")
    return [_is(about, value)] if about else [_sentence(str(value))]


def _object_facts(value: Mapping[str, Json], about: str) -> list[str]:
    plain: list[str] = []
    nested: list[str] = []
    for key, inner in value.items():
        if key in _HIDDEN or inner in (None, "", [], {}):
            continue
        name = _spaced(key)
        if isinstance(inner, Mapping | list):
            nested += facts(inner, name)
        else:
            plain.append(_is(f"{about} {name}".strip(), inner))
    return plain + nested


def _list_facts(value: list[Json], about: str) -> list[str]:
    if all(not isinstance(item, Mapping | list) for item in value):
        shown = ", ".join(str(item) for item in value[:_FEW])
        more = f" and {len(value) - _FEW} more" if len(value) > _FEW else ""
        return [f"The {about} are {shown}{more}."] if len(value) > 1 else [_is(about, shown)]
    made = [line for item in value[:_FEW] for line in facts(item, _singular(about))]
    if len(value) > 1:
        made.insert(0, f"There are {len(value)} entries of {about}.")
    return made


def _is(name: str, value: Json) -> str:
    shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    stated = f"The {name} is" if terms(name) else f"{name.capitalize()}:"
    return _sentence(f"{stated} {' '.join(shown.split())}")


def _sentence(text: str) -> str:
    flat = " ".join(text.split())
    return flat if flat.endswith((".", "!", "?")) else flat + "."


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def _spaced(key: str) -> str:
    return " ".join(words(key)) or key


def subject(objective: str) -> str:
    """A short heading for a message: the first clause of what is asked, without courtesies."""
    first = re.split(r"[.;:\n?!]|, (?:and|then)\b", _LEADING.sub("", objective.strip()))[0]
    kept = first.split()[:10]
    text = " ".join(kept).strip(" ,")
    return text[:1].upper() + text[1:]


def message(objective: str, given: Iterable[Source]) -> str:
    """The body of a message: the facts at hand in whole sentences, else what is asked.

    Whom it goes to is not news to the receiver, so addresses are left out.
    """
    lines = [line for source in given for line in facts(source.value) if "@" not in line]
    return " ".join(dict.fromkeys(lines)) or _sentence(objective)


def relevant(value: Json, query: Terms) -> list[str]:
    """The facts of a record; of a list, those of the entries that the query is about."""
    if isinstance(value, Mapping):
        plain = {key: part for key, part in value.items() if not isinstance(part, list)}
        lists = {key: part for key, part in value.items() if isinstance(part, list)}
        made = facts(plain)
        for key, part in lists.items():
            made += relevant_entries(part, key, query)
        return made[: _FEW * 3]
    if isinstance(value, list):
        return relevant_entries(value, "entries", query)
    return facts(value)


def relevant_entries(entries: list[Json], name: str, query: Terms) -> list[str]:
    """Facts of the latest or earliest entry if that is asked, else of the first few."""
    records = [entry for entry in entries if isinstance(entry, Mapping)]
    chosen = pick(query, records)
    if chosen is not None:
        return facts(records[chosen], _singular(_spaced(name)))
    return facts(entries, _spaced(name))
