"""Words, stems and their overlap: all the understanding that the offline model has.

Everything here is a pure function of text, so equal requests always get equal answers.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable

Terms = frozenset[str]

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))\s+(?=[\"'(\[`*A-Z0-9])")
_STOP = frozenset(
    _WORD.findall(
        "a an and any all are as at be been by can could did do does each for from had has have "
        "he her him his how i if in into is it its itself me my no of on or our own please shall "
        "she should so such than that the their them then there these they this those to up us "
        "was we were what when where which while who whom whose why will with would you your"
    )
)


def words(text: str) -> list[str]:
    """The words of a text in lower case; `customerId` and `customer_id` are two words each."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def stem(word: str) -> str:
    """A crude common form: `licences`, `license` and `licensed` become one, and so on."""
    root = _without_ending(word)
    if root.endswith("e") and len(root) > 3:
        root = root[:-1]
    # British and American spelling of the same word (licence, license) should meet.
    return root[:-1] + "s" if root.endswith("nc") else root


def _without_ending(word: str) -> str:
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        least = 2 if ending == "s" else 3
        if not word.endswith(ending) or len(word) - len(ending) < least:
            continue
        if ending == "s" and word.endswith(("ss", "us", "is")):
            continue
        root = word[: -len(ending)]
        if ending == "es" and not root.endswith(("s", "x", "z", "ch", "sh")):
            return root + "e"
        doubled = len(root) > 3 and root[-1] == root[-2] and root[-1] not in "ls"
        return root[:-1] if doubled and ending in ("ing", "ed") else root
    return word


def terms(text: str) -> Terms:
    """The stems that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in _STOP)


def stems(text: str) -> Terms:
    """The stems of all words, the small ones too: for word lists that names are held against."""
    return frozenset(stem(word) for word in words(text))


def name_key(name: str) -> tuple[str, ...]:
    """Names that differ in case, separators or number have the same key."""
    return tuple(stem(word) for word in words(name))


def sentences(text: str) -> list[str]:
    """The sentences of a prose text, in order, with white space collapsed."""
    flat = " ".join(text.split())
    return [part.strip() for part in _SENTENCE_END.split(flat) if part.strip()]


TEXT = terms(
    "summary answer reason cause text explanation description conclusion consequence note "
    "rationale impact detail finding message statement analysis overview recommendation action "
    "lesson step observation"
)
"""Names of fields that hold sentences, which may be put together from other fields."""


class Weights:
    """How much a shared term tells: rare ones in the collection more than common ones."""

    def __init__(self, collection: Iterable[Collection[str]]) -> None:
        seen = [frozenset(entry) for entry in collection]
        self._size = len(seen)
        self._counts = Counter(term for entry in seen for term in entry)

    def of(self, term: str) -> float:
        return math.log(1 + (self._size + 1) / (self._counts[term] + 0.5))

    def shared(self, query: Terms, other: Terms) -> float:
        """The weight of what both have. Zero when they share nothing."""
        # Sorted, because a sum of floats depends on the order of a set.
        return sum(self.of(term) for term in sorted(query & other))


def count_tokens(text: str) -> int:
    """Tokens by the rule of thumb of four for three words, rounded up."""
    return math.ceil(len(text.split()) * 4 / 3)
