"""Records in the sources, and plain sentences about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.offline.moments import pick
from models.offline.sources import Evidence, Source, identity, walk
from models.offline.words import Terms, name_key, stems, terms, words
from runtime.canonical import Json

_HIDDEN = stems("evidence start_line end_line schema quote")
_VERBS = stems("get list find search read look fetch show query lookup")
_MOST_FACTS = 8
_MOST_RECORDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object that says something by itself."""

    label: str
    """What kind of thing it is: the singular of its key, or the noun of its tool; empty for the
    inputs themselves."""
    value: Mapping[str, Json]
    evidence: Evidence

    @property
    def title(self) -> str:
        """`order 11703`; the label alone if it has no number or name."""
        called = identity(self.value)
        return f"{self.label} {called}" if called is not None else self.label

    @property
    def scalars(self) -> dict[str, Json]:
        """Its plain values, what it is called left out."""
        called = identity(self.value)
        return {
            key: value
            for key, value in self.value.items()
            if isinstance(value, str | int | float)
            and value != ""
            and value is not called
            and not stems(key) & _HIDDEN
        }


def records(sources: Iterable[Source]) -> list[Record]:
    """Every object with a plain value, outer ones first, in the order of the sources."""
    found = []
    for source in sources:
        for place in walk(source):
            if isinstance(place.value, dict):
                noun = _noun(source.name) if source.is_result else ""
                label = _singular(place.path[-1] if place.path else noun)
                record = Record(label=label, value=place.value, evidence=place.evidence)
                if record.scalars and not (place.depth == 0 and _lists(place.value)):
                    found.append(record)
    return found


def _lists(value: Json) -> dict[str, list[Json]]:
    """The lists of an object that only wraps them, as the answer of a search does."""
    if not isinstance(value, dict) or identity(value) is not None:
        return {}
    return {key: part for key, part in value.items() if isinstance(part, list)}


def missing(sources: Iterable[Source]) -> list[tuple[str, Evidence]]:
    """What was looked for in vain: the empty lists of results that hold no other."""
    found = []
    for source in sources:
        lists = _lists(source.value)
        if not any(lists.values()):
            found += [(f"No {_spaced(key)} were found.", source.evidence) for key in lists]
    return found


def relevant(query: Terms, sources: Iterable[Source]) -> list[Record]:
    """The records that the query is about: those of a kind it names, else all of them.

    Of several of a kind only the latest or earliest, where the query says so.
    """
    every = records(sources)
    named = [record for record in every if terms(record.label) & query]
    kinds: dict[str, list[Record]] = {}
    for record in named or every:
        kinds.setdefault(record.label, []).append(record)
    chosen: list[Record] = []
    for group in kinds.values():
        one = pick(query, [record.value for record in group])
        chosen += group if one is None else [group[one]]
    return chosen[:_MOST_RECORDS]


def told(record: Record, query: Terms) -> list[str]:
    """Sentences about a record: of the fields that the query names, else of the first few."""
    scalars = record.scalars
    asked = {key: value for key, value in scalars.items() if terms(key) and terms(key) <= query}
    if not record.label or (asked and record.title != record.label):
        of = f" of {record.title}" if record.label else ""
        return [
            _sentence(f"The {_spaced(key)}{of} is {shown(value)}")
            for key, value in list((asked or scalars).items())[:_MOST_FACTS]
        ]
    long = {key: value for key, value in scalars.items() if len(shown(value).split()) > 5}
    listed = [f"{_spaced(key)} {shown(part)}" for key, part in scalars.items() if key not in long]
    head = record.title[:1].upper() + record.title[1:]
    first = [_sentence(f"{head}: {', '.join(listed[:_MOST_FACTS])}")] if listed else []
    return first + [_sentence(f"{key}: {shown(part)}") for key, part in long.items()]


def shown(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())


def _noun(tool: str) -> str:
    """The last word of a tool's name that is no verb: `crm_get_customer` is about a customer."""
    nouns = [word for word in words(tool) if not stems(word) & _VERBS]
    return nouns[-1] if nouns else tool


def _singular(name: str) -> str:
    spaced = _spaced(name)
    if spaced.endswith("ies"):
        return spaced[:-3] + "y"
    return spaced[:-1] if spaced.endswith("s") and not spaced.endswith(("ss", "us")) else spaced


def _spaced(key: str) -> str:
    return " ".join(words(key)) or key


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def greeting(sources: Iterable[Source]) -> str:
    """`Dear Ms Lindqvist,` for the first person at hand; empty without one."""
    for record in records(sources):
        keys = {name_key(key): value for key, value in record.value.items()}
        name, salutation = keys.get(name_key("name")), keys.get(name_key("salutation"))
        person = any("@" in str(value) for value in record.value.values())
        if isinstance(name, str) and person:
            last = name.split()[-1]
            return f"Dear {salutation} {last}," if salutation else f"Dear {name},"
    return ""
