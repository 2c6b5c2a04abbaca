"""Has a model begun to say the same thing again and again? Told from the end of its text alone.

Such an answer goes on until its length limit, is paid for to the last token and helps nobody.
"""

from __future__ import annotations

_SPAN = 2_000
"""Characters of nothing new at least: a rule of dashes or a column of zeros is shorter."""
_TIMES = 8
_LONGEST_UNIT = 1_000
_WINDOW = _TIMES * _LONGEST_UNIT
_KEY = 48
_CANDIDATES = 16
_STEP = 512
"""Characters between two looks at a stream."""


def repeated(text: str) -> str | None:
    """What the text ends with at least eight times over, through 2,000 characters or more."""
    tail = text[-_WINDOW:]
    if len(tail) < _SPAN:
        return None
    # The last words are looked for further up: the distances are the possible lengths of a unit.
    key, end = tail[-_KEY:], len(tail) - 1
    for _ in range(_CANDIDATES):
        at = tail.rfind(key, 0, end)
        period = len(tail) - _KEY - at
        span = max(_SPAN, _TIMES * period)
        if at < 0 or span > len(tail):
            return None
        last = tail[-span:]
        if last[period:] == last[:-period]:
            return last[-period:]
        end = at + _KEY - 1
    return None


class Ear:
    """Listens to one stream."""

    def __init__(self) -> None:
        self._tail = ""
        self._new = 0

    def hears(self, text: str) -> str | None:
        """Take in a piece; what is repeated, as soon as it is plain."""
        self._tail = (self._tail + text)[-_WINDOW:]
        self._new += len(text)
        if self._new < _STEP:
            return None
        self._new = 0
        return repeated(self._tail)
