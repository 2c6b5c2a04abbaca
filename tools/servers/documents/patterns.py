"""Matches a regular expression against lines, with bounds that hold for any expression.

The expression comes from a model or a stranger: it may be made to take for ever or all memory.
"""

import re
import time
from datetime import UTC, datetime
from typing import Protocol, cast

import regex  # type: ignore[import-untyped]

from tools.servers.errors import BadArgument

MAX_PATTERN = 300
MAX_MATCHED = 4000
"""Characters of a line that are looked at."""
BUDGET_S = 2.0

_MAX_EXPANDED = 5000
_MAX_DEPTH = 20
_COUNT = re.compile(r"\{(\d{0,6})(,?)(\d{0,6})\}")
_STAMP = re.compile(
    r"\W{0,2}(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)"
    r"\s?(Z|UTC|[+-]\d\d:?\d\d)?(?!\d)"
)


class Compiled(Protocol):
    """The part of the `regex` package's pattern object that is used."""

    def search(self, string: str, *, timeout: float) -> object | None:
        """Raises TimeoutError after `timeout` seconds."""
        ...


class Clock:
    """What is left of the time that one call may spend on matching."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._end = time.monotonic() + BUDGET_S

    def matches(self, compiled: Compiled, line: str) -> bool:
        """Whether the line's first MAX_MATCHED characters contain a match.

        Raises:
            BadArgument: the call's time is used up.
        """
        left = self._end - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            return compiled.search(line[:MAX_MATCHED], timeout=left) is not None
        except TimeoutError:
            remedy = "Avoid repeats inside repeats, or search a smaller folder"
            problem = f"matching took longer than {BUDGET_S:.0f} s"
            raise BadArgument("pattern", self._pattern, problem, remedy) from None


def compiled(pattern: str) -> Compiled:
    """The expression, ready to be matched.

    Raises:
        BadArgument: it is not a regular expression, or would be too large.
    """
    if _expanded(pattern) > _MAX_EXPANDED:
        remedy = "Use smaller counts, or * and +"
        raise BadArgument("pattern", pattern, "its counted repeats are too large", remedy)
    try:
        return cast(Compiled, regex.compile(pattern))
    except (regex.error, ValueError, RecursionError) as error:
        remedy = r"Write \ before a character that is meant literally"
        problem = f"not a regular expression: {error}"
        raise BadArgument("pattern", pattern, problem, remedy) from error


def _expanded(pattern: str) -> int:
    """How many single matches the expression unfolds to: `regex` unfolds (a{99}){99} in memory."""
    totals = [0]
    last = 0
    index = 0
    while index < len(pattern):
        letter = pattern[index]
        counted = _COUNT.match(pattern, index) if letter == "{" else None
        if counted:
            totals[-1] += last * (_highest(counted) - 1)
            last *= _highest(counted)
            index = counted.end()
            continue
        if letter == "(":
            totals.append(0)
        elif letter == ")" and len(totals) > 1:
            last = totals.pop()
            totals[-1] += last
        elif letter not in "*+?|":
            index = _atom_end(pattern, index)
            last = 1
            totals[-1] += 1
        if len(totals) > _MAX_DEPTH:
            return _MAX_EXPANDED + 1
        index += 1
    return sum(totals)


def _highest(counted: re.Match[str]) -> int:
    return max(1, int(counted.group(3) or counted.group(1) or 1))


def _atom_end(pattern: str, index: int) -> int:
    """Index of the last character of an escape or a set; of the character itself otherwise."""
    if pattern[index] == "\\":
        return index + 1
    if pattern[index] != "[":
        return index
    end = index + 1
    while end < len(pattern) and (pattern[end] != "]" or end == index + 1):
        end += 2 if pattern[end] == "\\" else 1
    return end


def timestamp(line: str) -> str | None:
    """The time at the start of a line as ISO 8601; in UTC with Z if it has a zone, else without."""
    match = _STAMP.match(line)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    digits = (fraction or "")[:6]
    part = f".{digits.ljust(6, '0')}" if digits else ""
    offset = "+00:00" if zone in ("Z", "UTC") else zone or ""
    text = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{part}{offset}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    precise = "milliseconds" if 0 < len(digits) <= 3 else "auto"
    if moment.tzinfo is None:
        return moment.isoformat(timespec=precise)
    return moment.astimezone(UTC).isoformat(timespec=precise).replace("+00:00", "Z")
