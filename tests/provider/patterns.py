"""A text for a regular expression, for schemas that demand one by `pattern`.
Only what a schema may use is covered; the caller validates, so a miss is never silent."""

from __future__ import annotations

import importlib
import random
import string
from collections.abc import Iterable
from typing import Any

# The parser of the standard library has no public name; `sre_parse` warns since 3.11.
_parser: Any = importlib.import_module("re._parser")

MOST_REPEATS = 6
PLAIN = string.ascii_lowercase + string.digits
CLASSES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_WORD": PLAIN + "_",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_DIGIT": string.ascii_lowercase,
    "CATEGORY_NOT_WORD": " ",
    "CATEGORY_NOT_SPACE": PLAIN,
}


def sample(pattern: str, rng: random.Random) -> str:
    """A text that the pattern should match. Raises: re.error, for a pattern that is none."""
    return _sequence(_parser.parse(pattern), rng, {})


def _sequence(nodes: Iterable[Any], rng: random.Random, groups: dict[int, str]) -> str:
    return "".join(_node(str(kind), value, rng, groups) for kind, value in nodes)


def _node(kind: str, value: Any, rng: random.Random, groups: dict[int, str]) -> str:  # noqa: ANN401 - the parser's nodes have no types
    match kind:
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "b" if chr(value) == "a" else "a"
        case "ANY":
            return rng.choice(PLAIN)
        case "IN":
            return _member(value, rng)
        case "BRANCH":
            return _sequence(rng.choice(value[1]), rng, groups)
        case "SUBPATTERN":
            groups[value[0]] = _sequence(value[3], rng, groups)
            return groups[value[0]]
        case "GROUPREF":
            return groups.get(value, "")
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, body = value
            count = rng.randint(least, max(least, min(int(most), MOST_REPEATS)))
            return "".join(_sequence(body, rng, groups) for _ in range(count))
        case _:  # Anchors and assertions take no character.
            return ""


def _member(items: Any, rng: random.Random) -> str:  # noqa: ANN401 - the parser's nodes have no types
    kinds = [(str(kind), value) for kind, value in items]
    if kinds[0][0] == "NEGATE":
        excluded = {letter for kind, value in kinds[1:] for letter in _letters(kind, value)}
        return rng.choice(sorted(set(PLAIN + " -_.") - excluded))
    kind, value = rng.choice(kinds)
    return rng.choice(_letters(kind, value))


def _letters(kind: str, value: Any) -> str:  # noqa: ANN401 - the parser's nodes have no types
    match kind:
        case "LITERAL":
            return chr(value)
        case "RANGE":
            low, high = value
            return "".join(map(chr, range(low, min(high, low + 127) + 1)))
        case _:
            return CLASSES.get(str(value), PLAIN)
