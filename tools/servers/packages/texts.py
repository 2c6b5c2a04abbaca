"""Recognises licences in a text, and says by which line."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tools.servers.packages.expressions import family, parsed
from tools.servers.packages.records import Detected
from tools.servers.packages.textrules import RULES, TextRule

_DECORATION = re.compile(r"^[\s#*>/;|-]+|[\s*|]+$")
_TAG = re.compile(r"\s*(?:License|SPDX-License-Identifier):\s*(\S.{1,120}?)\s*")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "`": "'", "“": '"', "”": '"'})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """The text in lower case with single blanks, and where each line of it begins."""

    text: str
    offsets: tuple[int, ...]
    numbers: tuple[int, ...]

    def line(self, offset: int) -> int:
        return self.numbers[bisect_right(self.offsets, offset) - 1]


def detected(lines: Sequence[str]) -> list[Detected]:
    """Licences in a text in the order of their first line, each family once."""
    plain = _plain(lines)
    found = [(line, spdx_id) for line, spdx_id in _tagged(lines)]
    tagged = {family(spdx_id) for _, spdx_id in found}
    for rule in RULES:
        offset = _begin(plain.text, rule)
        # A text that follows a tag is the text of what the tag names.
        if offset is not None and family(rule.spdx_id) not in tagged:
            found.append((plain.line(offset), rule.spdx_id))
    result: dict[str, Detected] = {}
    for number, spdx_id in sorted(found):
        shown = lines[number - 1].strip()
        detection = Detected(spdx_id=spdx_id, line=number, text=shown[:500])
        result.setdefault(family(spdx_id), detection)
    return list(result.values())


def _plain(lines: Sequence[str]) -> _Plain:
    pieces: list[str] = []
    offsets: list[int] = []
    numbers: list[int] = []
    length = 0
    for number, line in enumerate(lines, start=1):
        words = _DECORATION.sub("", line).translate(_QUOTES).lower().split()
        if words:
            piece = " ".join(words) + " "
            pieces.append(piece)
            offsets.append(length)
            numbers.append(number)
            length += len(piece)
    return _Plain(text="".join(pieces), offsets=tuple(offsets), numbers=tuple(numbers))


def _begin(text: str, rule: TextRule) -> int | None:
    """Where the earliest text that fits the rule begins."""
    places = sorted(place for phrase in rule.begins for place in _places(text, phrase))
    for place in places:
        window = text[place : place + rule.within]
        # The next licence of the same kind in one file must not lend its clauses to this one.
        again = window.find(rule.begins[0], 1)
        window = window[:again] if again > 0 else window
        whole = all(phrase in window for phrase in rule.needs)
        some = not rule.any_of or any(phrase in window for phrase in rule.any_of)
        if whole and some and not any(phrase in window for phrase in rule.lacks):
            return place
    return None


def _places(text: str, phrase: str) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(phrase), text)]


def _tagged(lines: Sequence[str]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        match = _TAG.fullmatch(line)
        expression = parsed(match.group(1), known_only=True) if match else None
        if expression is not None:
            found.append((number, str(expression)))
    return found
