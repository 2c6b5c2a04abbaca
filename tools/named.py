"""Whether a text names a value: word for word, as a number, or as a date and time in words.

It is asked only of texts that no stranger writes to, so a match can be believed; a value that is
missed costs a question to a person, never a leak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from runtime.canonical import Json

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[t ](\d{2}):(\d{2})(?::00)?)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_ISO_DAY = re.compile(r"\b\d{4}-(\d{1,2})-(\d{1,2})\b")
_MONTH_DAY = re.compile(rf"\b{_MONTH} {_DAY}\b")
_DAY_MONTH = re.compile(rf"\b{_DAY}(?: of)? {_MONTH}(?![a-z])")
_CLOCK = re.compile(r"\b(\d{1,2})(?::(\d{2}))? ?([ap])\.?m\b")
_HOURS = re.compile(r"\b(\d{1,2}):(\d{2})\b")

# Strangers word these texts: what may be long begins where a word does, or is bounded, so that none
# of it takes more than linear time.
_REFERENCE = re.compile(
    r"(?:https?:)?//\S+|www\.\S+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,100}"
    # An account number, also as it is printed, in groups.
    r"|\b(?-i:[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?)\b"
    r"|(?<![\w.-])(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])(?:/\S*)?",
    re.IGNORECASE,
)
_ENDINGS = (
    "bmp bz csv doc docx eml gif gz htm html ics ini jpeg jpg json log odp ods odt pdf png ppt pptx"
    " rtf svg tar tex toml tsv txt webp xls xlsx xml yaml yml"
)
_FILES = frozenset(_ENDINGS.split())
"""Endings of files. None of them ends the name of a host."""
_CLOSING = ".,;:!?)]}'\""


def plain(value: Json) -> str:
    """A value in the form in which values are compared."""
    return " ".join(str(value).split()).casefold()


def references(text: str) -> list[str]:
    """Links, mail addresses, host names and account numbers (IBAN) in a text: what whoever reads
    it may go to, write to or pay to."""
    found = (one.rstrip(_CLOSING) for one in _REFERENCE.findall(text))
    return [one for one in found if not _is_file(one)]


def _is_file(found: str) -> bool:
    whole = "/" in found or "@" in found
    return not whole and found.rpartition(".")[2].casefold() in _FILES


@dataclass(frozen=True)
class Text:
    """A text of the user, and what it names."""

    words: str

    def names(self, value: Json) -> bool:
        """Whether the value stands in the text. Nothing is named by an empty value."""
        if isinstance(value, bool):
            return False
        if isinstance(value, int | float):
            return float(value) in self._numbers
        text = plain(value)
        if not text:
            return False
        return self._says(text) or self._dates(text)

    def _says(self, text: str) -> bool:
        """Word for word, not within a longer word."""
        return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", self._plain) is not None

    def _dates(self, text: str) -> bool:
        found = _MOMENT.fullmatch(text)
        if found is None or (int(found[2]), int(found[3])) not in self._days:
            return False
        return found[4] is None or (int(found[4]), int(found[5])) in self._times

    @cached_property
    def _plain(self) -> str:
        return plain(self.words)

    @cached_property
    def _numbers(self) -> frozenset[float]:
        return frozenset(float(one.replace(",", "")) for one in _NUMBER.findall(self.words))

    @cached_property
    def _days(self) -> frozenset[tuple[int, int]]:
        text = self._plain
        found = {(int(month), int(day)) for month, day in _ISO_DAY.findall(text)}
        found |= {(_month(month), int(day)) for month, day in _MONTH_DAY.findall(text)}
        found |= {(_month(month), int(day)) for day, month in _DAY_MONTH.findall(text)}
        return frozenset(found)

    @cached_property
    def _times(self) -> frozenset[tuple[int, int]]:
        text = self._plain
        found = {
            (int(hour) % 12 + (12 if half == "p" else 0), int(minute or 0))
            for hour, minute, half in _CLOCK.findall(text)
        }
        found |= {(int(hour), int(minute)) for hour, minute in _HOURS.findall(text)}
        if re.search(r"\bnoon\b", text):
            found.add((12, 0))
        return frozenset(found)


def _month(name: str) -> int:
    return _MONTHS.index(name[:3]) + 1
