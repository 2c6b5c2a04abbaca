"""Whether a text may hold one of many strings, in one pass over a part of it.

To look for each of them takes longer the more there are; a read must not pay for every secret of
an installation.
"""

from __future__ import annotations

from collections.abc import Iterable

_LONG = (8, 9)
_MIDDLE = (4, 5)
"""Characters of a window, and of a step from one window to the next. A string that is as long as
both together, less one, covers a window wherever it stands."""


class Sieve:
    """Made once for a set of strings."""

    def __init__(self, strings: Iterable[str]) -> None:
        known = set(strings)
        self._long = _windows(known, *_LONG)
        rest = {one for one in known if len(one) < sum(_LONG) - 1}
        self._middle = _windows(rest, *_MIDDLE)
        self._exact = tuple(one for one in rest if len(one) >= sum(_MIDDLE) - 1)
        self._short = tuple(one for one in rest if len(one) < sum(_MIDDLE) - 1)

    def may_hold(self, text: str) -> bool:
        """False only where none of the strings is in the text."""
        if self._long and not self._long.isdisjoint(_sampled(text, *_LONG)):
            return True
        # Windows of four characters are found in many texts, so that a hit says little.
        near = self._middle and not self._middle.isdisjoint(_sampled(text, *_MIDDLE))
        return any(one in text for one in (self._exact + self._short if near else self._short))


def _windows(strings: Iterable[str], size: int, step: int) -> frozenset[str]:
    long = (one for one in strings if len(one) >= size + step - 1)
    return frozenset(one[at : at + size] for one in long for at in range(step))


def _sampled(text: str, size: int, step: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), step)]
