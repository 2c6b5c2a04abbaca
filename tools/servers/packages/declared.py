"""What a package's metadata says about its licence, and what each source means."""

import re
from dataclasses import dataclass
from importlib.metadata import Distribution

from tools.servers.packages.classifiers import PREFIX, meaning
from tools.servers.packages.environment import value_of
from tools.servers.packages.expressions import Parsed, family, identifiers, joined, parsed
from tools.servers.packages.files import Paper
from tools.servers.packages.records import Declared, Detected, SourceName
from tools.servers.packages.shortforms import says_choice, short_form
from tools.servers.packages.texts import detected

_LONG = 120
_NOTHING = ("", "unknown", "none", "n/a", "-")
_CHOICE = re.compile(
    r"dual[- ]?licen[cs]\w+"
    r"|(?:two|different|both) (?:different )?licen[cs]es at your (?:choice|option)"
    r"|\*?either\*? of the licen[cs]es|under either (?:the )?[\w.,() -]{2,60}? or "
    r"|licen[cs]ed under (?:the )?[\w.() -]{2,40} or (?:the )?[\w.() -]{2,40}licen[cs]e",
    re.IGNORECASE,
)
_REFINED = {
    "LicenseRef-BSD": "bsd-",
    "LicenseRef-unversioned-GPL": "gpl-",
    "LicenseRef-unversioned-LGPL": "lgpl-",
    "LicenseRef-unversioned-AGPL": "agpl-",
}
"""Families without a version, and how the identifiers of their members begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One source, understood."""

    source: SourceName
    says: str
    """The source's own words, short."""
    expression: Parsed
    how: str | None = None
    """What had to be added to read it; None if it speaks for itself."""


def declared(distribution: Distribution) -> Declared:
    """The licence fields of the metadata, word for word."""
    metadata = distribution.metadata
    field = value_of(distribution.metadata, "License").strip()
    is_text = "\n" in field or len(field) > _LONG
    classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith(PREFIX)]
    return Declared(
        license_expression=value_of(distribution.metadata, "License-Expression").strip() or None,
        classifiers=classifiers,
        license_field=(field.splitlines()[0][:_LONG] if is_text else field) or None,
        license_field_is_text=is_text,
    )


def readings(
    distribution: Distribution, said: Declared, papers: list[Paper], found: list[list[Detected]]
) -> list[Reading]:
    """All sources that could be understood, in order of precedence.

    `found[i]` is what was recognised in `papers[i]`.
    """
    field_text = detected(_field_lines(distribution)) if said.license_field_is_text else []
    own = [each for paper, all_ in zip(papers, found, strict=True) if paper.part == "own"
           for each in all_]  # fmt: skip
    field = _field(said, field_text)
    evidence = [*_identifiers(field), *(each.spdx_id for each in (*field_text, *own))]
    sources = (
        _expression(said),
        _classifiers(distribution, said, field, papers, evidence),
        _refined(field, evidence),
        _files(papers, found),
    )
    return [reading for reading in sources if reading is not None]


def _identifiers(reading: Reading | None) -> list[str]:
    return [] if reading is None else identifiers(reading.expression)


def _expression(said: Declared) -> Reading | None:
    text = said.license_expression
    expression = parsed(text, known_only=False) if text else None
    if text is None or expression is None:
        return None
    return Reading(source="License-Expression", says=text, expression=expression)


def _field_lines(distribution: Distribution) -> list[str]:
    return value_of(distribution.metadata, "License").splitlines()


def _field(said: Declared, texts: list[Detected]) -> Reading | None:
    text = said.license_field or ""
    if text.lower() in _NOTHING:
        return None
    if said.license_field_is_text:
        # What follows the first licence in such a text belongs to bundled software.
        expression = joined([texts[0].spdx_id], "AND") if texts else None
        how = f"recognised by the words {texts[0].text[:80]!r}" if texts else None
    else:
        expression, how = short_form(text), None
    if expression is None:
        return None
    return Reading(source="License", says=text, expression=expression, how=how)


def _classifiers(
    distribution: Distribution,
    said: Declared,
    field: Reading | None,
    papers: list[Paper],
    evidence: list[str],
) -> Reading | None:
    meant = [meaning(each) for each in said.classifiers]
    names = list(dict.fromkeys(each for each in meant if each is not None))
    if not names:
        return None
    says = "; ".join(each.removeprefix(PREFIX) for each in said.classifiers)
    if len(names) == 1:
        expression = joined(names, "AND")
        how = None
    elif field is not None and set(map(family, names)) == set(
        map(family, identifiers(field.expression))
    ):
        expression, how = field.expression, f"joined as the field License does: {field.says!r}"
    else:
        choice = _choice(distribution, said, papers)
        expression = joined(names, "OR" if choice else "AND")
        how = (
            f"several classifiers are a choice here: {choice}"
            if choice
            else "nothing says that several classifiers are a choice, so all apply"
        )
    if expression is None:
        return None
    reading = Reading(source="Classifier", says=says, expression=expression, how=how)
    return _refined(reading, evidence)


def _choice(distribution: Distribution, said: Declared, papers: list[Paper]) -> str | None:
    """The words that offer a choice between licences, and where they stand."""
    field = said.license_field or ""
    if not said.license_field_is_text and says_choice(field):
        return f"the field License says {field!r}"
    places = [("the package's description", _description(distribution))]
    places += [(each.path, " ".join(each.lines[:40])) for each in papers if each.part == "own"]
    for place, text in places:
        match = _CHOICE.search(" ".join(text.split()))
        if match:
            return f"{place} says {match.group()!r}"
    return None


def _description(distribution: Distribution) -> str:
    metadata = distribution.metadata
    return str(value_of(metadata, "Description") or metadata.get_payload())  # type: ignore[attr-defined]


def _refined(reading: Reading | None, evidence: list[str]) -> Reading | None:
    """A family without a version ("BSD License") made exact by another source, if one is."""
    if reading is None:
        return None
    text = str(reading.expression)
    notes: list[str] = [] if reading.how is None else [reading.how]
    for general in identifiers(reading.expression):
        beginning = _REFINED.get(general)
        exact = [each for each in evidence if beginning and each.lower().startswith(beginning)]
        if exact:
            text = text.replace(general, exact[0])
            notes.append(f"made exact by another source: {exact[0]}")
    expression = parsed(text, known_only=False)
    if expression is None or not notes:
        return reading
    how = "; ".join(notes)
    return Reading(source=reading.source, says=reading.says, expression=expression, how=how)


def _files(papers: list[Paper], found: list[list[Detected]]) -> Reading | None:
    own = [
        (paper, all_[0])
        for paper, all_ in zip(papers, found, strict=True)
        if paper.speaks_for_package and all_
    ]
    names = list(dict.fromkeys(first.spdx_id for _, first in own))
    expression = joined(names, "AND")
    if expression is None:
        return None
    says = "; ".join(f"{paper.path}:{first.line} {first.spdx_id}" for paper, first in own)
    return Reading(source="licence file", says=says, expression=expression)
