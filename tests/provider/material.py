"""What a conversation offers to an answer: words, values under their keys, results, call ids.
A brain that draws on nothing else can be held to the facts that it was given."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from tests.provider.exchange import Exchange, JsonObject, Turn

WORD = re.compile(r"[a-z0-9]+")
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by for from had has have her his how i if in into is it "
        "its me my of on or our she that the their them then there these this those to up "
        "us was we were what when which who why will with would you your please ",
    )
)
NAMED_CALL = re.compile(r"\b(?:evidence|call)[ _-]?(?:id)?\W{1,3}([\w.:-]{3,})", re.IGNORECASE)
TOOL_NAME = re.compile(
    r"`([A-Za-z]\w*(?:[.:/-]+\w+)*)`|^\s*[-*]\s+([A-Za-z]\w*(?:[.:/_-]+\w+)+)", re.M
)
# Not the digits of dates, versions and decimals.
NUMBER = re.compile(r"(?:(\w+)\W{1,3})?(?<![\w.,-])(\d{1,12})(?![\w-]|[.,]\d)")
OPENING = re.compile(r"[{\[]")
LONGEST_SEARCHED = 400_000
# Each failure costs a pass over the text; braces in prose and code are no JSON.
MOST_FAILURES = 200


def words(text: str) -> set[str]:
    """The words that carry meaning, the plural in -s taken off."""
    found = (word for word in WORD.findall(text.lower()) if word not in STOP_WORDS)
    return {re.sub(r"(?<=[a-rt-z]{3})s$", "", word) for word in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A tool's answer since the last message of the user."""

    tool: str
    call_id: str
    text: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    request: str
    """The last message of the user."""
    results: tuple[Result, ...]
    lines: tuple[str, ...]
    """Every line of the conversation."""
    objects: tuple[JsonObject, ...]
    """The JSON objects that stand in it, results first."""

    @classmethod
    def of(cls, exchange: Exchange) -> Material:
        turns = exchange.turns
        asked = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=0)
        results = tuple(_results(turns[asked:]))
        texts = [result.text for result in results] + [turn.text for turn in reversed(turns)]
        return cls(
            request=turns[asked].text,
            results=results,
            lines=tuple(line for turn in turns for line in turn.text.splitlines() if line.strip()),
            objects=tuple(found for text in texts for found in _objects_in(text)),
        )

    @classmethod
    def empty(cls) -> Material:
        return cls(request="", results=(), lines=(), objects=())

    @property
    def call_ids(self) -> list[str]:
        """What a claim may cite: the ids that the results name, else those of the calls."""
        good = [result for result in self.results if not result.failed]
        named = [match[1] for result in good for match in NAMED_CALL.finditer(result.text)]
        return list(dict.fromkeys(named)) or [result.call_id for result in good]

    @property
    def tool_names(self) -> list[str]:
        """Names that the prompt presents like those of tools: in backticks, or leading a bullet."""
        found = (match for line in self.lines for match in TOOL_NAME.finditer(line))
        return list(dict.fromkeys(match[1] or match[2] for match in found))

    def known(self, key: str) -> Iterator[JsonValue]:
        """The values that stand under this key somewhere in the conversation."""
        return (found[key] for found in self.objects if key in found)

    def rows(self, keys: Sequence[str]) -> list[JsonObject]:
        """The objects that have the most of these keys."""
        best = max((len(found.keys() & set(keys)) for found in self.objects), default=0)
        if best == 0:
            return []
        rows = [found for found in self.objects if len(found.keys() & set(keys)) == best]
        return list({json.dumps(row, sort_keys=True): row for row in rows}.values())

    def numbers(self, key: str = "") -> list[int]:
        """The numbers in the request, first those that follow a word of the key."""
        found = [(match[1] or "", int(match[2])) for match in NUMBER.finditer(self.request)]
        meant = [number for word, number in found if words(word) & words(key.replace("_", " "))]
        return list(dict.fromkeys([*meant, *(number for _, number in found)]))

    def find(self, pattern: str) -> str | None:
        """The first match in the request, else in the results."""
        for text in (self.request, *(result.text for result in self.results)):
            if match := re.search(pattern, text):
                return match[0]
        return None

    def keywords(self, count: int) -> str:
        found = (word for word in WORD.findall(self.request.lower()) if word not in STOP_WORDS)
        return " ".join(list(dict.fromkeys(found))[:count]) or "anything"

    def passage(self, rng: random.Random, length: int = 240) -> str:
        """Some sentence of a result or of the request, cut to the length."""
        source = rng.choice([result.text for result in self.results] or [self.request])
        sentences = [
            part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", source) if part.strip()
        ]
        return rng.choice(sentences or [self.request.strip() or "nothing to say"])[:length]

    def choose(self, options: Sequence[str], rng: random.Random) -> str:
        """The option whose name, and whose lines in the prompt, fit best to what else is said."""
        rest = words("\n".join(line for line in self.lines if not _mentions(line, options)))
        spoken = rest or words(self.request)

        def fit(option: str) -> float:
            told = [words(line) for line in self.lines if _mentions(line, [option])]
            by_line = max(
                (len(each & spoken) / math.sqrt(len(each) + 1) for each in told), default=0
            )
            return 2 * len(words(option) & spoken) + by_line

        shuffled = rng.sample(list(options), len(options))
        return max(shuffled, key=fit)


def _mentions(line: str, options: Sequence[str]) -> bool:
    return any(option and option in line for option in options)


def _results(turns: Sequence[Turn]) -> Iterator[Result]:
    names = {call.id: call.name for turn in turns for call in turn.tool_calls}
    for turn in turns:
        if turn.role == "tool":
            id = turn.tool_call_id or ""
            yield Result(
                tool=names.get(id, "tool"), call_id=id, text=turn.text, failed=turn.is_error
            )


def _objects_in(text: str) -> Iterator[JsonObject]:
    """Every JSON object in a text, those inside of others after them."""
    decoder, at, failures = json.JSONDecoder(), 0, 0
    text = text[:LONGEST_SEARCHED]
    while failures < MOST_FAILURES and (match := OPENING.search(text, at)):
        try:
            value, at = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            at, failures = match.end(), failures + 1
            continue
        yield from _nested(value)


def _nested(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _nested(each)
